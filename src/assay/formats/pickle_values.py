"""What stands on the inert pickle machine's stack instead of objects."""

from dataclasses import dataclass, field
from typing import Any, Final

MAX_ENTRIES: Final = 256


@dataclass(slots=True, eq=False)
class Global:
    """A name that a real unpickler would import: recorded, never looked up."""

    module: str
    name: str

    @property
    def pair(self) -> tuple[str, str]:
        """Module and name."""
        return self.module, self.name


@dataclass(slots=True, eq=False)
class Made:
    """The result of a call that was not made.

    Attributes:
        callee: what would have been called; None when that was itself computed.
        args: its arguments; None when they are no tuple.
        state: what BUILD attached.
        built: how often BUILD was seen.
    """

    callee: Global | None
    args: tuple[Any, ...] | None
    state: Any = None
    built: int = 0

    def is_a(self, module: str, name: str) -> bool:
        """Whether it is the result of calling exactly this."""
        return self.callee is not None and self.callee.pair == (module, name)


@dataclass(slots=True, eq=False)
class Opaque:
    """A value whose content does not matter: long text or bytes, list, set, large number."""

    kind: str


@dataclass(slots=True, eq=False)
class Table:
    """A dictionary. Keeps its first text keys; ``whole`` is false when it holds anything else."""

    entries: dict[str, Any] | None = field(default=None)
    whole: bool = True

    def put(self, key: Any, value: Any) -> None:
        """Keep one pair."""
        if self.entries is None:
            self.entries = {}
        if type(key) is str and (key in self.entries or len(self.entries) < MAX_ENTRIES):
            self.entries[key] = value
        else:
            self.whole = False

    def get(self, key: str) -> Any:
        """Return the value, or None."""
        return (self.entries or {}).get(key)

    def keys(self) -> frozenset[str]:
        """Return the text keys that were kept."""
        return frozenset(self.entries or ())


LONG_TEXT: Final = Opaque("str")
LONG_BYTES: Final = Opaque("bytes")
NUMBER: Final = Opaque("number")
PERSISTENT: Final = Opaque("persistent")
