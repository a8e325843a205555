"""Turns among processes that write to one file: whoever waits longest writes next.

SQLite lets whoever comes at the right moment begin to write. Of two busy processes one then hardly ever
does: its competitor begins anew in less time than passes between two looks of the one that waits. So they
queue here first, behind two locks that vanish with the process that holds them: who holds ``next`` waits
for ``turn``, and nobody passes by. Only the turn counts: where whoever is next does not move, because it was
stopped, the others do not wait for it for long, and take turns as they come.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from assay.core.errors import UnavailableError

# Whoever is next and works has had its turn by then, also on a slow disk.
QUEUED_S: Final = 2.0
_FIRST_LOOK_S: Final = 0.000_2
_LAST_LOOK_S: Final = 0.005


class Turnstile:
    """The queue in front of one file; each process makes one of its own."""

    def __init__(self, file: Path) -> None:
        """Queue in front of ``file``; the locks lie beside it."""
        self._next = file.with_name(f"{file.name}-next")
        self._turn = file.with_name(f"{file.name}-turn")

    @contextmanager
    def turn(self, patience_s: float) -> Iterator[None]:
        """Wait for a turn and hold it.

        Args:
            patience_s: so long at most.

        Raises:
            UnavailableError: others write for that long, or the locks cannot be made.
        """
        now = time.monotonic()
        following = _locked(self._next, now + min(patience_s, QUEUED_S))
        try:
            held = _locked(self._turn, now + patience_s)
        finally:
            if following is not None:
                os.close(following)
        if held is None:
            raise UnavailableError("others are writing to the database just now; try again")
        try:
            yield
        finally:
            os.close(held)


def _locked(path: Path, late: float) -> int | None:
    """Return a descriptor that holds the lock until it is closed; None when it is too late.

    Raises:
        UnavailableError: the lock cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with ExitStack() as unless_held:
            unless_held.callback(os.close, descriptor)
            look_s = _FIRST_LOOK_S
            while not _is_free(descriptor):
                if time.monotonic() >= late:
                    return None
                time.sleep(look_s)  # a lock that is waited for in the kernel could not be given up
                look_s = min(2 * look_s, _LAST_LOOK_S)
            unless_held.pop_all()
    except OSError as error:
        raise UnavailableError(f"{path} cannot be used: {error.strerror}") from error
    return descriptor


def _is_free(descriptor: int) -> bool:
    """Take the lock, if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
