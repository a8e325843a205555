"""Bytes up and down: streamed with flat memory between the async server and synchronous stores."""

import asyncio
import re
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Final

from litestar import Response
from litestar.response import Stream

from assay.core.errors import BadInputError
from assay.doors.native.errors import document
from assay.doors.native.route import Download
from assay.wire.views import ErrorDocument

PIECE_BYTES: Final = 1 << 20
MAX_WAITING_BYTES: Final = 8 << 20
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Feed:
    """Carries chunks from the event loop to one reading thread, a few MiB at most in between."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self._chunks: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._ended = False
        self._problem = ""
        self._abandoned = False

    async def fill(self, source: AsyncIterator[bytes]) -> None:
        """Pass on everything from ``source``; an interrupted one makes the reader raise."""
        gathered = bytearray()
        try:
            async for chunk in source:
                gathered += chunk
                if len(gathered) >= PIECE_BYTES:
                    await self._pass(bytes(gathered))
                    gathered.clear()
            if gathered:
                await self._pass(bytes(gathered))
        except BaseException:
            self._end("the connection broke before all bytes had come")
            raise
        self._end("")

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks in the reading thread.

        Raises:
            BadInputError: the sender went away in the middle.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._chunks or self._ended)
                if not self._chunks:
                    if self._problem:
                        raise BadInputError.of("body", self._problem)
                    return
                chunk = self._chunks.popleft()
                self._waiting_bytes -= len(chunk)
                self._changed.notify_all()
            yield chunk

    def abandon(self) -> None:
        """Tell the sender that nobody reads any more."""
        with self._changed:
            self._abandoned = True
            self._chunks.clear()
            self._changed.notify_all()

    async def _pass(self, chunk: bytes) -> None:
        if not self._put(chunk, wait=False):
            await asyncio.to_thread(self._put, chunk, wait=True)

    def _put(self, chunk: bytes, *, wait: bool) -> bool:
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._waiting_bytes < MAX_WAITING_BYTES or self._abandoned)
            elif self._waiting_bytes >= MAX_WAITING_BYTES and not self._abandoned:
                return False
            if not self._abandoned:
                self._chunks.append(chunk)
                self._waiting_bytes += len(chunk)
                self._changed.notify_all()
            return True

    def _end(self, problem: str) -> None:
        with self._changed:
            self._ended = True
            self._problem = problem
            self._changed.notify_all()


def send(download: Download, wanted: str | None, *, head: bool) -> Response[bytes] | Stream:
    """Answer a download: whole, or the one range asked for (RFC 9110, section 14).

    Args:
        download: what is sent.
        wanted: the Range header.
        head: leave the body out.
    """
    size = download.size_bytes
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{download.digest}"',
        "Content-Disposition": _disposition(download.name),
        "Content-Length": str(size),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    start, stop, status = 0, size, 200
    if wanted is not None and "," not in wanted:
        part = _part(wanted, size)
        if part is None:
            problem = ErrorDocument("bad_input", f"the file has {size} bytes; Range asks for others")
            return document(416, problem, {"Content-Range": f"bytes */{size}"})
        start, stop = part
        status = 206
        headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{size}", "Content-Length": str(stop - start)}
    if head:
        return Response(b"", status_code=status, media_type=download.media_type, headers=headers)
    # The first piece is read here, so that a damaged blob is an error and not a broken answer.
    pieces = _started(download.read(start, stop))
    return Stream(pieces, status_code=status, media_type=download.media_type, headers=headers)


def _started(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")

    def all_pieces() -> Iterator[bytes]:
        yield first
        yield from pieces

    return all_pieces()


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """Return [start, stop) of a single range, None when it cannot be satisfied."""
    match = _RANGE.fullmatch(wanted.strip())
    if not match or match[0] == "bytes=-":
        return None
    if not match[1]:
        start = max(0, size - int(match[2]))
        return (start, size) if start < size else None
    start, stop = int(match[1]), int(match[2]) + 1 if match[2] else size
    return (start, min(stop, size)) if start < min(stop, size) else None


def _disposition(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:200]
    return f'attachment; filename="{plain}"'
