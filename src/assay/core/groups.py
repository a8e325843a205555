"""Groups: people of a team who share grants.

A group gives its members the grants it lists, for as long as they are in it. Its grants lie inside its
team, and none makes an admin.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from assay.core.access import Grant, Role
from assay.core.errors import BadInputError
from assay.core.stages import Stage

MAX_GRANTS: Final = 1000
MAX_MEMBERS: Final = 10_000
MAX_NAME_LENGTH: Final = 200
NUMBERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class GroupGrant:
    """One line of a group; ``number`` counts up within the group and is never given twice."""

    number: int
    role: Role
    pattern: str
    stages: frozenset[Stage] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """People of a team who share grants.

    Attributes:
        id: the store's; -1 before it is stored.
        name: unique in the team.
        given: the highest number that one of its grants ever had.
    """

    id: int
    team: str
    name: str
    description: str = ""
    grants: tuple[GroupGrant, ...] = ()
    members: tuple[str, ...] = ()
    given: int = 0

    @property
    def address(self) -> str:
        """How people name it: ``team/name``."""
        return f"{self.team}/{self.name}"

    def grant_id(self, grant: GroupGrant) -> int:
        """Return a number that only this grant of this group has."""
        return self.id * NUMBERS + grant.number


def place_of(grant_id: int) -> tuple[int, int]:
    """Return (group, number) of a grant's number."""
    return divmod(grant_id, NUMBERS)


def grants_through(groups: Iterable[Group], principal: str) -> tuple[Grant, ...]:
    """Return what ``principal`` may do because of the groups it is in."""
    return tuple(
        Grant(principal, each.role, each.pattern, each.stages, group.address)
        for group in groups
        if principal in group.members
        for each in group.grants
    )


def check_group_name(name: str) -> str:
    """Return ``name`` when it may name a group.

    Raises:
        BadInputError: empty, too long, or with control characters.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise BadInputError.of("name", "must be printable text and not empty", repr(name)[:100])
    if len(name) > MAX_NAME_LENGTH:
        raise BadInputError.of("name", f"must have at most {MAX_NAME_LENGTH} characters", str(len(name)))
    return name


def check_group_grant(group: Group, grant: GroupGrant) -> None:
    """Check a grant before a group lists it.

    Raises:
        BadInputError: outside the group's team, an admin's role, listed already, or too many.
    """
    if not grant.pattern.startswith(f"{group.team}/"):
        raise BadInputError.of("pattern", f"must lie in the team {group.team}", grant.pattern[:200])
    if grant.role is Role.ADMIN:
        raise BadInputError.of("role", "must not be admin: a group makes nobody an admin")
    if any(each.pattern == grant.pattern and each.number != grant.number for each in group.grants):
        raise BadInputError.of("pattern", "must be listed once in a group; change the grant there is")
    if len(group.grants) >= MAX_GRANTS or grant.number >= NUMBERS:
        raise BadInputError.of("grants", f"must be at most {MAX_GRANTS} in a group")
