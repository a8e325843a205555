"""What a measurement of time ran on: it says nothing about other hardware."""

import os
import platform
from pathlib import Path
from typing import Any

_CPU_FACTS = Path("/proc/cpuinfo")


def hardware() -> dict[str, Any]:
    """Return ``cpu`` (its name), ``cpu_count`` (those this process may use) and ``memory_bytes``."""
    return {"cpu": _cpu(), "cpu_count": len(os.sched_getaffinity(0)), "memory_bytes": _memory_bytes()}


def _cpu() -> str:
    try:
        lines = _CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next((name for name in named if name), platform.processor() or platform.machine())


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
