"""Capture: the machine, as the operating system describes it."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from assay.core.provenance import Hardware

_TIMEOUT_S: Final = 10.0
_CPUINFO: Final = Path("/proc/cpuinfo")
_MEMINFO: Final = Path("/proc/meminfo")


def capture_hardware(notes: list[str]) -> Hardware | None:
    """Return CPU model and count, memory in bytes, and GPUs where ``nvidia-smi`` names them.

    Args:
        notes: what could not be told is added; without CPU or memory there is no answer at all.
    """
    cpu, memory_bytes, count = cpu_model(), memory_size_bytes(), os.cpu_count()
    if not cpu or not memory_bytes or not count:
        notes.append("hardware: the operating system does not tell CPU, count or memory")
        return None
    return Hardware(cpu, count, memory_bytes, accelerators())


def cpu_model() -> str:
    """Return the CPU's own name, or the architecture where it has none; "" when unknown."""
    names = (
        _match(_CPUINFO, r"^model name\s*:\s*(.+)$"),
        _ask("sysctl", "-n", "machdep.cpu.brand_string"),
        _match(_CPUINFO, r"^(?:Model|Hardware|cpu model)\s*:\s*(.+)$"),
        platform.processor(),
        platform.machine(),
    )
    return next((" ".join(name.split()) for name in names if name.strip()), "")


def memory_size_bytes() -> int:
    """Return the memory of this machine in bytes; 0 when unknown."""
    found = _match(_MEMINFO, r"^MemTotal:\s*(\d+) kB$")
    if found:
        return int(found) * 1024
    found = _ask("sysctl", "-n", "hw.memsize")
    return int(found) if found.isdigit() else 0


def accelerators() -> tuple[str, ...]:
    """Return the GPUs, each as ``name, memory``."""
    lines = _ask("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def _match(path: Path, pattern: str) -> str:
    try:
        found = re.search(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def _ask(program: str, *arguments: str) -> str:
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        done = subprocess.run([path, *arguments], capture_output=True, timeout=_TIMEOUT_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
