"""Semantic versions of models (semver.org 2.0.0, the numeric core)."""

import re
from enum import Enum
from functools import total_ordering
from typing import Final

from assay.core.errors import BadInputError

_FORM: Final = re.compile(r"v?(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)


class Bump(Enum):
    """Which component a new version increments; ordered by size."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"

    @property
    def size(self) -> int:
        """0 for patch, 1 for minor, 2 for major."""
        return list(Bump).index(self)


@total_ordering
class SemVer:
    """``vMAJOR.MINOR.PATCH``; orders by its numbers, prints with the ``v``."""

    __slots__ = ("major", "minor", "patch")
    is_text = True

    def __init__(self, major: int, minor: int, patch: int) -> None:
        """Keep the three numbers."""
        self.major = major
        self.minor = minor
        self.patch = patch

    @classmethod
    def parse(cls, text: str) -> "SemVer":
        """Read ``v2.1.0`` or ``2.1.0``.

        Raises:
            BadInputError: another form, leading zeros, or a component above nine digits.
        """
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise BadInputError.of("version", "must be vMAJOR.MINOR.PATCH", repr(text)[:60])
        return cls(*map(int, match.groups()))

    @property
    def key(self) -> tuple[int, int, int]:
        """The three numbers."""
        return (self.major, self.minor, self.patch)

    def bumped(self, bump: Bump) -> "SemVer":
        """Return the next version of that size."""
        if bump is Bump.MAJOR:
            return SemVer(self.major + 1, 0, 0)
        if bump is Bump.MINOR:
            return SemVer(self.major, self.minor + 1, 0)
        return SemVer(self.major, self.minor, self.patch + 1)

    def bump_from(self, older: "SemVer") -> Bump:
        """Return which component is the first to differ from ``older``."""
        if self.major != older.major:
            return Bump.MAJOR
        return Bump.MINOR if self.minor != older.minor else Bump.PATCH

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SemVer) and self.key == other.key

    def __lt__(self, other: "SemVer") -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"

    def __repr__(self) -> str:
        return f"SemVer({self})"


FIRST: Final = SemVer(1, 0, 0)
