# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.

VENV   := .venv
PYTHON := $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
RUN    := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

.PHONY: setup demo serve test check bench docs clean

setup: $(STAMP)          ## Make .venv with the package, its checks and its tools.

$(STAMP): pyproject.toml constraints.txt tools/setup.sh
	bash tools/setup.sh "$(PYTHON)" "$(VENV)"
	touch $(STAMP)

demo: setup              ## The main job, on real data, told as a story.
	$(RUN) examples/demo/run.py

serve: setup             ## A registry on http://127.0.0.1:8640 with its data in ./assay-data.
	$(VENV)/bin/assay serve

test: setup              ## Every test: most of them two at a time, those that measure load by themselves.
	bash tools/test_programs.sh
	$(RUN) -m pytest -n 2 --dist loadfile -m "not alone"
	$(RUN) -m pytest -m alone

check: setup             ## Exactly what CI checks before it tests.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/lint-imports
	$(RUN) -m pytest -q tests/house

bench: setup             ## Side by side with MLflow; ONLY="tracking growth" asks parts, ARGS=--quick checks that it runs.
	$(RUN) -m bench.run $(if $(ONLY),--only $(ONLY)) $(ARGS)

docs: setup              ## Write the generated reference pages anew.
	$(RUN) tools/write_reference.py

clean:                   ## Remove what set-up and demo made.
	rm -rf $(VENV) .demo
