#!/usr/bin/env bash
# Make a virtual environment with Assay, its checks and its tools. Called by `make setup`.
set -euo pipefail
python=$1
venv=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Assay needs Python 3.11 or newer; found: ${python:-none}" >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    # Debian keeps the standard library's venv in a package of its own.
    package="$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        apt-get install -q -y --no-install-recommends "$package"
    else
        echo "the venv module is missing; install it with: sudo apt-get install $package" >&2
        exit 1
    fi
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# uv installs the rest: it is quick, and the environments of models are built from the same cache.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
# Compiled once, here: servers and jobs start hundreds of times in the tests, and where Python may not
# write bytecode while it runs each of them would compile everything anew.
"$venv/bin/python" -m uv pip install --quiet --compile-bytecode --python "$venv/bin/python" -c constraints.txt -e '.[dev]'
"$venv/bin/python" -m compileall -q src

