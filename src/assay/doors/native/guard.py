"""The guard in front of a local server: a web page must not reach it.

A browser lets any page send requests to 127.0.0.1. So on a loopback bind only requests addressed to
a loopback name are answered (which stops DNS rebinding), and none that a foreign page made.
"""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from assay.core.errors import Reason
from assay.wire.codec import encode
from assay.wire.views import ErrorDocument

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class OriginGuard:
    """Refuses requests that a page of another origin made; on loopback, also foreign host names."""

    def __init__(self, app: App, *, loopback: bool) -> None:
        """Stand in front of ``app``."""
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            problem = self._problem({key.lower(): value.decode("latin1") for key, value in scope["headers"]})
            if problem is not None:
                await _refuse(send, problem)
                return
        await self._app(scope, receive, send)

    def _problem(self, headers: dict[bytes, str]) -> Reason | None:
        host = headers.get(b"host", "")
        if self._loopback and not is_loopback(_hostname(host)):
            return Reason("Host", "must be a loopback name on this server", host[:200])
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return Reason("Origin", "must be this server's own", origin[:200])
        if headers.get(b"sec-fetch-site") in ("cross-site", "same-site"):
            return Reason("Sec-Fetch-Site", "must be same-origin or none")
        return None


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _refuse(send: Send, reason: Reason) -> None:
    body = encode(ErrorDocument("denied", "a web page may not reach this server", (reason,)))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
