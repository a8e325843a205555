"""What this process and its blob store are told of by the system, for ``/metrics``."""

import os
import resource
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from assay.storage.blob_usage import measure

BLOBS_KEPT_S: Final = 900.0
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
    """How much a folder of blobs holds: counted beside the requests, when somebody asks, once in a while."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder; nothing is counted yet."""
        self._folder = folder
        self._lock = threading.Lock()
        self._found: tuple[int, int] | None = None
        self._at = 0.0

    def __call__(self) -> tuple[int, int] | None:
        """Return (blobs, bytes) as they were counted last; None before the first count has ended."""
        if (not self._at or time.monotonic() - self._at > BLOBS_KEPT_S) and self._lock.acquire(
            blocking=False
        ):
            self._at = time.monotonic()
            threading.Thread(target=self._count, name="assay-blob-usage", daemon=True).start()
        return self._found

    def _count(self) -> None:
        try:
            self._found = measure(self._folder)
        finally:
            self._lock.release()
