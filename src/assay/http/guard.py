"""The guard in front of a server: a web page of somebody else must not reach it.

A browser lets any page send requests to 127.0.0.1. So on a loopback bind only requests addressed to
a loopback name are answered (which stops DNS rebinding), and on any bind none that a foreign page made.
"""

import ipaddress
import re
from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import urlsplit

from assay.core.errors import AssayError, BadInputError, DeniedError, Reason
from assay.http.asgi import App, Receive, Scope, Send

# RFC 9110, 7.2: Host = uri-host [ ":" port ]; never a user name.
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


class OriginGuard:
    """Refuses requests that a page of another origin made; on loopback, also foreign host names."""

    def __init__(
        self,
        app: App,
        say: Callable[[AssayError], bytes],
        *,
        loopback: bool,
        public_url: str = "",
        landings: Collection[str] = (),
    ) -> None:
        """Stand in front of ``app``.

        Args:
            app: what is guarded.
            say: writes an error as the JSON of the door behind.
            loopback: the server is bound to a loopback address.
            public_url: how clients reach it, when that is through a proxy: its host is a name of this server.
            landings: paths to which a browser may be sent from elsewhere, as a whole page; they change
                nothing by which another page could gain.
        """
        self._app = app
        self._say = say
        self._loopback = loopback
        self._public_host = host_of(public_url)
        self._landings = frozenset(landings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            found = [(key.lower(), value.decode("latin1")) for key, value in scope["headers"]]
            there = scope.get("path", "") in self._landings
            lands = there and _is_navigation(scope["method"], dict(found))
            page = None if lands else _page_problem(dict(found))
            refusal = self._host_problem(found) or page or _caller_problem(found)
            if refusal is not None:
                await _refuse(send, refusal, self._say(refusal))
                return
        await self._app(scope, receive, send)

    def _host_problem(self, headers: list[tuple[bytes, str]]) -> AssayError | None:
        hosts = [value for key, value in headers if key == b"host"]
        host = hosts[0] if hosts else ""
        match = _HOST.fullmatch(host)
        malformed = host and (match is None or int(match[2] or 0) > 65535)
        if len(hosts) > 1 or malformed:
            # RFC 9112, 3.2: a server answers 400 to more than one, or an invalid, Host.
            reason = Reason("Host", "must be one host name, with a port if need be", host[:200])
            return BadInputError("the Host header is malformed", [reason])
        name = match[1].lower().strip("[]") if match else ""
        if self._loopback and not is_loopback(name) and not (name and name == self._public_host):
            return _foreign(Reason("Host", "must be a loopback name on this server", host[:200]))
        return None


def host_of(url: str) -> str:
    """Return the host that a URL names, in lower case and without brackets; "" for no URL."""
    return urlsplit(url).hostname or ""


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _page_problem(headers: dict[bytes, str]) -> AssayError | None:
    origin = headers.get(b"origin")
    own = headers.get(b"host", "").lower()
    if origin is not None and (not own or origin.lower().partition("://")[2] != own):
        return _foreign(Reason("Origin", "must be this server's own", origin[:200]))
    site = headers.get(b"sec-fetch-site", "none")
    if site not in ("none", "same-origin"):
        return _foreign(Reason("Sec-Fetch-Site", "must be same-origin or none", site[:200]))
    return None


def _is_navigation(method: str, headers: dict[bytes, str]) -> bool:
    """Tell whether a browser opens a whole page: not a part of one, and nothing sent along."""
    whole = headers.get(b"sec-fetch-mode") == "navigate" and headers.get(b"sec-fetch-dest") == "document"
    return method == "GET" and whole and b"origin" not in headers


def _caller_problem(headers: list[tuple[bytes, str]]) -> AssayError | None:
    """Refuse who says twice who they are: the doors would take one for it, a proxy the other."""
    if sum(key == b"authorization" for key, _ in headers) > 1:
        reason = Reason("Authorization", "must be there once")
        return DeniedError("send one Authorization header", [reason], authenticate=True)
    return None


def _foreign(reason: Reason) -> AssayError:
    return DeniedError("a web page may not reach this server", [reason])


async def _refuse(send: Send, refusal: AssayError, body: bytes) -> None:
    unknown = isinstance(refusal, DeniedError) and refusal.authenticate
    status = 400 if isinstance(refusal, BadInputError) else 401 if unknown else 403
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *([(b"www-authenticate", b"Bearer")] if unknown else ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
