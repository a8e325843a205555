"""What every format module is given and what it answers.

A format looks at a :class:`Sample` (a file's bytes, bounded in every direction) and answers with a
:class:`Recognition`, with None when the file is not of that format, or with :class:`UnparseableError` when
it is but breaks the format's rules. Nothing here or in the format modules executes, imports or writes
anything on behalf of the file.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from io import SEEK_END
from typing import BinaryIO, Final

DATA: Final = "data"
EFFECTS: Final = "effects"
CODE: Final = "code"
UNCLASSIFIED: Final = "unclassified"
RISKS: Final = (DATA, EFFECTS, CODE, UNCLASSIFIED)
"""From harmless to worst. ``unclassified`` is handled as code, and no policy can allow it by name."""

HEAD_BYTES: Final = 4096
MAX_CONCERNS: Final = 50


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
class Concern:
    """One thing worth saying: ``rule``, ``severity`` (critical, high, medium, low, info), ``detail``."""

    rule: str
    severity: str
    detail: str


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a file is.

    Attributes:
        format: name of the format, or ``unclassified``.
        risk: ``data``, ``effects``, ``code`` or ``unclassified``.
        detail: why, in a few words.
        concerns: what was found on the way.
        globals: for the pickle family and skops: every ``module.name`` the file names.
        references: paths, relative to the file's folder, of other files that its loader opens.
        scripts: paths, relative to the file's folder, of Python files that its loader runs.
    """

    format: str
    risk: str
    detail: str = ""
    concerns: tuple[Concern, ...] = ()
    globals: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


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

    def work(self, count: int) -> None:
        """Account for rows looked at one by one; they cost about what an opcode costs.

        Raises:
            UnparseableError: the budget is used up.
        """
        self.opcodes -= count
        if self.opcodes < 0:
            raise UnparseableError("too much to look at", "limit")

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


@dataclass(slots=True)
class Sample:
    """A file to look at.

    Attributes:
        path: its name, for telling only; never decides what it is.
        source: its bytes, seekable; the position is nobody's.
        size_bytes: how many.
        head: the first bytes.
        meter: the work that is left.
        depth: how deep inside archives it lies.
        look_inside: recognises a member of this file: (name, bytes) -> what it is.
        seen: what one format found out and the next need not find out again.
    """

    path: str
    source: BinaryIO
    size_bytes: int
    head: bytes
    meter: Meter
    depth: int
    look_inside: Callable[[str, BinaryIO], Recognition]
    seen: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        path: str,
        source: BinaryIO,
        meter: Meter,
        depth: int,
        look_inside: Callable[[str, BinaryIO], Recognition],
    ) -> "Sample":
        """Measure a stream and read its head."""
        size = source.seek(0, SEEK_END)
        source.seek(0)
        return cls(path, source, size, source.read(HEAD_BYTES), meter, depth, look_inside)

    def read_at(self, offset: int, count: int) -> bytes:
        """Return exactly ``count`` bytes from ``offset``, held in memory.

        Raises:
            UnparseableError: the file ends before, or it is too much to hold.
        """
        if count < 0 or offset < 0 or offset + count > self.size_bytes:
            raise UnparseableError("the file ends early", "truncated")
        self.meter.keep(count)
        self.source.seek(offset)
        found = self.source.read(count)
        if len(found) != count:
            raise UnparseableError("the file ends early", "truncated")
        return found

    def tail(self, count: int) -> bytes:
        """Return the last ``count`` bytes, or the whole file when it is shorter."""
        count = min(count, self.size_bytes)
        return self.read_at(self.size_bytes - count, count)


@dataclass(frozen=True, slots=True)
class Format:
    """One family of files that one module recognises.

    Attributes:
        name: of the family; most answer with it as :attr:`Recognition.format`.
        risk: of a file of this family at its worst; a clean one may be milder.
        look: recognises a file, or returns None when it is something else.
        also: other names that it answers with.
        loadable: which of the names the runner can open as a model.
    """

    name: str
    risk: str
    look: Callable[[Sample], Recognition | None]
    also: tuple[str, ...] = ()
    loadable: tuple[str, ...] = ()

    @property
    def runs_code_on_load(self) -> bool:
        """Whether a file of this family may execute what its author chose."""
        return self.risk in (CODE, UNCLASSIFIED)


def worst_risk(risks: Iterable[str]) -> str:
    """Return the worst of the risks; nothing, or a word that is no risk, is ``unclassified``."""
    found = list(risks)
    if not found or any(risk not in RISKS for risk in found):
        return UNCLASSIFIED
    return max(found, key=RISKS.index)


def unparseable(name: str, error: UnparseableError) -> Recognition:
    """Say that a file claims to be of a format and cannot be read as such: code."""
    concern = Concern(error.rule, "high", f"not a readable {name} file: {error}")
    return Recognition(name, CODE, f"cannot be read: {error}"[:500], (concern,))


def with_concern(found: Recognition, concern: Concern, risk: str) -> Recognition:
    """Add a concern and raise the risk to at least ``risk``."""
    concerns = (*found.concerns, concern)[:MAX_CONCERNS]
    return replace(found, concerns=concerns, risk=worst_risk([found.risk, risk]))
