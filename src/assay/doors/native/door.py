"""The native door as an ASGI application."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from assay import __version__
from assay.core.errors import AssayError
from assay.core.ports import Clock
from assay.doors.native.browser import LANDINGS, Browsers
from assay.doors.native.errors import (
    NO_STORE,
    answer_error,
    answer_unexpected,
    no_such_method,
    no_such_route,
    too_large,
)
from assay.doors.native.openapi import docs_page, openapi_document
from assay.doors.native.routes import ROUTES
from assay.doors.native.serving import BASE, BLOB, Handler, Serving
from assay.doors.native.uploads import PART, part_handler
from assay.http.asgi import App, Receive, Scope, Send
from assay.http.bodies import TooLargeError
from assay.http.exchanges import current
from assay.http.guard import OriginGuard
from assay.http.paths import Paths
from assay.http.redirects import Redirects
from assay.http.replies import JSON, Reply, give
from assay.http.requests import Request
from assay.usecases.bundle import UseCases
from assay.wire.codec import encode
from assay.wire.views import ErrorDocument, Health

HEALTH: Final = "/healthz"


def native_app(  # noqa: PLR0913 - one for each thing that a door is told of its server
    use: UseCases,
    clock: Clock,
    *,
    loopback: bool,
    anonymous: bool,
    public_url: str = "",
    max_upload_bytes: int = 0,
    redirects: Redirects = Redirects(),  # noqa: B008 - frozen
) -> App:
    """Build the application.

    Args:
        use: the use cases.
        clock: for the health answer.
        loopback: the server is bound to a loopback address, so only local names may reach it.
        anonymous: local requests without a token act as the principal ``local``.
        public_url: how clients reach the server through a proxy, if they do.
        max_upload_bytes: larger files are refused; 0 for any size.
        redirects: who is sent to the store for files.
    """
    browsers = Browsers(use, public_url)
    serving = Serving(
        use,
        anonymous=anonymous,
        secure=browsers.secure,
        max_upload_bytes=max_upload_bytes,
        redirects=redirects,
    )
    door = NativeDoor()
    for route in ROUTES:
        door.add(route.method, BASE + route.path, serving.handler(route))
    for method, path, handler in browsers.handlers():
        door.add(method, path, handler)
    door.add("PUT", BLOB, serving.put_blob)
    door.add("HEAD", BLOB, serving.look_for_blob)
    door.add("PUT", BASE + PART, part_handler(serving))
    door.add("GET", HEALTH, _health(clock))
    for path, handler in _docs():
        door.add("GET", path, handler)
    return OriginGuard(door, _say, loopback=loopback, public_url=public_url, landings=LANDINGS)


class NativeDoor:
    """Finds what answers a request and says every error in the registry's words.

    A plain application rather than a framework's: ``docs/decisions/0018-doors-without-a-framework.md``.
    """

    def __init__(self) -> None:
        """Begin without a route."""
        self._paths: Paths[Handler] = Paths()

    def add(self, method: str, template: str, handler: Handler) -> None:
        """Have a handler answer; one of GET answers HEAD too."""
        self._paths.add(method, template, handler)
        if method == "GET":
            self._paths.add("HEAD", template, handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        method, path = scope["method"], scope["path"]
        try:
            reply = await self._answer(method, path.rstrip("/") or "/", scope, receive)
        except Exception as error:
            await give(send, answer_unexpected(method, path, error))
            raise
        await give(send, reply)

    async def _answer(self, method: str, path: str, scope: Scope, receive: Receive) -> Reply:
        found = self._paths.find(method, path)
        if found is None:
            return self._unanswered(method, path)
        handler, parameters = found
        try:
            return await handler(Request(scope, receive, parameters))
        except AssayError as error:
            return answer_error(error)
        except TooLargeError:
            return too_large()

    def _unanswered(self, method: str, path: str) -> Reply:
        methods = self._paths.methods(path)
        if methods and method == "OPTIONS":
            return Reply(status=204, headers={"Allow": ", ".join((*methods, "OPTIONS")), **NO_STORE})
        return no_such_method(methods) if methods else no_such_route()


def _say(error: AssayError) -> bytes:
    return encode(ErrorDocument.of(error))


def _health(clock: Clock) -> Handler:
    async def healthz(request: Request) -> Reply:
        # Asked by what restarts servers: it tells of this process alone. A database that is away is no
        # reason to end all servers over it; /readyz tells of it.
        asked = current()
        asked.route, asked.quiet = HEALTH, True
        return _whole(request, encode(Health("ok", __version__, clock.now())), JSON, NO_STORE)

    return healthz


def _docs() -> tuple[tuple[str, Handler], ...]:
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        # Made when first asked for: it costs more than the rest of the start.
        if not made:
            made.update(openapi_document(ROUTES, BASE))
        return made

    async def openapi_json(request: Request) -> Reply:
        content = await asyncio.to_thread(lambda: encode(document()))
        return _whole(request, content, JSON, NO_STORE)

    async def docs(request: Request) -> Reply:
        policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        content = await asyncio.to_thread(lambda: docs_page(document()))
        return _whole(request, content, "text/html; charset=utf-8", headers)

    return ("/docs/openapi.json", openapi_json), ("/docs", docs)


def _whole(request: Request, content: bytes, media_type: str, headers: Mapping[str, str]) -> Reply:
    """Answer with a whole page, of which HEAD gets the length only."""
    head = request.method == "HEAD"
    said = {**headers, "Content-Length": str(len(content))}
    return Reply(b"" if head else content, 200, media_type, said)
