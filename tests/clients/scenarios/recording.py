"""What a scenario saw, in a form that two servers can be compared by.

A scenario is an ordinary program over the ordinary client. It notes what a user can observe, and
`Story.tell` prints all of it as one JSON document in which everything that must differ from server to
server and from hour to hour (ids, times, users, addresses, random names) is replaced by placeholders.
Ids are numbered in the order in which they are first seen, so that "the same run again" stays visible.
"""

import getpass
import json
import math
import os
import re
import sys
import time
from pathlib import Path

import requests

# The document goes to the real standard output; whatever the client prints goes to standard error.
_OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

SERVER = os.environ["MLFLOW_TRACKING_URI"]
_IDS = re.compile(
    r"\b(?:(?P<run>[0-9a-f]{32})"
    r"|(?P<model>m-[0-9a-f]{32})"
    r"|(?P<trace>tr-[0-9a-f]{32})"
    r"|(?P<dataset>d-[0-9a-f]{32})"
    r"|(?P<experiment>7\d{6})"  # the servers under test count from there on
    r"|(?P<assessment>a-[0-9a-f]{32})"
    r"|(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))\b"
)
_RANDOM_NAME = re.compile(r"(?<![^'])[a-z]+-[a-z]+-\d{1,4}(?![^'])")
_ADDRESS = re.compile(r"https?://127\.0\.0\.1:\d+")
_PORT = re.compile(r"\bport=\d+")
_TEMPORARY = re.compile(r"/tmp/tmp\w+")
_SET = re.compile(r"\{('[^']*'(?:, '[^']*')*)\}")
_INSTANT = re.compile(r"\b\d{10,19}\b")
_ERROR = re.compile(r'\{"error_code": ?"(\w+)", ?"message": ?"([^"]*)"[^}]*\}')
_DAY_S = 86400


class Story:
    """The results of one scenario.

    Attributes:
        name: a prefix for the names of things, so that scenarios do not meet on a server.
    """

    def __init__(self, name):
        self.name = f"{name}-{os.environ.get('STORY_CLIENT', 'own')}"
        self._results = {}
        self._numbers = {}
        self._began = time.time()

    def note(self, key, value):
        """Keep a result."""
        assert key not in self._results, key
        self._results[key] = self._plain(value)

    def attempt(self, key, call, /, *args, **more):
        """Keep what a call answers, or how it is refused; return the answer."""
        answer = None
        try:
            answer = call(*args, **more)
        except Exception as error:  # noqa: BLE001 - what the client raises is the result
            self.note(key, self.refusal(error))
        else:
            self.note(key, {"accepted": answer})
        return answer

    def refusal(self, error):
        """Return an exception as a user sees it."""
        code = getattr(error, "error_code", None)
        if code is None:
            return {"raised": type(error).__name__, "message": str(error)}
        return {"error_code": code, "message": error.message, "status": error.get_http_status_code()}

    def ask(self, key, method, path, keep="json", **more):
        """Send a plain request; return the answer, of which ``json``, ``text`` or only ``status`` is kept.

        Of an error the code and the message are kept: clients read nothing else of it.
        """
        answer = requests.request(method, SERVER + path, timeout=60, **more)
        kept = {"status": answer.status_code}
        if keep != "status":
            try:
                document = answer.json()
            except ValueError:
                document = "<not JSON>"
            if not answer.ok and isinstance(document, dict):
                kept |= {field: document.get(field) for field in ("error_code", "message")}
            else:
                kept["body"] = document if keep == "json" or not answer.ok else answer.text
        self.note(key, kept)
        return answer

    def know(self, *ids):
        """Number ids before they are seen, where refusals may show them in another order."""
        for each in ids:
            self._text(each)

    def experiment(self, word):
        """Make an experiment of the scenario's own; return its id."""
        from mlflow import MlflowClient

        return MlflowClient().create_experiment(f"{self.name}-{word}")

    def tell(self):
        """Print the document."""
        json.dump(self._results, _OUT, ensure_ascii=False, sort_keys=True, allow_nan=False)
        _OUT.write("\n")
        _OUT.flush()

    def _plain(self, value):
        """Return a value as JSON with placeholders."""
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return self._number(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                return f"<{value}>"
            return self._number(value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(str(key)): self._plain(each) for key, each in value.items()}
        if isinstance(value, (list, tuple, set)):
            return [self._plain(each) for each in value]
        return f"<{type(value).__name__}>"

    def _number(self, value):
        for unit in (1, 1000, 1_000_000_000):
            if abs(value / unit - self._began) < _DAY_S:
                return "<now>"
        return value

    def _text(self, text):
        text = text.replace(str(Path.cwd()), "<here>").replace(SERVER, "<server>")
        text = _PORT.sub("port=<port>", _ADDRESS.sub("<server>", text)).replace(self.name, "~")
        text = _TEMPORARY.sub("<temporary>", text).replace("%2F", "/")
        text = _SET.sub(lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", text)
        text = _ERROR.sub(r"{error_code: \1, message: \2}", _IDS.sub(self._id, text))
        text = _RANDOM_NAME.sub("<random name>", text)
        if text == getpass.getuser():
            return "<user>"
        return _INSTANT.sub(lambda found: str(self._number(int(found[0]))), text)

    def _id(self, found):
        kind, text = found.lastgroup, found.group()
        if not text.strip("-0mtrd"):
            return f"<unknown {kind}>"
        names = self._numbers.setdefault(kind, {})
        return names.setdefault(text, f"<{kind} {len(names) + 1}>")


def experiment(found):
    """Return an experiment as a document."""
    return {
        "name": found.name,
        "stage": found.lifecycle_stage,
        "location": found.artifact_location,
        "created": found.creation_time,
        "updated": found.last_update_time,
        "tags": shown_tags(found.tags),
    }


def run(found, *, system_tags=False):
    """Return a run as a document; tags of the client's own surroundings only if wanted."""
    info, data = found.info, found.data
    return {
        "info": {
            "id": info.run_id,
            "name": info.run_name,
            "status": info.status,
            "start": info.start_time,
            "end": info.end_time,
            "stage": info.lifecycle_stage,
            "user": info.user_id,
            "artifacts": info.artifact_uri,
        },
        "metrics": dict(data.metrics),
        "params": dict(data.params),
        "tags": shown_tags(data.tags, system=system_tags),
    }


SURROUNDINGS = ("mlflow.source.", "mlflow.user", "mlflow.log-model.history")


def shown_tags(tags, *, system=True):
    """Return tags without those that tell of this machine."""
    return {
        key: value
        for key, value in tags.items()
        if not key.startswith(SURROUNDINGS) and (system or not key.startswith("mlflow."))
    }


def model(found):
    """Return a registered model as a document."""
    return {
        "name": found.name,
        "description": found.description,
        "created": found.creation_timestamp,
        "updated": found.last_updated_timestamp,
        "tags": dict(found.tags),
        "aliases": {alias: str(number) for alias, number in found.aliases.items()},
        "latest": [version(each) for each in found.latest_versions],
    }


def version(found):
    """Return a version as a document."""
    return {
        "name": found.name,
        "number": str(found.version),
        "description": found.description,
        "source": found.source,
        "run": found.run_id,
        "stage": found.current_stage,
        "status": found.status,
        "status_message": found.status_message,
        "created": found.creation_timestamp,
        "updated": found.last_updated_timestamp,
        "tags": dict(found.tags),
        "aliases": sorted(found.aliases),
        "run_link": found.run_link,
        "user": found.user_id,
    }


def point(found):
    """Return a metric point as a document."""
    return {"value": found.value, "step": found.step, "at": found.timestamp}


def wait_for_tick():
    """Let the clock of milliseconds move on, so that an order by time has one answer."""
    time.sleep(0.003)


if __name__ == "__main__":
    sys.exit("this module is for scenarios")
