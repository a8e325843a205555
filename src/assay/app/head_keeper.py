"""The keeper of heads: signs heads of the audit log beside the server's doors.

One thread of the server looks again and again, because events come from everywhere: the doors, the
workers, other servers, commands at the machine. Whoever wrote them, a head follows within a second or
so of a change of stage; and a write of the registry never waits for a signature.
"""

import logging
import threading
from typing import Final

from assay.core.errors import AssayError
from assay.usecases.heads import Heads

LOOK_S: Final = 1.0
# After failures one after the other it looks half as often each time, down to once in so long.
LONGEST_S: Final = 60.0
log = logging.getLogger("assay.heads")


class HeadKeeper:
    """Runs until it is stopped."""

    def __init__(self, heads: Heads) -> None:
        """Prepare; :meth:`start` begins."""
        self._heads = heads
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or begin again when the thread has ended by an error of the program."""
        if self._stop.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        if self._thread is not None:
            log.error("signing heads of the audit log ended by an error of the program; it begins again")
        self._thread = threading.Thread(target=self._run, name="heads", daemon=True)
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Sign nothing more, and wait so long for what is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(patience_s)

    def _run(self) -> None:
        wait_s = LOOK_S
        while not self._stop.wait(wait_s):
            try:
                self._heads.sign_when_due()
                wait_s = LOOK_S
            except AssayError as error:
                log.error("no head of the audit log could be signed: %s", error)
                wait_s = min(2 * wait_s, LONGEST_S)
