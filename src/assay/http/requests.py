"""A request as doors read it: its headers by name, its body as it comes in or whole."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from assay.core.errors import BadInputError
from assay.http.asgi import Receive, Scope
from assay.http.bodies import LEAST_BYTES_PER_S, TooLargeError, prompt


class Request:
    """One request.

    Attributes:
        headers: by lower-case name; of one that came several times the last.
        path: the parameters of the route's template, decoded.
    """

    __slots__ = ("_receive", "_scope", "headers", "path")

    def __init__(self, scope: Scope, receive: Receive, path: Mapping[str, str]) -> None:
        """Keep what the server says of it, and where its body comes from."""
        self._scope = scope
        self._receive = receive
        self.headers = headers_of(scope)
        self.path = path

    @property
    def method(self) -> str:
        """In upper case, as sent."""
        return str(self._scope["method"])

    @property
    def url_path(self) -> str:
        """What was asked for, decoded, without the query."""
        return str(self._scope["path"])

    @property
    def query(self) -> bytes:
        """As sent."""
        return bytes(self._scope["query_string"])

    @property
    def client_host(self) -> str | None:
        """The peer's address, None when it is not known."""
        return client_host(self._scope)

    def all(self, name: str) -> list[str]:
        """Return every value of a header, named in lower case."""
        wanted = name.encode()
        return [value.decode("latin1") for key, value in self._scope["headers"] if key.lower() == wanted]

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes in.

        Raises:
            BadInputError: the client went away in the middle.
        """
        return chunks(self._receive)

    async def body(self, most_bytes: int) -> bytes:
        """Return the whole body.

        Raises:
            BadInputError: it comes too slowly, or breaks off.
            TooLargeError: it is longer than ``most_bytes``.
        """
        return await whole_body(self._receive, most_bytes)


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers of a request by lower-case name."""
    return {key.decode("latin1").lower(): value.decode("latin1") for key, value in scope["headers"]}


def client_host(scope: Scope) -> str | None:
    """Return the address of the peer, None when it is not known."""
    client: Any = scope.get("client")
    return client[0] if client else None


async def whole_body(receive: Receive, most_bytes: int) -> bytes:
    """Return the whole body.

    Raises:
        BadInputError: it comes too slowly, or breaks off.
        TooLargeError: it is longer than ``most_bytes``.
    """
    pieces, size = [], 0
    try:
        async for piece in prompt(chunks(receive), least_bytes_per_s=LEAST_BYTES_PER_S):
            pieces.append(piece)
            size += len(piece)
            if size > most_bytes:
                raise TooLargeError(most_bytes)
    except TimeoutError as error:
        raise BadInputError.of("body", str(error)) from error
    return b"".join(pieces)


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body as it comes in.

    Raises:
        BadInputError: the client went away in the middle.
    """
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInputError.of("body", "the connection broke before all bytes had come")
        if message.get("body"):
            yield message["body"]
        more = message.get("more_body", False)
