"""The server process: the doors over the use cases, on Granian, with workers beside it."""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from assay.app.doors import Doors
from assay.app.ending import STOP_S, Ending, let_go
from assay.app.head_keeper import HeadKeeper
from assay.app.logs import write_logs
from assay.app.registry import open_means
from assay.app.sender import Sender
from assay.app.server_address import check_reached
from assay.app.settings import Settings, as_environment
from assay.app.watching import BlobUsage, process_stats
from assay.core.errors import BadInputError, UnavailableError
from assay.core.ports import Clock
from assay.doors.mlflow import mlflow_app
from assay.doors.native import native_app
from assay.doors.operating import Watched, operating_app
from assay.http.asgi import App
from assay.http.counters import Counters
from assay.http.exchanges import Exchanges
from assay.http.guard import host_of, is_loopback
from assay.http.limits import Limits
from assay.http.redirects import Redirects
from assay.usecases.bundle import UseCases

WORKER_STOP_S = 10.0
WORKER_LOOK_S = 5.0
COLLECT_AFTER = 50_000
WAITING_CONNECTIONS = 1024
MOST_CONNECTIONS = 4096
# Descriptors for everything that is no connection of a client: databases, blobs, logs, workers.
KEPT_DESCRIPTORS = 512
# What runs in threads beside the doors; to start it once more does nothing while it runs.
Beside = tuple[Sender | HeadKeeper, ...]
log = logging.getLogger("assay.server")


def build_app(
    use: UseCases, clock: Clock, settings: Settings, requests: Exchanges, counters: Counters
) -> App:
    """Open every door over the use cases.

    Args:
        use: the use cases.
        clock: of the server.
        settings: of the operator.
        requests: what is under way.
        counters: where it is counted.
    """
    loopback = is_loopback(settings.host)
    anonymous = loopback and settings.auth == "local"
    url = settings.public_url
    to = Redirects(settings.redirect_downloads)
    native = native_app(
        use,
        clock,
        redirects=to,
        loopback=loopback,
        anonymous=anonymous,
        public_url=url,
        max_upload_bytes=settings.max_upload_bytes,
    )
    watched = Watched(
        counters,
        requests.__len__,
        lambda: requests.closing,
        process_stats,
        BlobUsage(use.operating.blobs),
        settings.metrics == "open",
    )
    operating = operating_app(use, clock, watched, loopback=loopback, anonymous=anonymous, public_url=url)
    mlflow = mlflow_app(
        use,
        redirects=to,
        loopback=loopback,
        anonymous=anonymous,
        public_url=url,
        max_upload_bytes=settings.max_upload_bytes,
    )
    return Doors(mlflow, native, operating)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is under way then gets ``shutdown_s`` to end.

    Raises:
        BadInputError: no such host, or a bind or a public URL by which others can reach the server
            without ``auth required``; or no address to which browsers come back from a provider.
        UnavailableError: the data folder or the port cannot be used.
    """
    write_logs(settings.log_format, settings.log_level)
    settings = replace(settings, host=_address(settings))
    for name, host in (("host", settings.host), ("public_url", host_of(settings.public_url))):
        if host and not is_loopback(host) and settings.auth != "required":
            rule = "must be required when others can reach the server"
            raise BadInputError.of("auth", rule, f"{name} {host}; start with --auth required")
    check_reached(settings)
    _check_port(settings)
    means = open_means(settings, serves=True)
    use = UseCases.over(means)
    counters = Counters()
    requests = Exchanges(counters.add, Limits(settings.rate_limit, settings.rate_burst))
    requests.before(build_app(use, means.clock, settings, requests, counters))
    _collect_seldom()
    beside = (Sender(use.delivering), HeadKeeper(use.heads))
    workers: list[subprocess.Popen[bytes]] = []
    try:
        asyncio.run(_run(requests, settings, workers, beside))
    finally:
        for each in reversed(beside):
            each.stop(STOP_S)
        _stop(workers)
        means.database.close()


async def _run(
    requests: Exchanges, settings: Settings, workers: "list[subprocess.Popen[bytes]]", beside: Beside
) -> None:
    server = Server(
        requests,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        backlog=WAITING_CONNECTIONS,
        backpressure=_most_connections(),
        log_enabled=False,
        websockets=False,
    )
    loop = asyncio.get_running_loop()
    serving = asyncio.ensure_future(server.serve())

    ending = Ending(requests, server.stop, serving, workers)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.begin, settings.drain_s, settings.shutdown_s)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    log.info("assay on http://%s:%s, data in %s", shown, settings.port, settings.data)
    if settings.database:
        log.info("records in %s", settings.database_shown)
    workers += [_start_worker(settings) for _ in range(settings.workers)]
    for each in beside:
        each.start()
    tending = asyncio.ensure_future(_tend(workers, settings, beside, ending))
    with suppress(asyncio.CancelledError):
        await serving
    tending.cancel()


async def _tend(
    workers: "list[subprocess.Popen[bytes]]", settings: Settings, beside: Beside, ending: Ending
) -> None:
    """Start a worker anew where one died, so that no check waits for ever; what runs beside likewise."""
    while True:
        await asyncio.sleep(WORKER_LOOK_S)
        if ending.begun:
            return
        for each in beside:
            each.start()
        for place, worker in enumerate(workers):
            if worker.poll() is not None:
                log.warning("worker %s ended with %s; a new one is started", worker.pid, worker.returncode)
                workers[place] = _start_worker(settings)


def _most_connections() -> int:
    """Return how many clients may be connected at once, as far as this process may have descriptors.

    Those who hold a connection and say nothing are let go after a while; until then they must not be so
    many that nobody else gets one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + KEPT_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(soft - KEPT_DESCRIPTORS, soft // 2)
    return MOST_CONNECTIONS


def _collect_seldom() -> None:
    """Look for garbage in cycles less often, and never again among what is there for good.

    A request makes thousands of small objects that no cycle holds, so that the collector, by its own
    measure, ran several times in each of them and took a third of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def _start_worker(settings: Settings) -> "subprocess.Popen[bytes]":
    """Start a worker that ends with this process: when its standard input closes."""
    words = [sys.executable, "-m", "assay.app.worker"]
    environment = as_environment(settings, os.environ)
    return subprocess.Popen(words, stdin=subprocess.PIPE, env=environment)  # noqa: S603 - our own program


def _stop(workers: "list[subprocess.Popen[bytes]]") -> None:
    let_go(workers)
    for worker in workers:
        try:
            worker.wait(WORKER_STOP_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _address(settings: Settings) -> str:
    """Return the numeric address that the host means: what is judged is then what is bound."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        rule = "must be an address or a name of this machine"
        raise BadInputError.of("host", rule, repr(settings.host)[:100]) from error
    return str(found[0][4][0])


def _check_port(settings: Settings) -> None:
    """Say clearly that the port is taken, before anything is opened."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        raise UnavailableError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        ) from error
