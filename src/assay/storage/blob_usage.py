"""How much the local blob store holds, found by looking at its folders."""

import os
from pathlib import Path

_PREFIX_LENGTH = 2


def measure(root: Path) -> tuple[int, int]:
    """Return (blobs, bytes) below ``root``; what comes or goes meanwhile may be counted or not."""
    count = size_bytes = 0
    for folder in _entries(root):
        if len(folder.name) != _PREFIX_LENGTH or not folder.is_dir(follow_symlinks=False):
            continue
        for file in _entries(Path(folder.path)):
            try:
                size_bytes += file.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
            count += 1
    return count, size_bytes


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []
