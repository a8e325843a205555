"""Play a scenario with a real client, against one server or several at the same time."""

import ast
import importlib.util
import json
import os
import subprocess
from pathlib import Path

from clients.stock_server import QUIET

HERE = Path(__file__).parent
SCENARIOS = HERE / "scenarios"
PARTS = {"recording.py", "training.py"}  # what scenarios import; not scenarios themselves
ALONE = "gates_"  # how scenarios begin that are played against Assay only
_SPEC = importlib.util.spec_from_file_location(
    "client_environments", HERE.parents[1] / "tools" / "client_environments.py"
)
environments = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(environments)


def scenarios():
    """Return every scenario with the clients that know what it does: ``{"runs": ("3.17", ...)}``."""
    found = {}
    for path in sorted(SCENARIOS.glob("*.py")):
        if path.name not in PARTS and not path.name.startswith(ALONE):
            tree = ast.parse(path.read_text("utf-8"))
            assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
            named = {
                node.targets[0].id: node.value for node in assigned if isinstance(node.targets[0], ast.Name)
            }
            found[path.stem] = ast.literal_eval(named["CLIENTS"])
    return found


class Player:
    """One client, imported once, that plays scenarios one after the other."""

    def __init__(self, client, folder):
        self._folder = folder
        self._version = client.removeprefix("mlflow-")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        environment |= QUIET
        environment |= {
            # A refusal shows itself at once instead of being asked for again.
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            "OMP_NUM_THREADS": "1",
            "STORY_CLIENT": self._version.replace(".", ""),
        }
        self._process = subprocess.Popen(
            [str(environments.environment(client)), str(HERE / "play.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def play(self, scenario, *servers, **environment):
        """Return what a scenario told of each server; they are played at the same time."""
        plays = []
        for number, server in enumerate(servers):
            folder = self._folder / f"{scenario}-{number}"
            folder.mkdir(exist_ok=True)
            own = {"MLFLOW_TRACKING_URI": server.url, "STORY_DATABASE": str(server.database)}
            plays.append({"folder": str(folder), "environment": {**own, **environment}})
        self._process.stdin.write(json.dumps({"scenario": f"{scenario}.py", "plays": plays}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["client"] == self._version
        told = []
        for play, code in zip(plays, answer["codes"], strict=True):
            folder = Path(play["folder"])
            assert code == 0, f"{play['environment']}: {code}\n{(folder / 'errors').read_text()[-4000:]}"
            told.append(json.loads((folder / "told").read_text("utf-8")))
        return told

    def stop(self):
        """End the client."""
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
