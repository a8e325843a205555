"""Which migrations this program knows, and whether it can work with a database that has had some of them."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).parent / "migrations"
# What migrations say of themselves; a test holds every file to these forms.
_REVISION: Final = re.compile(r'^revision = "([^"]+)"$', re.MULTILINE)
_HALF: Final = re.compile(r'^half = "(pre|post)"$', re.MULTILINE)


class Half(StrEnum):
    """When a migration is applied: while older programs run (``pre``), or when none does (``post``)."""

    PRE = "pre"
    POST = "post"


@cache
def known_revisions(migrations: Path = MIGRATIONS) -> Mapping[str, Half]:
    """Return the revisions that this program knows, oldest first, and the half of each."""
    found: dict[str, Half] = {}
    for path in sorted((migrations / "versions").glob("*.py")):
        written = path.read_text("utf-8")
        revision, half = _REVISION.search(written), _HALF.search(written)
        if revision and half:
            found[revision[1]] = Half(half[1])
    return found


def lacking(applied: Mapping[str, Half], known: Mapping[str, Half], *, shared: bool) -> tuple[str, ...]:
    """Return what this program needs and a database has not had, oldest first.

    Args:
        applied: the revisions that it has had.
        known: those of this program.
        shared: older programs may still need what migrations of the half ``post`` take away, so that it is
            no lack if they were not applied yet.
    """
    return tuple(
        name for name, half in known.items() if name not in applied and not (shared and half is Half.POST)
    )


def taken_away(applied: Mapping[str, Half], known: Mapping[str, Half]) -> tuple[str, ...]:
    """Return the revisions by which a newer program took away what this one needs, oldest first."""
    return tuple(sorted(name for name, half in applied.items() if name not in known and half is Half.POST))
