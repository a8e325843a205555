"""A limit to how long the database may look for something, so that no question holds a thread for long.

One thread watches over all questions of the process: to begin and to end a watch costs next to nothing,
and the database is not slowed by being asked about the time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from assay.core.errors import BadInputError, Reason
from assay.storage import postgresql
from assay.storage.engines import tell

SEARCH_S: Final = float(postgresql.READ_TIMEOUT_S)
LOOK_S: Final = 0.1


class _Watch:
    """Interrupts what goes on for too long."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: dict[object, tuple[float, Callable[[], None]]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, interrupt: Callable[[], None], until: float) -> Iterator[None]:
        """Call ``interrupt`` when the block goes on after ``until``, and again until it ends."""
        token = object()
        with self._changed:
            self._watched[token] = until, interrupt
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="assay-deadlines", daemon=True)
                self._thread.start()
            elif len(self._watched) == 1:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:  # under the lock: nobody else's question on this connection is interrupted
                del self._watched[token]

    def _look(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._watched)
                now = time.monotonic()
                for until, interrupt in self._watched.values():
                    if now > until:
                        interrupt()
            time.sleep(LOOK_S)  # looked at now and then: a deadline needs no more, a question less


_WATCH: Final = _Watch()


@contextmanager
def within(connection: Connection, seconds: float) -> Iterator[None]:
    """Let the database work in this block until the time is up.

    What it does in one step, such as matching one text with one pattern, it ends first.

    Raises:
        BadInputError: the time was up.
    """
    watched = _on_postgresql if connection.dialect.name == postgresql.NAME else _on_sqlite
    try:
        with watched(connection, seconds):
            yield
    except _TimeIsUpError as error:
        rule = f"must be found within {seconds:g} s: ask for less, by attributes rather than by patterns"
        raise BadInputError(f"the search took longer than {seconds:g} s", [Reason("filter", rule)]) from error


class _TimeIsUpError(Exception):
    """The database was stopped."""


@contextmanager
def _on_sqlite(connection: Connection, seconds: float) -> Iterator[None]:
    raw: Any = connection.connection.dbapi_connection
    until = time.monotonic() + seconds
    try:
        with _WATCH.over(raw.interrupt, until):
            yield
    except OperationalError as error:
        if time.monotonic() <= until:
            raise
        raise _TimeIsUpError from error


@contextmanager
def _on_postgresql(connection: Connection, seconds: float) -> Iterator[None]:
    """Let the server watch: it does so for every statement anyhow, for as long as a search may take."""
    if seconds != postgresql.READ_TIMEOUT_S:
        tell(connection, f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}")
    try:
        yield
    except OperationalError as error:
        if postgresql.state_of(error) != postgresql.CANCELLED:
            raise
        raise _TimeIsUpError from error
    if seconds != postgresql.READ_TIMEOUT_S:
        tell(connection, f"SET LOCAL statement_timeout = '{postgresql.READ_TIMEOUT_S}s'")
