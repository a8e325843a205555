"""The server process: the doors over the use cases, on Granian, with workers beside it."""

import asyncio
import ipaddress
import logging
import signal
import socket
import subprocess
import sys
from contextlib import suppress

from granian.constants import Interfaces
from granian.server.embed import Server

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.errors import BadInputError, UnavailableError
from assay.core.ports import Clock
from assay.doors.native import native_app
from assay.doors.native.guard import App, is_loopback
from assay.usecases.bundle import UseCases

WORKER_STOP_S = 10.0
log = logging.getLogger("assay.server")


def build_app(use: UseCases, clock: Clock, settings: Settings) -> App:
    """Open every door over the use cases."""
    loopback = is_loopback(settings.host)
    return native_app(use, clock, loopback=loopback, anonymous=loopback and settings.auth == "local")


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is under way is finished.

    Raises:
        BadInputError: a bind that others can reach, without ``auth required``.
        UnavailableError: the data folder or the port cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    if not is_loopback(settings.host) and settings.auth != "required":
        rule = "must be required when others can reach the server"
        raise BadInputError.of("auth", rule, f"host {settings.host}; start with --auth required")
    _check_port(settings)
    means = open_means(settings)
    app = build_app(UseCases.over(means), means.clock, settings)
    workers: list[subprocess.Popen[bytes]] = []
    try:
        asyncio.run(_run(app, settings, workers))
    finally:
        _stop(workers)
        means.database.close()


async def _run(app: App, settings: Settings, workers: "list[subprocess.Popen[bytes]]") -> None:
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        log_enabled=False,
        websockets=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    serving = asyncio.ensure_future(server.serve())
    log.info("assay on http://%s:%s, data in %s", settings.host, settings.port, settings.data)
    workers += [_start_worker(settings) for _ in range(settings.workers)]
    await serving


def _start_worker(settings: Settings) -> "subprocess.Popen[bytes]":
    """Start a worker that ends with this process: when its standard input closes."""
    words = [sys.executable, "-m", "assay.app.worker", str(settings.data)]
    return subprocess.Popen(words, stdin=subprocess.PIPE)  # noqa: S603 - our own program


def _stop(workers: "list[subprocess.Popen[bytes]]") -> None:
    for worker in workers:
        if worker.stdin:
            with suppress(BrokenPipeError):
                worker.stdin.close()
    for worker in workers:
        try:
            worker.wait(WORKER_STOP_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _check_port(settings: Settings) -> None:
    """Say clearly that the port is taken, before anything is opened."""
    try:
        family = socket.AF_INET6 if _is_version_6(settings.host) else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        raise UnavailableError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        ) from error


def _is_version_6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
