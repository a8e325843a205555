"""Routes as data: what the door answers, from which the server, the documentation and a test are made."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from assay.core.access import Caller
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.names import Address, ModelName
from assay.core.preconditions import ANYTHING, Precondition
from assay.http.threads import Work, usual_work
from assay.usecases.bundle import UseCases
from assay.wire.codec import decode_strict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, taken apart.

    Attributes:
        use: the use cases.
        caller: who asks.
        path: the path's parameters.
        query: the query's parameters; each name with all its values.
        body: as sent.
        expected: on which state the caller builds.
        max_upload_bytes: larger files are refused; 0 for any size.
    """

    use: UseCases
    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes = b""
    expected: Precondition = ANYTHING
    max_upload_bytes: int = 0

    @property
    def model(self) -> ModelName:
        """The model that the path names.

        Raises:
            BadInputError: it names none.
        """
        return ModelName(f"{self.path['team']}/{self.path['task']}")

    @property
    def address(self) -> Address:
        """The version that the path names.

        Raises:
            BadInputError: it names none.
        """
        return Address.of(self.model, self.path["version"])

    def read(self, kind: type[T]) -> T:
        """Read the body strictly.

        Raises:
            BadInputError: with field and rule.
        """
        return decode_strict(self.body or b"{}", kind)

    def one(self, name: str, default: str = "") -> str:
        """Return a query parameter that may be given once.

        Raises:
            BadInputError: it is given more than once.
        """
        values = self.query.get(name, [])
        if len(values) > 1:
            raise BadInputError.of(name, "must be given at most once")
        return values[0] if values else default

    def needed(self, name: str) -> str:
        """Return a query parameter that must be given.

        Raises:
            BadInputError: it is missing or given more than once.
        """
        value = self.one(name)
        if not value:
            raise BadInputError.of(name, "must be given")
        return value

    def whole(self, name: str, default: int) -> int:
        """Return a query parameter that is a whole number.

        Raises:
            BadInputError: it is not.
        """
        text = self.one(name, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise BadInputError.of(name, "must be a whole number", repr(text)[:60])
        return int(text)

    def flag(self, name: str) -> bool:
        """Return a query parameter that is true or false.

        Raises:
            BadInputError: it is neither.
        """
        text = self.one(name, "false")
        if text not in ("true", "false"):
            raise BadInputError.of(name, "must be true or false", repr(text)[:60])
        return text == "true"

    def instant(self, name: str) -> datetime | None:
        """Return a query parameter that is an aware ISO 8601 instant.

        Raises:
            BadInputError: it is not.
        """
        text = self.one(name)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise BadInputError.of(name, "must be an ISO 8601 instant with time zone", repr(text)[:60])
        return found


@dataclass(frozen=True, slots=True)
class Download:
    """Bytes to be streamed.

    Attributes:
        name: file name for the one who saves it.
        read: yields the bytes [start, stop).
        address: returns where the store gives them out by itself, None where it does not.
    """

    name: str
    digest: Digest
    size_bytes: int
    media_type: str
    read: Callable[[int, int], Iterator[bytes]]
    address: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines to be streamed, however many there are.

    Attributes:
        name: file name for the one who saves them.
        pieces: the bytes, to be read once.
    """

    name: str
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Created:
    """An answer to be given with status 201."""

    value: Any


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    Attributes:
        path: below ``/api/v1``; ``{name}`` for a parameter, ``{name:path}`` for one with slashes.
        answer: a function of the call; what it returns is sent as JSON, None as 204.
        gives: type of the answer, for the documentation; ``Lines`` for a stream of lines.
        takes: type of the body; None for no body.
        takes_types: media types in which the body may come; one that is not named counts as the first.
        tagged: a GET answers an entity tag; a write heeds If-Match and If-None-Match.
        secret: the answer holds a secret, which is kept encrypted where it is kept for being asked again.
        does: what kind of work an answer is, where the method does not tell.
        query: names of the query parameters there are -> what they mean.
        status: of a good answer.
    """

    method: str
    path: str
    answer: Callable[[Call], Any]
    summary: str
    gives: Any = None
    takes: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    media_type: str = "application/json"
    takes_types: tuple[str, ...] = ("application/json",)
    does: Work | None = None
    secret: bool = False
    tagged: bool = False

    @property
    def work(self) -> Work:
        """What kind of work an answer is."""
        return self.does or usual_work(self.method)
