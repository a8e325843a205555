"""A registry behind the native door, in process, with tokens for everybody."""

import hashlib
import json

from assay.app.system import SystemChance, SystemClock
from assay.doors.native import native_app
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewGrant, NewPrincipal, NewToken
from doors.app_client import AppClient
from usecases.fresh_means import fresh_means

BLOB = b"weights"
DIGEST = "sha256:" + hashlib.sha256(BLOB).hexdigest()
SCOPES = ("read", "write", "evidence", "approve", "admin")


class NativeWorld:
    """The door over a real store; ``send`` speaks HTTP to it."""

    def __init__(self, root):
        self.means = fresh_means(root, SystemClock(), SystemChance())
        self.use = UseCases.over(self.means)
        self.local = self.use.access.local()
        app = native_app(self.use, self.means.clock, loopback=True, anonymous=True)
        self.client = AppClient(app)
        self.admin = self.token("root", "admin", "*")

    def token(self, name, role, pattern, scopes=SCOPES):
        """Return a token of a person who has ``role`` (None: no grant) on ``pattern``."""
        if all(each.name != name for each in self.use.access.principals(self.local)):
            self.use.access.create_principal(self.local, NewPrincipal(name))
        if role:
            self.use.access.grant(self.local, NewGrant(name, role, pattern))
        return self.use.access.create_token(self.local, NewToken(tuple(scopes), principal=name)).text

    def send(self, method, path, token="", body=None, **more):
        """Send one request below /api/v1."""
        headers = {"Authorization": f"Bearer {token or self.admin}", **more.pop("headers", {})}
        content = body if isinstance(body, bytes | str) else None if body is None else json.dumps(body)
        return self.client.request(method, "/api/v1" + path, content=content, headers=headers, **more)

    def version(self, model="team/task"):
        """Register a version of one small file."""
        self.send("PUT", f"/blobs/{DIGEST}", body=BLOB).raise_for_status()
        count = len(self.send("GET", "/versions?limit=1000").json()["items"])
        files = [{"path": f"m{count}.bin", "digest": DIGEST, "size_bytes": len(BLOB)}]
        done = self.send("POST", f"/models/{model}/versions", body={"files": files})
        done.raise_for_status()
        return done.json()

    def close(self):
        """Let go."""
        self.means.database.close()
