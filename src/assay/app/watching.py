"""What this process is told of by the system, and the counts that take long, for ``/metrics``."""

import os
import resource
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from assay.core.errors import UnavailableError

# A count is kept a hundred times as long as it took, within these bounds.
KEPT_AT_LEAST_S: Final = 10.0
KEPT_AT_MOST_S: Final = 900.0
_KEPT: Final = 100
# Where there is not much to count, also who asks first is told.
FIRST_WAIT_S: Final = 1.0
_SELF: Final = Path("/proc/self")


def process_stats() -> Mapping[str, float]:
    """Return what the system says of this process; without ``/proc`` only its processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[str, float] = {"process_cpu_seconds_total": round(used.ru_utime + used.ru_stime, 3)}
    try:
        # The name in brackets may hold blanks and brackets itself; what follows the last one is numbers.
        fields = (_SELF / "stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        uptime_s = float(Path("/proc/uptime").read_text().split()[0])
        found["process_start_time_seconds"] = round(time.time() - uptime_s + int(fields[19]) / ticks, 2)
        found["process_threads"] = int(fields[17])
        found["process_virtual_memory_bytes"] = int(fields[20])
        found["process_resident_memory_bytes"] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        found["process_open_fds"] = sum(1 for _ in (_SELF / "fd").iterdir()) - 1
    except (OSError, ValueError, IndexError):
        return found
    found["process_max_fds"] = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return found


class BlobUsage:
    """How many blobs there are, and their bytes: counted beside the requests, now and then, when asked."""

    def __init__(self, count: Callable[[], tuple[int, int]]) -> None:
        """Keep what counts, and may take long; nothing is counted yet."""
        self._count = count
        self._lock = threading.Lock()
        self._found: tuple[int, int] | None = None
        self._due = 0.0

    def __call__(self) -> tuple[int, int] | None:
        """Return (blobs, bytes) as they were counted last; None before the first count has ended."""
        if time.monotonic() >= self._due and self._lock.acquire(blocking=False):
            counting = threading.Thread(target=self._renew, name="assay-blob-usage", daemon=True)
            counting.start()
            if self._found is None:
                counting.join(FIRST_WAIT_S)
        return self._found

    def _renew(self) -> None:
        begun = time.monotonic()
        try:
            self._found = self._count()
        except UnavailableError:
            return  # said by assay_database_up; the next who asks tries again
        finally:
            took_s = time.monotonic() - begun
            self._due = begun + took_s + min(max(took_s * _KEPT, KEPT_AT_LEAST_S), KEPT_AT_MOST_S)
            self._lock.release()
