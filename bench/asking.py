"""A client that costs next to nothing, so that the servers' own time is what is seen.

Python's usual HTTP clients take about as long for a small request as a fast server does for the answer.
This one sends prepared bytes over one kept connection and reads the answer; it judges the status only.
"""

import http.client
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

LONGEST_ANSWER_S = 900
# Servers let go of connections that nobody uses; the peer's does after five seconds.
KEPT_S = 2


class Asker:
    """One connection to one server."""

    def __init__(self, url: str) -> None:
        """Keep the address; the connection is made at the first question."""
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=LONGEST_ANSWER_S
        )
        self._used_at = 0.0

    def send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Return the answer's body; anything but success ends the measurement."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        return self._answer(method, path, body, headers)

    def upload(self, path: str, chunks: Iterable[bytes], size_bytes: int) -> None:
        """PUT a body of a known size."""
        self._answer("PUT", path, chunks, {"Content-Length": str(size_bytes)})

    def download(self, path: str) -> int:
        """GET a body and throw it away; return its size in bytes."""
        answer = self._begun("GET", path)
        size = 0
        while piece := answer.read(1 << 20):
            size += len(piece)
        if answer.status != 200:
            raise SystemExit(f"GET {path}: {answer.status}")
        return size

    def post(self, path: str, body: Any) -> Any:
        """Send and read JSON."""
        return msgspec.json.decode(self.send("POST", path, msgspec.json.encode(body)))

    def put(self, path: str, body: Any) -> Any:
        """Send and read JSON."""
        return msgspec.json.decode(self.send("PUT", path, msgspec.json.encode(body)))

    def get(self, path: str, /, **query: str | int) -> Any:
        """Ask with a query and read JSON."""
        return msgspec.json.decode(self.send("GET", f"{path}?{urlencode(query)}"))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _begun(
        self, method: str, path: str, body: Any = None, headers: Any = None
    ) -> http.client.HTTPResponse:
        if time.monotonic() - self._used_at > KEPT_S:
            self._connection.close()
        self._connection.request(method, path, body, headers or {})
        return self._connection.getresponse()

    def _answer(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        answer = self._begun(method, path, body, headers)
        content = answer.read()
        self._used_at = time.monotonic()
        if not 200 <= answer.status < 300:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:500]!r}")
        return content
