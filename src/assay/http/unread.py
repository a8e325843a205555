"""What a client still sends while its request is already refused.

A server that answers and closes while bytes come in makes the client's system drop the answer: programs that
send first and listen afterwards see a broken connection, and not what was wrong. So what is left of a body is
read and thrown away before the answer is given, within bounds. Who asks first (``Expect: 100-continue``,
RFC 9110, section 10.1.1) sends nothing, and is answered at once.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from assay.http.asgi import Receive
from assay.http.bodies import said_length

MOST_BYTES: Final = 32 * 1024 * 1024
LONGEST_S: Final = 30.0


class Body:
    """The body of one request, of which it is known whether all of it was read.

    Attributes:
        gone: the client went away before an answer was begun: nobody hears one any more.
    """

    def __init__(self, headers: Mapping[str, str], receive: Receive) -> None:
        """Hear from ``receive``.

        Args:
            headers: of the request, by lower-case name.
            receive: the server's.
        """
        self._headers = headers
        self._receive = receive
        self._ended = False
        self.gone = False

    async def hear(self) -> Any:
        """Return the next message, as the server does."""
        message = await self._receive()
        self.gone = not self._ended and message["type"] == "http.disconnect"
        self._ended = self._ended or self.gone or not message.get("more_body", False)
        return message

    async def pass_over(self) -> None:
        """Read what is left, if a client sends it now and it is not too much, nor comes too slowly."""
        length = said_length(self._headers)
        chunked = "transfer-encoding" in self._headers
        if self._ended or "expect" in self._headers or not (length or chunked) or (length or 0) > MOST_BYTES:
            return
        try:
            async with asyncio.timeout(LONGEST_S):
                size = 0
                while not self._ended and size <= MOST_BYTES:
                    size += len((await self.hear()).get("body", b""))
        except TimeoutError:
            return
