"""An answer as doors give it, and how it is sent: whole, or piece by piece as a store yields it."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from assay.core.errors import BadInputError
from assay.http.asgi import Send
from assay.http.bodies import IDLE_S

JSON: Final = "application/json"
# What a server keeps for one who does not read is some of these, and one piece of a store.
SENT_BYTES: Final = 128 * 1024
# RFC 9110, section 8.6: a length that these say would be one of a body that never comes.
_BODILESS: Final = (204, 304)


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
    """Send an answer.

    Args:
        send: the server's.
        reply: what is sent.
        idle_s: a piece of a long body that nobody takes for so long is given up, and the rest with it.

    Raises:
        BadInputError: the client does not read.
        UnavailableError: the store yields no more; both come after the answer has begun, which breaks off.
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
        while (piece := await asyncio.to_thread(next, content, None)) is not None:
            for start in range(0, len(piece), SENT_BYTES):
                await _taken(send, piece[start : start + SENT_BYTES], idle_s)
        content = b""
    await send({"type": "http.response.body", "body": content})


async def _taken(send: Send, piece: bytes, idle_s: float) -> None:
    message: dict[str, Any] = {"type": "http.response.body", "body": piece, "more_body": True}
    try:
        async with asyncio.timeout(idle_s):
            await send(message)
    except TimeoutError as error:
        raise BadInputError.of("answer", f"must be read; nothing was for {idle_s:g} s") from error
