"""Ports of what lies in the store of bytes, for those who look after it: collect, scrub, back up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from assay.core.digests import Digest


@dataclass(frozen=True, slots=True)
class Lying:
    """One thing that lies in the store under the name of its bytes; ``stored_at`` as the store tells it."""

    digest: Digest
    size_bytes: int
    stored_at: datetime


class Shelf(Protocol):
    """What lies in the store of bytes."""

    def all(self) -> Iterator[Lying]:
        """Yield everything that lies there, in the order of digests; memory stays flat.

        Raises:
            UnavailableError: the store does not answer.
        """
        ...

    def find(self, digest: Digest) -> Lying | None:
        """Return what lies there under a digest, None when nothing does.

        Raises:
            UnavailableError: the store does not answer.
        """
        ...

    def remove(self, digest: Digest) -> None:
        """Remove the bytes, durably; nothing happens when they are not there.

        Raises:
            UnavailableError: the store does not answer.
        """
        ...

    def check(self, digest: Digest) -> bool:
        """Read the bytes at rest anew, past every memory of having verified them.

        Returns:
            False when they are not those of the digest.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the store does not answer.
        """
        ...
