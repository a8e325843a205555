"""Bodies that come in: from whom they are read at all, and for how long one waits for them.

What is read before it is known who sends it is little, so that strangers fill no memory; what comes too
slowly is given up, so that nobody holds a connection for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

IDLE_S: Final = 60.0
LEAST_BYTES_PER_S: Final = 1024
# A request that says it is so short is read before its caller is looked for: that spares most of them a
# change of threads.
SHORT_BYTES: Final = 128 * 1024


def is_short(headers: Mapping[str, str]) -> bool:
    """Tell whether a request says that its body is short; one that does not say may be of any length."""
    said = headers.get("content-length", "")
    return said.isascii() and said.isdigit() and len(said) < 10 and int(said) <= SHORT_BYTES


def said_length(headers: Mapping[str, str]) -> int | None:
    """Return how long a request says that its body is; None when it does not say so in a way that counts."""
    said = headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 18 else None


class TooLargeError(Exception):
    """A body is larger than the operator lets in; in words for the sender."""

    def __init__(self, most_bytes: int) -> None:
        """Say how large it may be."""
        super().__init__(f"the file is larger than the {most_bytes} bytes that this server takes")


async def prompt(
    source: AsyncIterator[bytes], idle_s: float = IDLE_S, least_bytes_per_s: float = 0
) -> AsyncIterator[bytes]:
    """Yield from ``source`` as long as it makes headway.

    Args:
        source: what comes in.
        idle_s: no pause may be longer.
        least_bytes_per_s: after ``idle_s`` of waiting for the sender, so many must have come on average;
            the time that the reader takes does not count.

    Raises:
        TimeoutError: too slow, in words for the sender.
    """
    chunks, loop = aiter(source), asyncio.get_running_loop()
    waited_s, size = 0.0, 0
    while True:
        begun = loop.time()
        silent_at = slow_at = begun + idle_s
        if size and least_bytes_per_s:
            slow_at += size / least_bytes_per_s - waited_s
        try:
            async with asyncio.timeout_at(min(silent_at, slow_at)):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            slow = f"fewer than {least_bytes_per_s:g} bytes came in a second"
            words = slow if slow_at < silent_at else f"no byte came for {idle_s:g} s"
            raise TimeoutError(words) from error
        waited_s += loop.time() - begun
        size += len(chunk)
        yield chunk
