"""Sending again what is safe to send again: requests with a key, which the registry lets take effect once.

A connection that was lost, or a proxy that found no server, leaves open whether the request was done. With
the same key it is done once, and answered as it was the first time.
"""

import random
import time
import uuid
from collections.abc import Callable
from typing import Final

import httpx

KEY: Final = "Idempotency-Key"
ATTEMPTS: Final = 4
FIRST_WAIT_S: Final = 0.2
# Who is told to wait longer than this is better off with the error than with a program that stands still.
LONGEST_WAIT_S: Final = 10.0
LOST: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
_AGAIN: Final = frozenset({429, 502, 503, 504})


def fresh_key() -> str:
    """Return a key that nobody has used, as the header says it."""
    return f'"{uuid.uuid4()}"'


class Repeater:
    """Sends a request until it is answered, a few times at most."""

    def __init__(self, client: httpx.Client, wait: Callable[[float], None] = time.sleep) -> None:
        """Send by ``client``; ``wait`` lets so many seconds pass."""
        self._client = client
        self._wait = wait

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request whose body is at hand, and return the first answer that is one.

        Raises:
            httpx.HTTPError: the connection could not be made at first, or was lost each time.
        """
        for attempt in range(1, ATTEMPTS):
            try:
                response = self._client.send(request, stream=True)
                if response.is_success:
                    response.read()
            except LOST:
                self._wait(backoff_s(attempt))
            except httpx.ConnectError:
                if attempt == 1:
                    raise  # nothing listens there, and nothing was sent
                self._wait(backoff_s(attempt))
            else:
                wait_s = again_in_s(response, attempt)
                if wait_s is None:
                    return response
                response.close()
                self._wait(wait_s)
        return self._client.send(request, stream=True)


def backoff_s(attempt: int) -> float:
    """Return how long to wait after so many attempts: longer each time, and not all clients as long."""
    return float(FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


def again_in_s(response: httpx.Response, attempt: int) -> float | None:
    """Return after how many seconds the same request may do better; None when this is the answer to it.

    A 409 counts only when the server says when to come back: the request is still under way there.
    """
    said = response.headers.get("retry-after", "")
    seconds = float(said) if said.isascii() and said.isdigit() and len(said) < 6 else None
    if response.status_code == 409 and seconds is None:
        return None
    if response.status_code != 409 and response.status_code not in _AGAIN:
        return None
    if seconds is not None:
        return None if seconds > LONGEST_WAIT_S else seconds + backoff_s(1) / 2
    return backoff_s(attempt)
