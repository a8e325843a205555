"""Turns among processes that write to one file: whoever waits longest writes next.

SQLite lets whoever comes at the right moment begin to write. Of two busy processes one then hardly ever
does: its competitor begins anew in less time than passes between two looks of the one that waits. So they
queue here first, behind two locks that vanish with the process that holds them: who holds ``next`` waits
for ``turn``, and nobody passes by.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from assay.core.errors import UnavailableError

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
        late = time.monotonic() + patience_s
        following = _locked(self._next, late)
        try:
            held = _locked(self._turn, late)
        finally:
            os.close(following)
        try:
            yield
        finally:
            os.close(held)


def _locked(path: Path, late: float) -> int:
    """Return a descriptor that holds the lock until it is closed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be used: {error.strerror}") from error
    look_s = _FIRST_LOOK_S
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= late:
                    raise UnavailableError("others are writing to the database just now; try again") from None
                time.sleep(look_s)  # a lock that is waited for in the kernel could not be given up
                look_s = min(2 * look_s, _LAST_LOOK_S)
                continue
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
