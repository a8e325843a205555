"""A registry in memory, spoken to through httpx's own mock transport."""

import re
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote

import httpx
import pytest

from assay.client import Client
from assay.core.digests import Manifest, digest_of
from assay.core.names import ModelName
from assay.core.semver import SemVer
from assay.core.versions import Version
from assay.wire import codec
from assay.wire.requests import NewVersion
from assay.wire.views import ErrorDocument

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
FILE_ROUTE = re.compile(r"/api/v1/models/\w+/\w+/versions/\d+/files/(.+)")


@dataclass
class FakeRegistry:
    """Keeps blobs and one version, and what was asked of it."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)
    received: NewVersion | None = None
    cut_at: int | None = None
    damaged: bool = False
    ranges: bool = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = unquote(request.url.raw_path.decode().partition("?")[0])
        if path.startswith("/api/v1/blobs/"):
            return self._blob(request, path.removeprefix("/api/v1/blobs/"))
        if request.method == "POST" and path.endswith("/versions"):
            self.received = codec.decode_strict(request.read(), NewVersion)
            return httpx.Response(201, content=codec.encode(self.version()))
        found = FILE_ROUTE.fullmatch(path)
        if found:
            return self._file(request, found[1])
        if "/versions/" in path:
            return httpx.Response(200, content=codec.encode(self.version()))
        return httpx.Response(404, content=codec.encode(ErrorDocument("not_found", f"no {path}")))

    def version(self) -> Version:
        """Answer with what was registered, or with all blobs under the names that tests gave them."""
        assert self.received is not None
        manifest = Manifest(self.received.files)
        return Version(
            model=ModelName("team/task"),
            number=1,
            semver=SemVer(1, 0, 0),
            digest=manifest.digest,
            size_bytes=manifest.size_bytes,
            files=manifest.entries,
            formats=(),
            entrypoint="",
            signature=self.received.signature,
            provenance=self.received.provenance,
            bump_reasons=(),
            registered_at=NOON,
            registered_by="local",
        )

    def _blob(self, request: httpx.Request, digest: str) -> httpx.Response:
        if request.method == "HEAD":
            known = self.blobs.get(digest)
            headers = {"Content-Length": str(len(known))} if known is not None else {}
            return httpx.Response(200 if known is not None else 404, headers=headers)
        content = request.read()
        assert digest_of(content) == digest
        assert request.headers["content-length"] == str(len(content))
        self.blobs[digest] = content
        body = {"digest": digest, "size_bytes": len(content)}
        return httpx.Response(201, content=codec.encode(body))

    def _file(self, request: httpx.Request, path: str) -> httpx.Response:
        entry = self.version().manifest.find(path)
        assert entry is not None
        whole = self.blobs[entry.digest]
        if self.damaged:
            whole = bytes(len(whole))
        start, status, headers = 0, 200, {"ETag": f'"{entry.digest}"'}
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if asked and self.ranges and request.headers["if-range"] == headers["ETag"]:
            start, status = int(asked[1]), 206
            headers["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        content = whole[start:]
        if self.cut_at is not None:
            kept, self.cut_at = content[: self.cut_at], None
            return httpx.Response(status, headers=headers, stream=Breaking(kept))
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


class Breaking(httpx.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self):
        yield self._content
        raise httpx.ReadError("connection reset")


@pytest.fixture
def fake() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def client(fake):
    with Client("http://registry.test", "", transport=httpx.MockTransport(fake)) as client:
        yield client


@pytest.fixture
def answering():
    """Return a maker of clients whose every request gets one answer."""
    made = []

    def make(status: int, content: bytes = b"", **headers: str) -> Client:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(status, content=content, headers=headers)

        made.append(Client("http://registry.test", "", transport=httpx.MockTransport(answer)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
