"""Teams: the first part of every model's name, and whose experiments are.

A team needs no founding: it is there as soon as it holds something or somebody was granted a role in
it. What is stored of one is what people wrote about it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from assay.core.access import Caller, readable
from assay.core.outside_names import DEFAULT_TEAM


@dataclass(frozen=True, slots=True)
class Team:
    """A team; ``created_at`` is None for one that nobody created by name."""

    name: str
    description: str = ""
    created_at: datetime | None = None
    created_by: str = ""


def teams_in(patterns: Iterable[str]) -> frozenset[str]:
    """Return the teams that ``team/*`` and ``team/task`` speak of; ``*`` speaks of none by name."""
    return frozenset(each.partition("/")[0] for each in patterns if "/" in each)


def may_see_team(caller: Caller, team: str) -> bool:
    """Decide whether the caller may know of a team: whoever may read anything in it."""
    patterns = readable(caller)
    return "*" in patterns or team in teams_in(patterns) or (team == DEFAULT_TEAM and bool(patterns))
