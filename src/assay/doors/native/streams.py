"""Bytes down: whole files or one range, and lines without end; streamed."""

from assay.core.errors import Reason
from assay.doors.native.errors import NO_STORE, document
from assay.doors.native.route import Download, Lines
from assay.http.ranges import attachment, started, wanted_part
from assay.http.replies import Reply
from assay.wire.views import ErrorDocument


def send(download: Download, wanted: str | None, if_range: str | None = None, *, head: bool) -> Reply:
    """Answer a download: whole, or the one range asked for.

    Args:
        download: what is sent.
        wanted: the Range header.
        if_range: the If-Range header.
        head: leave the body out; Range has no meaning then.
    """
    size = download.size_bytes
    tag = f'"{download.digest}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Content-Disposition": attachment(download.name),
        "Content-Length": str(size),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    if head:
        return Reply(media_type=download.media_type, headers=headers)
    part = wanted_part(wanted, if_range, tag, size)
    if part is None:
        return _unsatisfiable(str(wanted), size)
    headers |= part.headers(size)
    pieces = started(download.read(part.start, part.stop))
    return Reply(pieces, part.status, download.media_type, headers)


def send_lines(lines: Lines, media_type: str, *, head: bool) -> Reply:
    """Answer with lines, as they are made; leave them out for HEAD."""
    headers = {"Content-Disposition": attachment(lines.name), "X-Content-Type-Options": "nosniff", **NO_STORE}
    if head:
        return Reply(media_type=media_type, headers=headers)
    return Reply(started(lines.pieces), media_type=media_type, headers=headers)


def _unsatisfiable(wanted: str, size: int) -> Reply:
    rule = f"must be one range within the {size} bytes of the file"
    problem = ErrorDocument("bad_input", f"Range: {rule}", (Reason("Range", rule, wanted[:100]),))
    return document(416, problem, {"Content-Range": f"bytes */{size}"})
