"""Routes become handlers: authenticate, take the request apart, call once, write the answer."""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from litestar import HttpMethod, Request, Response
from litestar.exceptions.http_exceptions import InternalServerException, RequestEntityTooLarge
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from assay.core.access import Caller
from assay.core.digests import Digest
from assay.core.errors import BadInputError, Reason
from assay.doors.native.errors import NO_STORE, document
from assay.doors.native.route import Call, Created, Download, Route
from assay.doors.native.streams import send
from assay.http.bodies import LEAST_BYTES_PER_S, SHORT_BYTES, is_short, prompt
from assay.http.callers import Callers
from assay.http.redirects import Redirects, leading_to
from assay.http.threads import Sender, Threads
from assay.http.uploads import Uploads
from assay.usecases.bundle import UseCases
from assay.wire.codec import encode
from assay.wire.views import ErrorDocument

BASE: Final = "/api/v1"
MAX_JSON_BYTES: Final = 4 * 1024 * 1024
MAX_QUERY_FIELDS: Final = 500
_LOGIN: Final = "set ASSAY_TOKEN, or make a token with: assay token create --data DIR"
T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]
Answer = Response[bytes] | Stream


class Serving:
    """Makes handlers over the use cases."""

    def __init__(self, use: UseCases, *, anonymous: bool, redirects: Redirects) -> None:
        """Keep the use cases.

        Args:
            use: what is called.
            anonymous: a request without a token from this machine acts as the principal ``local``.
            redirects: who is sent to the store for files.
        """
        self._redirects = redirects
        self._use = use
        self._callers = Callers(use.access, anonymous=anonymous, login=_LOGIN)
        self._uploads = Uploads()
        self._threads = Threads()

    def handler(self, route: Route) -> HTTPRouteHandler:
        """Return the handler of one route."""

        async def handle(request: AnyRequest) -> Answer:
            if route.method == "GET" or is_short(request.headers):
                body = b"" if route.method == "GET" else await _body(request, SHORT_BYTES)
                return await self._run(
                    request, lambda: self._answer(route, request, body), search=route.search
                )
            caller = await self._run(request, lambda: self.caller(request))
            body = await _body(request, MAX_JSON_BYTES)
            return await self._run(request, lambda: self._answer(route, request, body, caller))

        reads = route.method == "GET"
        methods = [HttpMethod.GET, HttpMethod.HEAD] if reads else [HttpMethod(route.method)]
        return HTTPRouteHandler(_path(route.path), http_method=methods, status_code=200)(handle)

    def upload_handler(self) -> HTTPRouteHandler:
        """Return the handler that stores a blob while it comes in."""

        async def handle(request: AnyRequest) -> Response[bytes]:
            caller = await self._run(request, lambda: self.caller(request))
            digest = Digest(request.path_params["digest"])
            size = _content_length(request)
            store = self._use.registration.store_blob
            stored, size_bytes = await self._uploads.store(
                caller.name, request.stream(), lambda feed: store(caller, feed, digest, size)
            )
            return _json({"digest": stored, "size_bytes": size_bytes}, 201)

        path = f"{BASE}/blobs/{{digest:str}}"
        return HTTPRouteHandler(path, http_method="PUT", status_code=201, request_max_body_size=None)(handle)

    def blob_handler(self) -> HTTPRouteHandler:
        """Return the handler that tells whether a blob is stored."""

        def answer(request: AnyRequest) -> Response[bytes]:
            caller = self.caller(request)
            size = self._use.registration.blob_size(caller, Digest(request.path_params["digest"]))
            return Response(b"", headers={"Content-Length": str(size), **NO_STORE})

        async def handle(request: AnyRequest) -> Response[bytes]:
            return await self._run(request, lambda: answer(request))

        path = f"{BASE}/blobs/{{digest:str}}"
        return HTTPRouteHandler(path, http_method="HEAD", status_code=200)(handle)

    def caller(self, request: AnyRequest) -> Caller:
        """Say who asks.

        Raises:
            DeniedError: no token where one is needed, or a bad one.
            UnprovenError: a password has to be worked out first.
        """
        return self._callers.of(request.headers, _address(request))

    async def _run(self, request: AnyRequest, act: Callable[[], T], *, search: bool = False) -> T:
        return await self._threads.run(Sender.of(request.headers, _address(request)), act, search=search)

    def _answer(self, route: Route, request: AnyRequest, body: bytes, caller: Caller | None = None) -> Answer:
        caller = caller or self.caller(request)
        sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and sent and route.takes is not None and sent not in route.takes_types:
            return _wrong_type(sent, route)
        path = {name: str(value) for name, value in request.path_params.items()}
        value = route.answer(Call(self._use, caller, path, _query(request, route), body))
        head = request.method == "HEAD"
        if isinstance(value, Download):
            address = value.address() if not head and self._redirects.wanted(request.headers) else None
            if address is not None:
                return Response(b"", status_code=307, headers=leading_to(address))
            return send(value, request.headers.get("range"), request.headers.get("if-range"), head=head)
        if isinstance(value, Created):
            return _json(value.value, 201)
        if route.status == 204:
            return Response(b"", status_code=204, headers=NO_STORE)
        return _json(value, 200 if route.status == 201 else route.status, head=head)


def _address(request: AnyRequest) -> str | None:
    return request.client.host if request.client else None


async def _body(request: AnyRequest, limit: int) -> bytes:
    pieces, size = [], 0
    try:
        async for piece in prompt(request.stream(), least_bytes_per_s=LEAST_BYTES_PER_S):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise RequestEntityTooLarge
    except TimeoutError as error:
        raise BadInputError.of("body", str(error)) from error
    except InternalServerException as error:  # the framework's word for a sender that went away
        raise BadInputError.of("body", "the connection broke before all bytes had come") from error
    return b"".join(pieces)


def _json(value: Any, status: int, *, head: bool = False) -> Response[bytes]:
    content = encode(value)
    headers = {**NO_STORE, "Content-Length": str(len(content))} if head else dict(NO_STORE)
    return Response(
        b"" if head else content, status_code=status, media_type="application/json", headers=headers
    )


def _wrong_type(sent: str, route: Route) -> Response[bytes]:
    rule = "must be " + " or ".join(route.takes_types)
    reason = Reason("Content-Type", rule, sent[:100])
    return document(415, ErrorDocument("bad_input", f"Content-Type: {rule}", (reason,)))


def _query(request: AnyRequest, route: Route) -> dict[str, list[str]]:
    """Take the query apart; refuse what the route does not have, among it tokens in the address."""
    text = request.scope["query_string"].decode("latin1")
    if text.count("&") >= MAX_QUERY_FIELDS:
        raise BadInputError.of("query", f"must have at most {MAX_QUERY_FIELDS} parameters")
    query = parse_qs(text, keep_blank_values=True)
    known = ", ".join(sorted(route.query)) or "none"
    unknown = [
        Reason(name[:100], "unknown query parameter", f"known: {known}")
        for name in query
        if name not in route.query
    ]
    if unknown:
        raise BadInputError("unknown query parameters", unknown[:10])
    return query


def _content_length(request: AnyRequest) -> int | None:
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadInputError.of("Content-Length", "must be a whole number", text[:60])
    return int(text)


def _path(template: str) -> str:
    """Write a path template as the framework wants it: a type with every parameter."""
    parts = (
        part if ":" in part or not part.startswith("{") else part.removesuffix("}") + ":str}"
        for part in template.split("/")
    )
    return BASE + "/".join(parts)
