"""Bytes down: whole files or one range, streamed (RFC 9110, sections 13.1.5 and 14)."""

import re
from collections.abc import Iterator
from typing import Final

from litestar import Response
from litestar.response import Stream

from assay.core.errors import Reason
from assay.doors.native.errors import document
from assay.doors.native.route import Download
from assay.wire.views import ErrorDocument

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def send(
    download: Download, wanted: str | None, if_range: str | None = None, *, head: bool
) -> Response[bytes] | Stream:
    """Answer a download: whole, or the one range asked for.

    Args:
        download: what is sent.
        wanted: the Range header. Other units than bytes, and several ranges at once, are passed over.
        if_range: the If-Range header; of another file than the one meant, the whole is sent.
        head: leave the body out; Range has no meaning then.
    """
    size = download.size_bytes
    tag = f'"{download.digest}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Content-Disposition": _disposition(download.name),
        "Content-Length": str(size),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    if head:
        return Response(b"", media_type=download.media_type, headers=headers)
    start, stop, status = 0, size, 200
    if wanted is not None and _counts(wanted) and if_range in (None, tag):
        part = _part(wanted.strip(), size)
        if part is None:
            return _unsatisfiable(wanted, size)
        start, stop = part
        status = 206
        headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{size}", "Content-Length": str(stop - start)}
    # The first piece is read here, so that a damaged blob is an error and not a broken answer.
    pieces = _started(download.read(start, stop))
    return Stream(pieces, status_code=status, media_type=download.media_type, headers=headers)


def _started(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")

    def all_pieces() -> Iterator[bytes]:
        yield first
        yield from pieces

    return all_pieces()


def _counts(wanted: str) -> bool:
    """Tell whether a Range header is one to be followed or refused, not one to be passed over."""
    return wanted.strip().startswith("bytes=") and "," not in wanted


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """Return [start, stop) of a single range, None when it cannot be satisfied."""
    match = _RANGE.fullmatch(wanted)
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        start = max(0, size - int(match[2]))
        return (start, size) if start < size else None
    start, stop = int(match[1]), int(match[2]) + 1 if match[2] else size
    return (start, min(stop, size)) if start < min(stop, size) else None


def _unsatisfiable(wanted: str, size: int) -> Response[bytes]:
    rule = f"must be one range within the {size} bytes of the file"
    problem = ErrorDocument("bad_input", f"Range: {rule}", (Reason("Range", rule, wanted[:100]),))
    return document(416, problem, {"Content-Range": f"bytes */{size}"})


def _disposition(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:200]
    return f'attachment; filename="{plain}"'
