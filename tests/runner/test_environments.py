import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.measuring import ModelProblem
from assay.core.provenance import Environment
from assay.runner import environments as module
from assay.runner.environments import Environments, build_variables, requirements

PYTHON = "{}.{}.{}".format(*sys.version_info[:3])
SMALL = Environment(PYTHON, "", ("iniconfig==2.1.0",))


def build_in_process(root: str, barrier, results) -> None:
    barrier.wait()
    built = Environments(Path(root)).build(SMALL)
    results.put((str(built.python), built.reused, built.build_seconds))


def test_a_fresh_environment_has_the_freeze_and_nothing_of_ours(tmp_path):
    built = Environments(tmp_path).build(SMALL)
    program = (
        "import importlib.metadata as m, json, sys;"
        "names = sorted(d.metadata['Name'] + '==' + d.version for d in m.distributions());"
        "print(json.dumps([names, sys.prefix]))"
    )
    done = subprocess.run([built.python, "-I", "-c", program], capture_output=True, check=True)
    assert json.loads(done.stdout) == [["iniconfig==2.1.0"], str(tmp_path / SMALL.digest.hex)]
    assert not built.reused
    assert built.facts["digest"] == str(SMALL.digest)
    assert built.facts["python_version"] == PYTHON
    assert built.facts["tool"] in ("uv", "pip")


def test_what_an_incomplete_freeze_needs_is_found_and_recorded(tmp_path):
    # jinja2 needs markupsafe, which is not named.
    named = Environment(PYTHON, "", ("jinja2==3.1.6",), complete=False)
    built = Environments(tmp_path).build(named)
    assert [line.partition("==")[0].lower() for line in built.facts["resolved"]] == ["markupsafe"]
    assert Environments(tmp_path).build(named).facts["resolved"] == built.facts["resolved"]
    whole = Environments(tmp_path).build(Environment(PYTHON, "", ("jinja2==3.1.6",)))
    assert (whole.facts["resolved"], whole.folder != built.folder) == ([], True)


def test_the_second_asker_gets_the_same_environment(tmp_path):
    first = Environments(tmp_path).build(SMALL)
    again = Environments(tmp_path).build(SMALL)
    assert again.reused
    assert again.python == first.python
    assert again.build_seconds == first.build_seconds


def test_two_processes_building_one_digest_give_one_environment(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    builders = [
        context.Process(target=build_in_process, args=(str(tmp_path), barrier, results)) for _ in range(2)
    ]
    for builder in builders:
        builder.start()
    answers = [results.get(timeout=120) for _ in builders]
    for builder in builders:
        builder.join()
    assert sorted(reused for _, reused, _ in answers) == [False, True]
    assert len({(python, seconds) for python, _, seconds in answers}) == 1
    assert {path.name for path in tmp_path.iterdir()} == {SMALL.digest.hex, f"{SMALL.digest.hex}.lock"}


def test_a_half_built_environment_is_never_used(tmp_path):
    folder = tmp_path / SMALL.digest.hex
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    left_over = tmp_path / f"{SMALL.digest.hex}.building-dead"
    left_over.mkdir()
    built = Environments(tmp_path).build(SMALL)
    assert not built.reused
    assert not left_over.exists()


def test_pip_builds_the_same_where_uv_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_uv", lambda: None)
    built = Environments(tmp_path).build(SMALL)
    assert built.tool == "pip"
    subprocess.run([built.python, "-I", "-c", "import iniconfig"], check=True)


def test_a_failed_build_says_what_the_installer_said_and_leaves_nothing(tmp_path):
    wanted = Environment(PYTHON, "", ("iniconfig==0.0.0.dev99",))
    with pytest.raises(ModelProblem, match="iniconfig"):
        Environments(tmp_path).build(wanted)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_python_that_is_not_here_is_named(tmp_path):
    with pytest.raises(ModelProblem, match=r"Python 3\.2\.1"):
        Environments(tmp_path).build(Environment("3.2.1", "", SMALL.packages))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("numpy>=2", "unpinned"),
        ("numpy", "unpinned"),
        ("numpy==2.*", "unpinned"),
        ("numpy==${HOME}", "unpinned"),
        ("numpy==2.0 --hash=x", "unpinned"),
        ("--index-url=x", "unpinned"),
        ("-e /home/ann/thing", "editable"),
        ("thing @ file:///home/ann/thing", "file or address"),
        ("thing @ git+https://ann:secret@host/thing", "file or address"),
    ],
)
def test_a_line_that_pins_no_release_is_refused_with_the_reason(tmp_path, line, reason):
    with pytest.raises(ModelProblem, match=reason) as caught:
        Environments(tmp_path).build(Environment(PYTHON, "", (line, "scipy>=1")))
    assert "scipy>=1" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_package_pinned_twice_differently_is_refused():
    with pytest.raises(ModelProblem, match="contradicts"):
        requirements(Environment(PYTHON, "", ("scikit-learn==1.0", "Scikit_Learn==1.1")))


@pytest.mark.parametrize(
    "line", ["assay==0.1.0", "assay @ file:///x", "-e git+https://host/assay@0#egg=assay"]
)
def test_the_registry_itself_is_no_dependency_of_a_model(line):
    assert requirements(Environment(PYTHON, "", (line, "numpy==2.0.0"))) == ("numpy==2.0.0",)


def test_an_empty_freeze_is_refused():
    with pytest.raises(ModelProblem, match="no packages"):
        requirements(Environment(PYTHON, "", ("assay==0.1.0",)))


@given(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\n\r"), min_size=1, max_size=60)
)
def test_whatever_passes_is_one_plain_requirement(text):
    try:
        (line,) = requirements(Environment(PYTHON, "", (text,)))
    except ModelProblem:
        return
    name, version = line.split("==")
    assert name[0].isalnum()
    assert not set(version) & set(" ;$%#@/\\'\"=")


def test_the_build_inherits_the_index_configuration_and_no_credentials_of_the_registry(monkeypatch):
    for name in ("ASSAY_TOKEN", "AWS_SECRET_ACCESS_KEY", "PIP_TARGET", "UV_PYTHON"):
        monkeypatch.setenv(name, "x")
    for name in ("PIP_CERT", "UV_HTTP_TIMEOUT", "https_proxy", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "y")
    given_on = build_variables()
    assert {"ASSAY_TOKEN", "AWS_SECRET_ACCESS_KEY", "PIP_TARGET", "UV_PYTHON"}.isdisjoint(given_on)
    assert {given_on[name] for name in ("PIP_CERT", "UV_HTTP_TIMEOUT", "https_proxy", "SSL_CERT_FILE")} == {
        "y"
    }
