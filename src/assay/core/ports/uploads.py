"""Ports of uploads in parts: what has come so far, where its bytes wait, what addresses are signed with."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from assay.core.digests import Digest
from assay.core.tracking.uploads import Part, PartialUpload, SigningKey


class PartialUploads(Protocol):
    """Uploads by id, with the parts that have come."""

    def add(self, upload: PartialUpload) -> None:
        """Store a new one."""
        ...

    def get(self, upload_id: str) -> PartialUpload | None:
        """Return one, whole or not."""
        ...

    def save(self, upload: PartialUpload) -> None:
        """Replace when it ends, and digest and size of the whole; a whole one has no parts any more."""
        ...

    def put_part(self, upload_id: str, part: Part) -> None:
        """Note that a part has come; one of that number that came before is replaced."""
        ...

    def parts(self, upload_id: str) -> tuple[Part, ...]:
        """Return the parts that have come, by number."""
        ...

    def ended(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Return the ids of those whose time is over, the longest first."""
        ...

    def remove(self, upload_id: str) -> None:
        """Forget one with its parts."""
        ...


class SigningKeys(Protocol):
    """Keys that addresses are signed with."""

    def newest(self) -> SigningKey | None:
        """Return the one that was made last."""
        ...

    def get(self, key_id: str) -> SigningKey | None:
        """Return one."""
        ...

    def add(self, key: SigningKey) -> None:
        """Store a new one."""
        ...

    def forget(self, before: datetime) -> None:
        """Drop those made before an instant; nothing is signed with them any more."""
        ...


class Parts(Protocol):
    """The bytes of parts, outside of the blobs until they are whole."""

    def put(self, upload_id: str, number: int, chunks: Iterable[bytes]) -> tuple[Digest, int]:
        """Store the bytes of a part, in place of what came under that number before.

        Returns:
            Digest and size, when the bytes are durable.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: no space, or the disk failed.
        """
        ...

    def join(
        self, upload_id: str, parts: Sequence[Part], expected: Digest | None = None
    ) -> tuple[Digest, int]:
        """Make one blob of the parts, one after the other; memory stays flat. The parts stay.

        Args:
            upload_id: whose parts.
            parts: all of them, in their order.
            expected: digest of the whole, if it was announced: then the bytes are moved once.

        Returns:
            Digest and size of the whole.

        Raises:
            BadInputError: the bytes of a part are not there, or are not those of its digest; or the whole
                has another digest than was announced (field ``digest``); or the id is none that can be
                given.
            UnavailableError: no space, or the disk failed.
        """
        ...

    def bad(self, upload_id: str, parts: Sequence[Part]) -> tuple[int, ...]:
        """Return the numbers of those that are not there, or have not the bytes of their digests.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: the store failed.
        """
        ...

    def drop(self, upload_id: str) -> None:
        """Remove all parts of an upload; nothing happens when there are none.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: the disk failed.
        """
        ...

    def waiting(self) -> Iterator[str]:
        """Yield the ids of all uploads of which there are parts.

        Raises:
            UnavailableError: the store cannot be read.
        """
        ...
