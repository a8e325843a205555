"""The MLflow door as an ASGI application: finds the route, reads the request, calls once, answers.

A plain application rather than a framework: some two hundred fixed paths in one dictionary, and a
client that asks ten times in a row before it loads one model.
"""

import asyncio
import logging
import secrets
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from typing import Final
from urllib.parse import parse_qs, unquote

from assay.core.access import Caller
from assay.core.errors import AssayError, BadInputError, Reason, UnavailableError
from assay.core.outside_names import DEFAULT_TEAM, check_team
from assay.core.request_ids import request_id
from assay.doors.mlflow.errors import (
    LOGIN,
    ForeignError,
    in_no_workspace,
    say,
    status_and_code,
    unknown_route,
)
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.route import Answer, Call, Download, Plain, Route, Waiting
from assay.doors.mlflow.routes import ROUTES
from assay.doors.mlflow.table import RouteTable, served_paths
from assay.http.asgi import App, Receive, Scope, Send
from assay.http.bodies import SHORT_BYTES, TooLargeError, is_short, said_length
from assay.http.callers import Callers
from assay.http.exchanges import current
from assay.http.guard import OriginGuard
from assay.http.ranges import attachment, started, wanted_part
from assay.http.redirects import Redirects, leading_to
from assay.http.replies import JSON, Reply, give
from assay.http.requests import chunks, client_host, headers_of, whole_body
from assay.http.threads import Sender, Threads, Work
from assay.http.uploads import Uploads
from assay.usecases.bundle import UseCases
from assay.wire.codec import encode

MAX_JSON_BYTES: Final = 32 * 1024 * 1024
MAX_QUERY_FIELDS: Final = 5000
LOOK_S: Final = 0.2
_SAFE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
log = logging.getLogger("assay.mlflow")


def mlflow_app(
    use: UseCases,
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
        loopback: the server is bound to a loopback address, so only local names may reach it.
        anonymous: local requests without credentials act as the principal ``local``.
        public_url: how clients reach the server; "" for what they say in their requests.
        max_upload_bytes: larger files are refused; 0 for any size.
        redirects: who is sent to the store for files.
    """
    door = MlflowDoor(
        use,
        anonymous=anonymous,
        public_url=public_url,
        max_upload_bytes=max_upload_bytes,
        redirects=redirects,
    )
    return OriginGuard(door, say, loopback=loopback, public_url=public_url)


class MlflowDoor:
    """Answers one request after another."""

    def __init__(
        self,
        use: UseCases,
        *,
        anonymous: bool,
        public_url: str,
        max_upload_bytes: int,
        redirects: Redirects,
    ) -> None:
        """Keep the use cases; see :func:`mlflow_app`."""
        self._redirects = redirects
        self._max_upload_bytes = max_upload_bytes
        self._use = use
        self._public_url = public_url
        self._callers = Callers(use.access, anonymous=anonymous, login=LOGIN)
        self._table = RouteTable(ROUTES)
        self._threads = Threads(embedded=use.operating.embedded)
        self._uploads: Uploads | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; every error becomes MLflow's JSON."""
        try:
            reply = await self._reply(scope, receive)
        except Exception:
            number = request_id() or secrets.token_hex(6)
            log.exception("request %s: %s %s", number, scope["method"], scope["path"])
            text = f"the registry failed; the operator finds the reason in the log under {number}"
            await give(send, _error(ForeignError(500, "INTERNAL_ERROR", text), scope))
            raise
        await give(send, reply)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        head = scope["method"] == "HEAD"
        try:
            answer = await self._answer(scope, receive)
            if isinstance(answer, Download) and not head:
                answer = await self._or_address(answer, scope)
            if isinstance(answer, Download):
                return await _file(answer, headers_of(scope), head=head)
            plain = answer if isinstance(answer, Plain) else Plain(encode(answer), JSON)
            content = b"" if head else plain.content
            return Reply(content, plain.status, plain.media_type, {**_SAFE, **plain.headers})
        except AssayError as error:
            return _error(error, scope)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        found = self._table.find(method, scope["path"])
        if found is None:
            raise unknown_route(method, scope["path"])
        exchange = current()
        exchange.route, exchange.quiet = served_paths(found[0])[0], found[0].at_once
        asked = _Asked(scope, headers_of(scope), *found)
        if found[0].at_once:
            return self._ask(asked, b"")
        if found[0].stores:
            return await self._stored(asked, receive)
        run, work = partial(self._threads.run, asked.sender), asked.sender.work(asked.route.work)
        if work is Work.LOOK:
            look = partial(self._use.operating.in_one_view, lambda: self._ask(asked, b""))
            return await run(look, work)
        if method == "GET" or is_short(asked.headers):
            body = b"" if method == "GET" else await _body(receive, SHORT_BYTES)
            answer = await run(lambda: self._ask(asked, body), work)
        else:
            caller = await run(lambda: self._caller(asked))
            body = await _body(receive, SHORT_BYTES if asked.route.public else MAX_JSON_BYTES)
            answer = await run(lambda: self._ask(asked, body, caller), work)
        return await _waited(answer) if isinstance(answer, Waiting) else answer

    async def _or_address(self, file: Download, scope: Scope) -> Answer:
        """Return the answer that sends to the store for a file, or the file where there is none to give."""
        wanted = self._redirects.wanted(headers_of(scope))
        address = await asyncio.to_thread(file.address) if wanted else None
        return file if address is None else Plain(status=307, headers=leading_to(address))

    async def _stored(self, asked: "_Asked", receive: Receive) -> Answer:
        if is_short(asked.headers):
            whole = await _body(receive, SHORT_BYTES)
            if 0 < self._max_upload_bytes < len(whole):
                raise ForeignError(413, "INVALID_PARAMETER_VALUE", str(TooLargeError(self._max_upload_bytes)))
            return await self._threads.run(asked.sender, lambda: self._store(asked, whole), Work.WRITE)
        caller = await self._threads.run(asked.sender, lambda: self._caller(asked))
        call = self._call(asked, b"", caller)
        self._uploads = self._uploads or Uploads(most_bytes=self._max_upload_bytes)
        try:
            answer: Answer = await self._uploads.store(
                caller.name,
                chunks(receive),
                lambda feed: asked.route.answer(call, feed),
                said_length(asked.headers),
            )
        except TooLargeError as error:
            raise ForeignError(413, "INVALID_PARAMETER_VALUE", str(error)) from error
        return answer

    def _store(self, asked: "_Asked", whole: bytes) -> Answer:
        call = self._call(asked, b"", self._caller(asked))
        return asked.route.answer(call, [whole] if whole else [])

    def _ask(self, asked: "_Asked", body: bytes, caller: Caller | None = None) -> Answer:
        return asked.route.answer(self._call(asked, body, caller or self._caller(asked)))

    def _caller(self, asked: "_Asked") -> Caller:
        if asked.route.public:
            return self._use.access.nobody()
        return self._callers.of(asked.headers, asked.client_host)

    def _call(self, asked: "_Asked", body: bytes, caller: Caller) -> Call:
        scope, headers = asked.scope, asked.headers
        workspace = headers.get("x-mlflow-workspace", "").strip()
        team = check_team(unquote(workspace)) if workspace else DEFAULT_TEAM
        address = self._public_url or f"{scope.get('scheme', 'http')}://{headers.get('host', '')}"
        fields = _fields(scope, asked.route, headers, body)
        to_store = self._redirects.to_all
        return Call(self._use, caller, fields, asked.path, team, headers, body, address, to_store)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request whose body has not been looked at yet."""

    scope: Scope
    headers: dict[str, str]
    route: Route
    path: dict[str, str]

    @property
    def sender(self) -> Sender:
        """Who seems to ask."""
        return Sender.of(self.headers, self.client_host)

    @property
    def client_host(self) -> str | None:
        """The peer's address, None when it is not known."""
        return client_host(self.scope)


def _fields(scope: Scope, route: Route, headers: dict[str, str], body: bytes) -> Fields:
    if route.stores or scope["method"] in ("GET", "HEAD") or (scope["method"] == "DELETE" and not body):
        text = scope["query_string"].decode("latin1")
        if text.count("&") >= MAX_QUERY_FIELDS:
            raise BadInputError.of("query", f"must have at most {MAX_QUERY_FIELDS} parameters")
        return Fields.of_query(parse_qs(text, keep_blank_values=True))
    if route.raw:
        return Fields({})
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or not (kind or body):
        return Fields.of_body(body)
    # A form or a text/plain body is what a web page may send without being asked first.
    problem = "must be one of ['application/json']." if kind else "header is missing."
    reason = Reason("Content-Type", "must be application/json")
    raise BadInputError(f"Bad Request. Content-Type {problem}", [reason])


async def _body(receive: Receive, limit: int) -> bytes:
    try:
        return await whole_body(receive, limit)
    except TooLargeError as error:
        words = f"the body is larger than {limit} bytes"
        raise ForeignError(413, "INVALID_PARAMETER_VALUE", words) from error


async def _waited(waiting: Waiting) -> Answer:
    loop = asyncio.get_running_loop()
    end = loop.time() + waiting.limit_s
    while loop.time() < end:
        answer = await asyncio.to_thread(waiting.look)
        if answer is not None:
            return answer
        await asyncio.sleep(LOOK_S)
    return await asyncio.to_thread(waiting.at_last)


def _error(error: AssayError, scope: Scope) -> Reply:
    status, _ = status_and_code(error)
    if not headers_of(scope).get("x-mlflow-workspace", "").strip():
        error = in_no_workspace(error)
    headers = dict(_SAFE)
    logins = ('Basic realm="assay"', "Bearer") if status == 401 else ()
    if isinstance(error, UnavailableError) and error.retry_after_s:
        headers["Retry-After"] = str(error.retry_after_s)
    content = b"" if scope["method"] == "HEAD" else say(error)
    more = tuple(("WWW-Authenticate", each) for each in logins)
    return Reply(content, status, headers=headers, more=more)


async def _file(file: Download, headers: dict[str, str], *, head: bool) -> Reply:
    tag = f'"{file.tag}"'
    part = wanted_part(headers.get("range"), headers.get("if-range"), tag, file.size_bytes)
    if part is None:
        rule = f"must be one range within the {file.size_bytes} bytes of the file"
        raise ForeignError(416, "INVALID_PARAMETER_VALUE", f"Range: {rule}")
    # Stored files are data to be saved, never pages of this server: nothing in them may run.
    said = {
        **_SAFE,
        "Content-Disposition": attachment(file.name),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": http_date(file.modified_ms),
        "Cache-Control": "private, no-cache",
        **part.headers(file.size_bytes),
    }
    if head:
        return Reply(b"", part.status, file.media_type, said)
    pieces = await asyncio.to_thread(lambda: started(file.read(part.start, part.stop)))
    return Reply(pieces, part.status, file.media_type, said)


def http_date(at_ms: int) -> str:
    """Return an instant as an HTTP date (RFC 9110, section 5.6.7)."""
    return formatdate(at_ms / 1000, usegmt=True)
