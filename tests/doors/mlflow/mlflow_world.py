"""A registry behind the MLflow door, in process: real database, real blobs, a clock set by hand."""

import json
from urllib.parse import unquote

from assay.doors.mlflow import mlflow_app
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewGrant, NewPrincipal, NewToken
from doors.native.asgi import ask
from usecases.fresh_means import fresh_means
from usecases.registry_world import CountedChance, HandClock

SCOPES = ("read", "write", "evidence", "approve", "admin")


class MlflowWorld:
    """The door over a real store; requests without a token act as ``local``, the admin of this machine."""

    def __init__(self, root):
        self.clock = HandClock()
        self.means = fresh_means(root, self.clock, CountedChance())
        self.use = UseCases.over(self.means)
        self.local = self.use.access.local()
        self.app = mlflow_app(self.use, loopback=True, anonymous=True)

    def token(self, name, role, pattern, scopes=SCOPES):
        """Return a token of a person who has ``role`` (None: no grant) on ``pattern``."""
        if all(each.name != name for each in self.use.access.principals(self.local)):
            self.use.access.create_principal(self.local, NewPrincipal(name))
        if role:
            self.use.access.grant(self.local, NewGrant(name, role, pattern))
        return self.use.access.create_token(self.local, NewToken(tuple(scopes), principal=name)).text

    def send(self, method, path, body=None, token="", headers=(), **more):
        """Send one request below /api/, or to the whole path when it begins with a slash.

        Args:
            method: of HTTP.
            path: percent-encoded, as a client writes it, with its query.
            body: bytes are sent as they are, everything else as JSON; ``chunks`` sends pieces.
            token: a bearer token; none acts as ``local``.
            headers: pairs.
        """
        path, _, query = (path if path.startswith("/") else f"/api/{path}").partition("?")
        sent = list(headers)
        if token:
            sent.append(("authorization", f"Bearer {token}"))
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.append(("content-type", "application/json"))
        chunks = more.pop("chunks", (body or b"",))
        # A server decodes a path once before an application sees it (ASGI, "HTTP connection scope").
        return ask(self.app, method, unquote(path), sent, chunks=chunks, query=query, **more)

    def good(self, method, path, body=None, **more):
        """Send what must succeed; return the document."""
        answer = self.send(method, path, body, **more)
        assert answer.status == 200, answer.body
        return answer.json

    def bad(self, method, path, body=None, **more):
        """Send what must fail; return (status, error code, message)."""
        answer = self.send(method, path, body, **more)
        assert answer.status >= 400, answer.body
        return answer.status, answer.json["error_code"], answer.json["message"]

    def experiment(self, name="numbers", **more):
        """Create an experiment; return its id, a text as on the wire."""
        made = self.good("POST", "2.0/mlflow/experiments/create", {"name": name, **more})
        return made["experiment_id"]

    def run(self, experiment_id="0", **more):
        """Create a run; return its id."""
        made = self.good("POST", "2.0/mlflow/runs/create", {"experiment_id": experiment_id, **more})
        return made["run"]["info"]["run_id"]

    def close(self):
        """Let go of the store."""
        self.means.database.close()
