"""Whole files that come in parts and can be gone on with: what was announced, where each part belongs.

All parts are of the same size but the last, so that a number says where its bytes belong. They may come in
any order, several at once and again. What was announced is checked before the first byte comes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import BadInputError, Reason

MIB: Final = 1 << 20
MAX_TRANSFER_PARTS: Final = 10_000
LEAST_PART_BYTES: Final = 64 * 1024
MAX_PART_BYTES: Final = 1 << 30
USUAL_PART_BYTES: Final = 16 * MIB
MAX_TRANSFER_BYTES: Final = MAX_TRANSFER_PARTS * MAX_PART_BYTES
MAX_OPEN_TRANSFERS: Final = 64
TRANSFER_PAUSE: Final = timedelta(hours=24)
TRANSFER_LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file on its way.

    Attributes:
        size_bytes: of the whole.
        part_bytes: of each part but the last.
        expected: digest of the whole, if it was announced.
        ends_at: when it is forgotten; each part puts that off.
        whole: digest of the whole once it is stored.
    """

    id: str
    size_bytes: int
    part_bytes: int
    started_by: str
    started_at: datetime
    ends_at: datetime
    expected: Digest | None = None
    whole: Digest | None = None

    @property
    def part_count(self) -> int:
        """How many parts there are; one for an empty file, which has no bytes."""
        return max(1, -(-self.size_bytes // self.part_bytes))

    def offset(self, number: int) -> int:
        """Return where the bytes of a part begin."""
        return (number - 1) * self.part_bytes

    def length(self, number: int) -> int:
        """Return how many bytes a part has."""
        return min(self.part_bytes, self.size_bytes - self.offset(number))

    def check_number(self, number: int) -> int:
        """Return the number of a part that there is.

        Raises:
            BadInputError: there is none of that number.
        """
        if not 1 <= number <= self.part_count:
            raise BadInputError.of("number", f"must be from 1 to {self.part_count}", str(number))
        return number

    def missing(self, there: Collection[int]) -> tuple[int, ...]:
        """Return the numbers of the parts that have not come."""
        return tuple(each for each in range(1, self.part_count + 1) if each not in there)

    def next_end(self, now: datetime) -> datetime:
        """Return when it is forgotten if nothing more comes."""
        return min(now + TRANSFER_PAUSE, self.started_at + TRANSFER_LIFETIME)


def check_sizes(size_bytes: int, part_bytes: int | None, most_bytes: int = MAX_TRANSFER_BYTES) -> int:
    """Return the size of the parts for a file of so many bytes.

    Args:
        size_bytes: of the whole.
        part_bytes: asked for; None leaves it to the registry.
        most_bytes: larger files are not taken.

    Raises:
        BadInputError: the file is too large, or the parts are too small, too large or too many.
    """
    reasons = []
    if not 0 <= size_bytes <= min(most_bytes, MAX_TRANSFER_BYTES):
        rule = f"must be from 0 to {min(most_bytes, MAX_TRANSFER_BYTES)}"
        reasons.append(Reason("size_bytes", rule, str(size_bytes)))
    elif part_bytes is None:
        least = -(-size_bytes // MAX_TRANSFER_PARTS)
        return max(USUAL_PART_BYTES, -(-least // MIB) * MIB)
    if part_bytes is not None and not LEAST_PART_BYTES <= part_bytes <= MAX_PART_BYTES:
        rule = f"must be from {LEAST_PART_BYTES} to {MAX_PART_BYTES}"
        reasons.append(Reason("part_bytes", rule, str(part_bytes)))
    elif part_bytes is not None and size_bytes > part_bytes * MAX_TRANSFER_PARTS:
        rule = f"must make at most {MAX_TRANSFER_PARTS} parts"
        reasons.append(Reason("part_bytes", rule, f"{part_bytes} of {size_bytes} bytes"))
    if reasons:
        raise BadInputError("; ".join(map(str, reasons)), reasons)
    return part_bytes or USUAL_PART_BYTES
