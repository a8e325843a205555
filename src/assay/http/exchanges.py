"""Requests under way and what came of each: its id, its route, who asked, how long it took, how much went by.

Stands in front of every door. The doors tell what they find out (:func:`current`); afterwards one line goes
to the log, and whoever counts is told. Neither is ever given a token, a query or a body.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from assay.core.request_ids import begin_request, is_request_id
from assay.http.asgi import App, Receive, Scope, Send
from assay.http.limits import Level, Limits
from assay.http.requests import headers_of
from assay.http.unread import Body

MAX_PATH: Final = 300
_BODILESS: Final = ("GET", "HEAD")
log = logging.getLogger("assay.access")


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        id: the client's own, if it sent one that is well formed.
        path: as asked for, without the query.
        door: which door it came to; "" for none.
        route: the template of the route, never a name out of the path; "" for none.
        principal: who asked; "" when that was not found out.
        status: of the answer; 0 when none was begun, or the client had gone before all of its body came.
        sign_in_failed: it came with credentials that are not good.
        limits: how often one may ask; None: as often as one likes.
        level: how the caller stands with them.
        quiet: asked by machines again and again; not worth a line.
    """

    id: str
    method: str
    path: str
    door: str = ""
    route: str = ""
    principal: str = ""
    status: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    duration_s: float = 0.0
    quiet: bool = False
    sign_in_failed: bool = False
    limits: Limits | None = None
    level: Level | None = None

    def charge(self, who: str) -> None:
        """Count the request for somebody.

        Raises:
            UnavailableError: there were too many of theirs.
        """
        if self.limits is None:
            return
        self.level = self.limits.request(who)
        if self.level is not None and self.level.wait_s:
            raise self.limits.refusal(self.level)

    def facts(self) -> Mapping[str, Any]:
        """Return what the log says of it."""
        return {
            "method": self.method,
            "route": self.route,
            "path": self.path[:MAX_PATH],
            "status": self.status,
            "duration_ms": round(self.duration_s * 1000, 2),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "principal": self.principal,
            "door": self.door,
        }

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.method} {self.path[:MAX_PATH]} {self.status} {self.duration_s * 1000:.1f} ms "
            f"route={self.route or '-'} principal={self.principal or '-'} door={self.door or '-'} "
            f"in={self.bytes_in} out={self.bytes_out}"
        )


_current: ContextVar[Exchange | None] = ContextVar("assay_exchange", default=None)


def current() -> Exchange:
    """Return the exchange under way, for the door to say what it found out; outside of one, one of no use."""
    return _current.get() or Exchange("", "", "")


class Exchanges:
    """Stands in front of the doors and follows every request from its beginning to its end.

    Attributes:
        closing: the server is about to end: connections are told to close after the answer.
    """

    def __init__(self, tell: Callable[[Exchange], None] | None = None, limits: Limits | None = None) -> None:
        """Begin without a request.

        Args:
            tell: is told of every exchange that has ended.
            limits: how often one may ask.
        """
        self._limits = limits
        self._app: App = _nothing
        self._tell = tell
        self._tasks: set[asyncio.Task[Any]] = set()
        self.closing = False

    def before(self, app: App) -> App:
        """Stand in front of ``app`` and return what is to be asked instead of it."""
        self._app = app
        return self

    def __len__(self) -> int:
        """Return how many requests are under way."""
        return len(self._tasks)

    def end(self) -> int:
        """Break off every request that is still under way; uploads among them keep nothing.

        Returns:
            How many there were.
        """
        for task in tuple(self._tasks):
            task.cancel()
        return len(self._tasks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        task = asyncio.current_task()
        if task is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(_id(scope["headers"]), scope["method"], scope["path"], limits=self._limits)
        # The server makes a task, and with it a context, for every request.
        _current.set(exchange)
        begin_request(exchange.id)
        self._tasks.add(task)
        begun = time.perf_counter()
        try:
            if exchange.method in _BODILESS:
                await self._app(scope, receive, self._said(exchange, scope, send))
                return
            body = Body(headers_of(scope), _counted(exchange, receive))
            await self._app(scope, body.hear, self._said(exchange, scope, send, body))
        finally:
            self._tasks.discard(task)
            exchange.duration_s = time.perf_counter() - begun
            if self._tell is not None:
                self._tell(exchange)
            _write(exchange)

    def _said(self, exchange: Exchange, scope: Scope, send: Send, body: Body | None = None) -> Send:
        name = (b"x-request-id", exchange.id.encode())

        async def say(message: Any) -> None:
            if message["type"] == "http.response.start":
                if body is not None:
                    await body.pass_over()
                exchange.status = 0 if body is not None and body.gone else message["status"]
                headers = [*message.get("headers", ()), name]
                if exchange.level is not None and self._limits is not None:
                    headers += self._limits.headers(exchange.level)
                # HTTP/2 has a frame for it (RFC 9113, section 8.2.2: the field itself is malformed there).
                if self.closing and scope.get("http_version", "").startswith("1"):
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            else:
                exchange.bytes_out += len(message.get("body", b""))
            await send(message)

        return say


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError("there is no door yet")


def _counted(exchange: Exchange, receive: Receive) -> Receive:
    async def hear() -> Any:
        message = await receive()
        exchange.bytes_in += len(message.get("body", b""))
        return message

    return hear


def _id(headers: Any) -> str:
    for key, value in headers:
        if key == b"x-request-id":
            text = value.decode("latin1")
            if is_request_id(text):
                return str(text)
            break
    return secrets.token_hex(8)


def _write(exchange: Exchange) -> None:
    """Log it; made by hand, because the usual way first looks where in the program the line was written."""
    level = logging.DEBUG if exchange.quiet and exchange.status < 400 else logging.INFO
    if log.isEnabledFor(level):
        log.handle(logging.LogRecord(log.name, level, "", 0, exchange, (), None))
