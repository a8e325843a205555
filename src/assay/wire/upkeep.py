"""What users send and see about stored bytes: files on their way, and collections."""

from dataclasses import dataclass
from datetime import datetime

from assay.core.digests import Digest
from assay.core.names import ModelName
from assay.core.transfers import Transfer


@dataclass(frozen=True, slots=True)
class NewUpload:
    """Begin to send a file in parts, or go on with it.

    Attributes:
        size_bytes: of the whole.
        digest: of the whole, if it is known; it is verified at the end.
        part_bytes: size of each part but the last; the registry chooses when it is left out.
        model: of which it becomes a version's file, if it does: then its quotas are asked at once.
    """

    size_bytes: int
    digest: Digest | None = None
    part_bytes: int | None = None
    model: ModelName | None = None


@dataclass(frozen=True, slots=True)
class UploadPart:
    """A part that has come."""

    number: int
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class UploadView:
    """A file on its way.

    Attributes:
        digest: of the whole, where it is known.
        whole: whether it is stored as a blob.
        ends_at: when it is forgotten, unless something comes before.
        parts: those that have come, by number.
    """

    id: str
    size_bytes: int
    part_bytes: int
    part_count: int
    digest: Digest | None
    whole: bool
    started_at: datetime
    ends_at: datetime
    parts: tuple[UploadPart, ...]

    @classmethod
    def of(cls, transfer: Transfer, parts: dict[int, Digest]) -> "UploadView":
        """Show a transfer."""
        shown = (UploadPart(number, digest, transfer.length(number)) for number, digest in parts.items())
        return cls(
            transfer.id,
            transfer.size_bytes,
            transfer.part_bytes,
            transfer.part_count,
            transfer.whole or transfer.expected,
            transfer.whole is not None,
            transfer.started_at,
            transfer.ends_at,
            tuple(sorted(shown, key=lambda each: each.number)),
        )


@dataclass(frozen=True, slots=True)
class Collect:
    """Collect stored bytes that nothing names.

    Attributes:
        dry_run: only say what would happen.
        grace_s: how long bytes stay after they came, and again after they were condemned.
    """

    dry_run: bool = False
    grace_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did, or would do.

    Attributes:
        adopted: blobs that lay in the store unknown; from now on they are looked after. With ``dry_run``
            what would be condemned of them is counted as condemned too.
        condemned, condemned_bytes: blobs that nothing keeps; a grace period later they go.
        removed, removed_bytes: blobs that went.
        uploads: forgotten uploads that were dropped.
    """

    dry_run: bool
    adopted: int = 0
    condemned: int = 0
    condemned_bytes: int = 0
    removed: int = 0
    removed_bytes: int = 0
    uploads: int = 0
