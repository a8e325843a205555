"""Play scenarios with the client of the environment that runs this file.

The client is imported once; every scenario then runs in a fork of its own, which costs milliseconds
instead of seconds and leaves nothing behind. Reads one JSON document per line from standard input::

    {"scenario": "runs.py", "plays": [{"folder": "/tmp/a", "environment": {"MLFLOW_TRACKING_URI": ...}}]}

The plays of one line run at the same time. What each prints is left in its folder as ``told`` and
``errors``; the answer is one line with the exit codes.
"""

import json
import os
import runpy
import signal
import sys
import time
from pathlib import Path

import mlflow
import mlflow.sklearn
import pandas as pd  # noqa: F401 - imported before the fork
import sklearn.ensemble
import sklearn.linear_model  # noqa: F401

SCENARIOS = Path(__file__).with_name("scenarios")
LONGEST_S = 240


def begin(scenario, play):
    """Fork a process that runs the scenario; return its id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)  # so that what a scenario starts ends with it
    os.chdir(play["folder"])
    os.environ.update(play["environment"])
    for number, name in ((0, os.devnull), (1, "told"), (2, "errors")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.path.insert(0, str(SCENARIOS))
    code = 1
    try:
        runpy.run_path(str(SCENARIOS / scenario), run_name="__main__")
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may leave the fork
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(children):
    """Return the exit codes; a play that takes too long is ended, and has none."""
    deadline = time.monotonic() + LONGEST_S
    codes = []
    for child in children:
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                codes.append(os.waitstatus_to_exitcode(status))
                break
            if time.monotonic() > deadline:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                codes.append(None)
                break
            time.sleep(0.005)
    return codes


def main():
    """Play until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        children = [begin(asked["scenario"], play) for play in asked["plays"]]
        sys.stdout.write(json.dumps({"client": mlflow.__version__, "codes": wait(children)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
