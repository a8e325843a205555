"""How much work one file may cause, and the error that says a file breaks its rules or a limit."""

from dataclasses import dataclass
from typing import Final


class UnparseableError(ValueError):
    """The file breaks its format's rules or a limit; it is then handled as code.

    Attributes:
        rule: short name of what is broken, e.g. ``invalid_header``, ``limit``.
    """

    def __init__(self, detail: str, rule: str = "unparseable") -> None:
        """Keep the parts."""
        super().__init__(detail)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Budget:
    """How much work one file may cause.

    Attributes:
        opcode_count: pickle opcodes.
        inflated_bytes: bytes that come out of decompression.
        kept_bytes: texts and members held in memory.
        member_count: entries of archives, fields of messages, items of headers.
    """

    opcode_count: int
    inflated_bytes: int
    kept_bytes: int = 256 * 1024**2
    member_count: int = 500_000


REGISTERING: Final = Budget(opcode_count=2_000_000, inflated_bytes=2 * 1024**3)
SCANNING: Final = Budget(opcode_count=20_000_000, inflated_bytes=32 * 1024**3)


class Meter:
    """Counts a :class:`Budget` down; shared by a file and everything packed inside it."""

    def __init__(self, budget: Budget) -> None:
        """Start with the whole budget."""
        self.opcodes = budget.opcode_count
        self._inflated = budget.inflated_bytes
        self._kept = budget.kept_bytes
        self._members = budget.member_count

    def inflate(self, count: int) -> None:
        """Account for decompressed bytes.

        Raises:
            UnparseableError: the budget is used up.
        """
        self._inflated -= count
        if self._inflated < 0:
            raise UnparseableError("too much decompressed data", "limit")

    def keep(self, count: int) -> None:
        """Account for bytes held in memory.

        Raises:
            UnparseableError: the budget is used up.
        """
        self._kept -= count
        if self._kept < 0:
            raise UnparseableError("too much to hold in memory", "limit")

    def member(self) -> None:
        """Account for one more entry.

        Raises:
            UnparseableError: the budget is used up.
        """
        self._members -= 1
        if self._members < 0:
            raise UnparseableError("too many entries", "limit")
