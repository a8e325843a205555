"""An answer as doors give it, and how it is sent: whole, or piece by piece as a store yields it."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from assay.core.errors import AssayError, BadInputError
from assay.http.asgi import Send
from assay.http.bodies import IDLE_S
from assay.http.exchanges import current

JSON: Final = "application/json"
# What a server keeps for one who does not read is some of these, and one piece of a store.
SENT_BYTES: Final = 128 * 1024
# RFC 9110, section 8.6: a length that these say would be one of a body that never comes.
_BODILESS: Final = (204, 304)
log = logging.getLogger("assay.http")


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Attributes:
        content: the body; an iterator, read in threads, must not fail before its first piece
            (:func:`assay.http.ranges.started`).
        headers: whatever their case; Content-Type comes from ``media_type``, Content-Length, where nothing
            is said, from the content.
        more: further headers, of which several may have the same name.
    """

    content: bytes | Iterator[bytes] = b""
    status: int = 200
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    more: tuple[tuple[str, str], ...] = ()


async def give(send: Send, reply: Reply, idle_s: float = IDLE_S) -> None:
    """Send an answer; that one breaks off after it has begun is for the log, and for the server to show.

    Args:
        send: the server's.
        reply: what is sent.
        idle_s: a piece of a long body that nobody takes for so long is given up, and the rest with it.

    Raises:
        BadInputError: the client does not read.
        UnavailableError: the store yields no more.
    """
    content = reply.content
    said = (*reply.headers.items(), *reply.more)
    headers = [(key.lower().encode(), value.encode("latin1")) for key, value in said]
    if reply.status not in _BODILESS:
        headers.append((b"content-type", reply.media_type.encode("latin1")))
        if isinstance(content, bytes) and all(key != b"content-length" for key, _ in headers):
            headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if not isinstance(content, bytes):
        try:
            await _give_pieces(send, content, idle_s)
        except AssayError as error:
            asked = current()
            log.error("%s %s: the answer breaks off: %s", asked.method, asked.path, error)
            raise
        content = b""
    await send({"type": "http.response.body", "body": content})


async def _give_pieces(send: Send, pieces: Iterator[bytes], idle_s: float) -> None:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        for start in range(0, len(piece), SENT_BYTES):
            await _taken(send, piece[start : start + SENT_BYTES], idle_s)


async def _taken(send: Send, piece: bytes, idle_s: float) -> None:
    message: dict[str, Any] = {"type": "http.response.body", "body": piece, "more_body": True}
    try:
        async with asyncio.timeout(idle_s):
            await send(message)
    except TimeoutError as error:
        raise BadInputError.of("answer", f"must be read; nothing was for {idle_s:g} s") from error
