"""Which part of a file a request asks for (RFC 9110, sections 13.1.5 and 14), and its name for saving."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes [start, stop) of a file; ``status`` is 206 when a range was asked for, else 200."""

    start: int
    stop: int
    status: int = 200

    def headers(self, size_bytes: int) -> dict[str, str]:
        """Return the headers that say which part it is of ``size_bytes``."""
        length = {"Content-Length": str(self.stop - self.start)}
        if self.status == 200:
            return length
        return length | {"Content-Range": f"bytes {self.start}-{self.stop - 1}/{size_bytes}"}


def wanted_part(wanted: str | None, if_range: str | None, tag: str, size_bytes: int) -> Part | None:
    """Return what is to be sent: the whole file unless one range was asked for.

    Args:
        wanted: the Range header. Other units than bytes, and several ranges at once, are passed over.
        if_range: the If-Range header; of another file than the one meant, the whole is sent.
        tag: the file's entity tag, quoted.
        size_bytes: of the file.

    Returns:
        None when the range cannot be satisfied (status 416).
    """
    if wanted is None or not _counts(wanted) or if_range not in (None, tag):
        return Part(0, size_bytes)
    return _part(wanted.strip(), size_bytes)


def started(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first piece at once, so that a damaged file is an error and not a broken answer."""
    first = next(pieces, b"")

    def all_pieces() -> Iterator[bytes]:
        yield first
        yield from pieces

    return all_pieces()


def attachment(name: str) -> str:
    """Return a Content-Disposition that a browser saves under a harmless form of ``name``."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:200]
    return f"attachment; filename={plain or 'file'}"


def _counts(wanted: str) -> bool:
    """Tell whether a Range header is one to be followed or refused, not one to be passed over."""
    return wanted.strip().startswith("bytes=") and "," not in wanted


def _part(wanted: str, size: int) -> Part | None:
    match = _RANGE.fullmatch(wanted)
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        start = max(0, size - int(match[2]))
        return Part(start, size, 206) if start < size else None
    start, stop = int(match[1]), int(match[2]) + 1 if match[2] else size
    return Part(start, min(stop, size), 206) if start < min(stop, size) else None
