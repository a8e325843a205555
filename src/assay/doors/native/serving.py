"""Routes become handlers: authenticate, take the request apart, call once, write the answer."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from assay.core.access import Caller
from assay.core.answers import Answer as Kept
from assay.core.answers import Once, parse_key
from assay.core.digests import Digest
from assay.core.errors import AssayError, BadInputError, Reason
from assay.core.preconditions import ANYTHING, Precondition
from assay.doors.native.errors import NO_STORE, document, status_of
from assay.doors.native.route import Call, Created, Download, Lines, Route
from assay.doors.native.streams import send, send_lines
from assay.http.bodies import SHORT_BYTES, TooLargeError, is_short
from assay.http.callers import Callers
from assay.http.conditions import precondition
from assay.http.exchanges import current
from assay.http.redirects import Redirects, leading_to
from assay.http.replies import Reply
from assay.http.requests import Request
from assay.http.threads import Sender, Threads, Work
from assay.http.uploads import Feed, Uploads
from assay.usecases.bundle import UseCases
from assay.wire.codec import encode, tag_of
from assay.wire.views import ErrorDocument

BASE: Final = "/api/v1"
MAX_JSON_BYTES: Final = 4 * 1024 * 1024
MAX_QUERY_FIELDS: Final = 500
BLOB: Final = f"{BASE}/blobs/{{digest}}"
_KEY: Final = "idempotency-key"
_LOGIN: Final = "set ASSAY_TOKEN, or make a token with: assay token create --data DIR"
T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Reply]]


class Serving:
    """Makes handlers over the use cases."""

    def __init__(
        self, use: UseCases, *, anonymous: bool, secure: bool, max_upload_bytes: int, redirects: Redirects
    ) -> None:
        """Keep the use cases.

        Args:
            use: what is called.
            anonymous: a request without a token from this machine acts as the principal ``local``.
            secure: browsers reach the server by https.
            max_upload_bytes: larger files are refused; 0 for any size.
            redirects: who is sent to the store for files.
        """
        self.use = use
        self._redirects = redirects
        session = use.sessions.caller
        self._callers = Callers(use.access, anonymous=anonymous, login=_LOGIN, session=session, secure=secure)
        self._max_upload_bytes = max_upload_bytes
        self._uploads = Uploads(most_bytes=max_upload_bytes)
        self._threads = Threads(embedded=use.operating.embedded)

    def handler(self, route: Route) -> Handler:
        """Return the handler of one route."""
        name = BASE + route.path

        async def handle(request: Request) -> Reply:
            current().route = name
            if route.method == "GET" or is_short(request.headers):
                body = b"" if route.method == "GET" else await request.body(SHORT_BYTES)
                return await self._run(request, lambda: self._answer(route, request, body), route.work)
            caller = await self._run(request, lambda: self.caller(request))
            body = await request.body(MAX_JSON_BYTES)
            return await self._run(request, lambda: self._answer(route, request, body, caller), route.work)

        return handle

    async def put_blob(self, request: Request) -> Reply:
        """Store a blob while it comes in."""

        def put(caller: Caller, feed: Feed) -> dict[str, Any]:
            digest = Digest(request.path["digest"])
            size = self.content_length(request)
            stored, size_bytes = self.use.registration.store_blob(caller, feed, digest, size)
            return {"digest": stored, "size_bytes": size_bytes}

        return await self.store(request, BLOB, put)

    async def look_for_blob(self, request: Request) -> Reply:
        """Tell whether a blob is stored."""

        def answer() -> Reply:
            caller = self.caller(request)
            size = self.use.registration.blob_size(caller, Digest(request.path["digest"]))
            return Reply(headers={"Content-Length": str(size), **NO_STORE})

        current().route = BLOB
        return await self._run(request, answer)

    async def store(self, request: Request, route: str, put: Callable[[Caller, Feed], Any]) -> Reply:
        """Run ``put`` over the caller and the bytes of a request while they come in; answer what it returns.

        Args:
            request: with the bytes.
            route: its template, for those who watch the server.
            put: stores the bytes.

        Raises:
            AssayError: whatever finding the caller, and ``put``, raise.
        """
        current().route = route
        caller = await self._run(request, lambda: self.caller(request))
        size, body = self.content_length(request), request.chunks()
        try:
            value = await self._uploads.store(caller.name, body, lambda feed: put(caller, feed), size)
        except TooLargeError as error:
            words = str(error)
            return document(413, ErrorDocument("bad_input", words, (Reason("body", words),)))
        return _json(value, 201)

    def content_length(self, request: Request) -> int | None:
        """Return how many bytes a request says it has; None when it does not say.

        Raises:
            BadInputError: what it says is no number.
        """
        text = request.headers.get("content-length")
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise BadInputError.of("Content-Length", "must be a whole number", text[:60])
        return int(text)

    def caller(self, request: Request) -> Caller:
        """Say who asks.

        Raises:
            DeniedError: no token where one is needed, or a bad one; or a session that ended, or that a
                page of another server uses.
            UnprovenError: a password has to be worked out first.
        """
        return self._callers.of(request.headers, request.client_host, request.method)

    async def _run(self, request: Request, act: Callable[[], T], work: Work = Work.READ) -> T:
        sender = Sender.of(request.headers, request.client_host)
        work = sender.work(work)
        if work is Work.LOOK:
            return await self._threads.run(sender, partial(self.use.operating.in_one_view, act), work)
        return await self._threads.run(sender, act, work)

    def _answer(self, route: Route, request: Request, body: bytes, caller: Caller | None = None) -> Reply:
        caller = caller or self.caller(request)
        sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and sent and route.takes is not None and sent not in route.takes_types:
            return _wrong_type(sent, route)
        query, expected = _query(request, route), _expected(request, route)
        call = Call(self.use, caller, request.path, query, body, expected, self._max_upload_bytes)
        keys = request.all(_KEY) if route.method == "POST" else ()
        if keys:
            return self._once(route, call, keys, request)
        value = route.answer(call)
        head = request.method == "HEAD"
        if isinstance(value, Download):
            address = value.address() if not head and self._redirects.wanted(request.headers) else None
            if address is not None:
                return Reply(status=307, headers=leading_to(address))
            return send(value, request.headers.get("range"), request.headers.get("if-range"), head=head)
        if isinstance(value, Lines):
            return send_lines(value, route.media_type, head=head)
        if isinstance(value, Created):
            return _json(value.value, 201)
        if route.status == 204:
            return Reply(status=204, headers=NO_STORE)
        if route.tagged:
            return _tagged(value, call.expected, head=head, reads=route.method == "GET")
        return _json(value, 200 if route.status == 201 else route.status, head=head)

    def _once(self, route: Route, call: Call, keys: Sequence[str], request: Request) -> Reply:
        """Answer a request that is to take effect once."""
        if len(keys) > 1:
            raise BadInputError.of("Idempotency-Key", "must be there once")
        parts = (request.method.encode(), request.url_path.encode(), request.query, call.body)
        once = Once.of(call.caller.name, parse_key(keys[0]), *parts, secret=route.secret)

        def act() -> Kept:
            value = route.answer(call)
            if route.status == 204:
                return Kept(204, b"")
            if isinstance(value, Created):
                return Kept(201, encode(value.value))
            return Kept(200 if route.status == 201 else route.status, encode(value))

        kept, again = self.use.repeating.once(once, act, _kept_error)
        headers = {**NO_STORE, **({"Idempotency-Replayed": "true"} if again else {})}
        return Reply(kept.body, kept.status, headers=headers)


def _kept_error(error: AssayError) -> Kept:
    return Kept(status_of(error)[0], encode(ErrorDocument.of(error)))


def _json(value: Any, status: int, *, head: bool = False) -> Reply:
    content = encode(value)
    headers = {**NO_STORE, "Content-Length": str(len(content))} if head else dict(NO_STORE)
    return Reply(b"" if head else content, status, headers=headers)


def _tagged(value: Any, expected: Precondition, *, head: bool, reads: bool) -> Reply:
    """Answer with an entity tag; who has that state already is told so (RFC 9110, 15.4.5)."""
    tag = tag_of(value)
    headers = {**NO_STORE, "Cache-Control": "private, no-cache", "ETag": f'"{tag}"'}
    if reads and expected.none_match is not None and expected.is_known(tag):
        return Reply(status=304, headers=headers)
    if reads:
        expected.check(tag, "it")
    content = encode(value)
    if head:
        headers["Content-Length"] = str(len(content))
    return Reply(b"" if head else content, headers=headers)


def _expected(request: Request, route: Route) -> Precondition:
    """Read on which state the caller builds; a route that cannot heed it must not write over it."""
    match, none_match = (request.all(name) for name in ("if-match", "if-none-match"))
    if not (match or none_match) or (route.method == "GET" and not route.tagged):
        return ANYTHING
    if not route.tagged:
        raise BadInputError.of("If-Match" if match else "If-None-Match", "is not heeded by this route")
    return precondition(match, none_match)


def _wrong_type(sent: str, route: Route) -> Reply:
    rule = "must be " + " or ".join(route.takes_types)
    reason = Reason("Content-Type", rule, sent[:100])
    return document(415, ErrorDocument("bad_input", f"Content-Type: {rule}", (reason,)))


def _query(request: Request, route: Route) -> dict[str, list[str]]:
    """Take the query apart; refuse what the route does not have, among it tokens in the address."""
    text = request.query.decode("latin1")
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
