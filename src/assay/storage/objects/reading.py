"""Reading objects: streamed, taken up again where a connection broke, and told from what is not there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import obstore
from obstore.exceptions import BaseError, PreconditionError

from assay.core.errors import UnavailableError
from assay.storage.objects.answers import translated, unavailable
from assay.storage.objects.opening import Store

CHUNK_BYTES: Final = 1 << 20
_TRIES: Final = 4
_DOING: Final = "the bytes cannot be read"


@dataclass(frozen=True, slots=True)
class Found:
    """What lies under a name: which state of it, as the store tells states apart."""

    size_bytes: int
    tag: str
    stored_at: datetime

    @property
    def state(self) -> tuple[str, int, datetime]:
        """Equal for two looks at the same bytes, as far as the store can be believed."""
        return self.tag, self.size_bytes, self.stored_at


def look(store: Store, key: str) -> Found | None:
    """Return what lies under a name, None when nothing does.

    Raises:
        UnavailableError: the store does not answer.
    """
    try:
        with translated(_DOING, absent=True):
            meta = obstore.head(store, key)
    except FileNotFoundError:
        return None
    return Found(meta["size"], meta["e_tag"] or "", meta["last_modified"])


def pieces(store: Store, key: str, found: Found, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes [start, stop) of one state of an object, a few at a time.

    A connection that breaks is taken up where it broke, as long as something came since the last time.

    Raises:
        FileNotFoundError: there is no such object any more.
        PreconditionError: it is not in that state any more.
        UnavailableError: the store does not answer, or broke off again and again.
    """
    place, tries = start, _TRIES
    while place < stop:
        before = place
        try:
            options: obstore.GetOptions = {"range": (place, stop)}
            if found.tag:
                options["if_match"] = found.tag
            for piece in obstore.get(store, key, options=options).stream(CHUNK_BYTES):
                content = bytes(piece)[: stop - place]
                place += len(content)
                yield content
            failure: Exception | None = None
        except (PreconditionError, FileNotFoundError):
            raise
        except (BaseError, OSError, ValueError) as error:
            failure = error
        if place < stop:
            tries = _TRIES if place > before else tries - 1
            if not tries:
                raise _gave_up(failure)


def _gave_up(failure: Exception | None) -> UnavailableError:
    return unavailable(_DOING, failure or EOFError("fewer bytes came than there are"))
