"""What it means to recognise a file: by its content, without executing any of it."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO, Final, Protocol

HEAD_BYTES: Final = 4096


class Risk(Enum):
    """What loading the file can do, mildest first; unclassified is handled as code."""

    DATA = "data"
    EFFECTS = "effects"
    CODE = "code"
    UNCLASSIFIED = "unclassified"

    @property
    def rank(self) -> int:
        """0 for data up to 3 for unclassified."""
        return list(Risk).index(self)


@dataclass(frozen=True, slots=True)
class Danger:
    """Something found in a file.

    Attributes:
        rule: short stable name, e.g. ``foreign_globals``.
        severity: ``critical`` and ``high`` never pass; anything less informs.
        detail: for people.
    """

    rule: str
    severity: str
    detail: str


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a file is.

    Attributes:
        format: its name.
        risk: what loading it can do.
        detail: why, in a few words.
        dangers: what was found inside, as far as this format is inspected.
        names: for the pickle family, every ``module.name`` it would import.
    """

    format: str
    risk: Risk
    detail: str = ""
    dangers: tuple[Danger, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Sample:
    """A file under inspection: its path for context, its bytes for everything else.

    Attributes:
        path: name inside the version. Never decides what the file is.
        source: seekable.
        deep: look at the whole content, not only as far as naming it needs.
    """

    path: str
    source: BinaryIO
    deep: bool = False
    size: int = field(init=False)
    head: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Take size and first bytes."""
        self.size = self.source.seek(0, io.SEEK_END)
        self.head = self.read_at(0, HEAD_BYTES)

    def read_at(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``offset``."""
        self.source.seek(offset)
        return self.source.read(max(0, count))


class Format(Protocol):
    """One model file format; a module of this room."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def loadable(self) -> bool:
        """Whether the runner can load it."""
        ...

    def recognise(self, sample: Sample) -> Recognition | None:
        """Return what the file is, or None when it is not of this format. Never raises on content."""
        ...


@dataclass(frozen=True, slots=True)
class FormatEntry:
    """A format made of a name and a function."""

    name: str
    recognise: Callable[[Sample], Recognition | None]
    loadable: bool = False


def critical(rule: str, detail: str) -> Danger:
    """Build a danger that never passes."""
    return Danger(rule, "critical", detail[:4000])
