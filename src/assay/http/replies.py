"""An answer as doors give it, and how it is sent: whole, or piece by piece as a store yields it."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from assay.http.asgi import Send

JSON: Final = "application/json"
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
        cookies: values of Set-Cookie.
    """

    content: bytes | Iterator[bytes] = b""
    status: int = 200
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


async def give(send: Send, reply: Reply) -> None:
    """Send an answer."""
    content = reply.content
    headers = [(key.lower().encode(), value.encode("latin1")) for key, value in reply.headers.items()]
    if reply.status not in _BODILESS:
        headers.append((b"content-type", reply.media_type.encode("latin1")))
        if isinstance(content, bytes) and all(key != b"content-length" for key, _ in headers):
            headers.append((b"content-length", str(len(content)).encode()))
    headers += [(b"set-cookie", each.encode("latin1")) for each in reply.cookies]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if not isinstance(content, bytes):
        while (piece := await asyncio.to_thread(next, content, None)) is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        content = b""
    await send({"type": "http.response.body", "body": content})
