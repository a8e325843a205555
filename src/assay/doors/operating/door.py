"""The operators' door as an ASGI application."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from itertools import chain
from typing import Final

from assay import __version__
from assay.core.errors import AssayError, BadInputError, DeniedError, NotFoundError, Reason, UnavailableError
from assay.core.figures import Figures
from assay.core.ports import Clock
from assay.doors.operating.admitted import Admitted
from assay.doors.operating.exposition import MEDIA_TYPE, Family, exposition
from assay.doors.operating.families import (
    blob_families,
    database_families,
    process_families,
    server_families,
)
from assay.http.asgi import App, Receive, Scope, Send
from assay.http.callers import Callers
from assay.http.counters import Counters
from assay.http.exchanges import current
from assay.http.guard import OriginGuard
from assay.http.requests import client_host, headers_of
from assay.http.threads import Sender, Threads
from assay.usecases.bundle import UseCases
from assay.wire.codec import encode
from assay.wire.views import ErrorDocument, Readiness

READY: Final = "/readyz"
METRICS: Final = "/metrics"
READY_KEPT_S: Final = 1.0
FIGURES_KEPT_S: Final = 10.0
_LOGIN: Final = "send a token of somebody with the role reader on *"
_STATUS: Final = {BadInputError: 400, DeniedError: 403, NotFoundError: 404, UnavailableError: 503}
_JSON: Final = "application/json"
log = logging.getLogger("assay.operating")


@dataclass(frozen=True, slots=True)
class Watched:
    """What this door tells of, beside the use cases.

    Attributes:
        counters: of the requests.
        in_flight: returns how many requests are under way.
        closing: returns whether the server was told to stop.
        process: returns what the system says of this process.
        blobs: returns how many blobs there are and their bytes; None while that is not known.
        is_open: everybody may read the metrics.
    """

    counters: Counters
    in_flight: Callable[[], int]
    closing: Callable[[], bool]
    process: Callable[[], Mapping[str, float]]
    blobs: Callable[[], tuple[int, int] | None]
    is_open: bool = False


def operating_app(
    use: UseCases, clock: Clock, watched: Watched, *, loopback: bool, anonymous: bool, public_url: str = ""
) -> App:
    """Build the application.

    Args:
        use: the use cases.
        clock: for ages.
        watched: what is told of.
        loopback: the server is bound to a loopback address, so only local names may reach it.
        anonymous: local requests without a token act as the principal ``local``.
        public_url: how clients reach the server through a proxy, if they do.
    """
    callers = None if watched.is_open else Callers(use.access, anonymous=anonymous, login=_LOGIN)
    door = OperatingDoor(use, clock, watched, callers)
    return OriginGuard(door, _say, loopback=loopback, public_url=public_url)


class OperatingDoor:
    """Answers the two questions."""

    def __init__(self, use: UseCases, clock: Clock, watched: Watched, callers: Callers | None) -> None:
        """Keep the means; ``callers`` None: nobody has to say who they are."""
        self._use = use
        self._clock = clock
        self._watched = watched
        self._callers = callers
        self._admitted = Admitted()
        self._threads = Threads()
        # Of its own, so that probes do not wait for others' work; one, so that many probes ask once.
        self._probing = ThreadPoolExecutor(1, "assay-ready")
        self._ready: tuple[float, tuple[Reason, ...]] = (0.0, ())
        self._figures: tuple[float, Figures | None] = (0.0, None)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        exchange = current()
        exchange.route, exchange.quiet = scope["path"], True
        headers = headers_of(scope)
        head = scope["method"] == "HEAD"
        try:
            if scope["method"] not in ("GET", "HEAD"):
                raise BadInputError.of("method", "must be GET", scope["method"][:20])
            if scope["path"] == READY:
                await self._answer_ready(send, head=head)
            else:
                await self._answer_metrics(scope, headers, send, head=head)
        except AssayError as error:
            status, more = _status_of(error)
            await _send(send, status, b"" if head else _say(error), _JSON, more)

    async def _answer_ready(self, send: Send, *, head: bool) -> None:
        loop = asyncio.get_running_loop()
        problems = await loop.run_in_executor(self._probing, copy_context().run, self._problems)
        if self._watched.closing():
            problems = (Reason("shutdown", "this server is about to end"), *problems)
        body = encode(Readiness("unready" if problems else "ready", problems))
        await _send(send, 503 if problems else 200, b"" if head else body, _JSON)

    def _problems(self) -> tuple[Reason, ...]:
        at, problems = self._ready
        if not at or time.monotonic() - at > READY_KEPT_S:
            problems = self._use.operating.problems()
            if problems:
                log.warning("not ready: %s", "; ".join(map(str, problems)))
            self._ready = (time.monotonic(), problems)
        return problems

    async def _answer_metrics(
        self, scope: Scope, headers: Mapping[str, str], send: Send, *, head: bool
    ) -> None:
        address = client_host(scope)
        sender = Sender.of(headers, address)
        judged = await self._threads.run(sender, lambda: self._judge(headers, address))
        figures = await self._threads.run(sender, self._figures_now) if judged else None
        watched, operating = self._watched, self._use.operating
        blobs = await self._threads.run(sender, watched.blobs) if judged else None
        families = chain(
            (_info(),),
            server_families(watched.counters, watched.in_flight(), operating.connections()),
            database_families(figures, self._clock.now()),
            blob_families(*blobs) if blobs else (),
            process_families(watched.process()),
        )
        await _send(send, 200, b"" if head else exposition(families), MEDIA_TYPE)

    def _judge(self, headers: Mapping[str, str], address: str | None) -> bool:
        """Let through who may know how much of what there is.

        Returns:
            Whether the right was judged; False for who had it lately, while no right can be judged. They
            are shown what this process knows by itself, and that the database is away.
        """
        callers, credentials = self._callers, headers.get("authorization", "")
        if callers is None:
            return True
        try:
            self._use.operating.check(callers.of(headers, address))
        except DeniedError:
            self._admitted.turned_away(credentials)
            raise
        except UnavailableError as error:
            if error.too_many or not self._admitted.lately(credentials):
                raise
            return False
        self._admitted.let_in(credentials)
        return True

    def _figures_now(self) -> Figures | None:
        at, figures = self._figures
        if not at or time.monotonic() - at > FIGURES_KEPT_S:
            try:
                figures = self._use.operating.figures()
            except UnavailableError as error:
                log.warning("the counts cannot be read: %s", error)
                figures = None
            self._figures = (time.monotonic(), figures)
        return figures


def _info() -> Family:
    return Family.by("assay_info", "gauge", "The version of this server.", "version", {__version__: 1})


def _status_of(error: AssayError) -> tuple[int, list[tuple[bytes, bytes]]]:
    if isinstance(error, DeniedError) and error.authenticate:
        return 401, [(b"www-authenticate", b"Bearer")]
    if isinstance(error, UnavailableError) and error.too_many:
        return 429, [(b"retry-after", str(error.retry_after_s).encode())]
    return _STATUS.get(type(error), 503), []


def _say(error: AssayError) -> bytes:
    return encode(ErrorDocument.of(error))


async def _send(
    send: Send, status: int, body: bytes, media_type: str, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *(more or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
