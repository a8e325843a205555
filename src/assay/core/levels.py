"""Levels: the few permissions that tools outside know, each as a role of this registry.

They are coarser than roles. *Manage* includes deleting, which takes a maintainer; a maintainer also
approves promotions and moves what is in Staging and Production, which nobody asks for who asks for a
level: so a level leaves those stages out. Who had them before keeps them.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from assay.core.access import Action, Caller, Grant, Role, may, may_in_team
from assay.core.names import ModelName
from assay.core.stages import GUARDED, Stage


class Level(Enum):
    """What one may do, each including all before it."""

    NONE = "none"
    READ = "read"
    EDIT = "edit"
    MANAGE = "manage"


_ROLES: Final[Mapping[Level, Role]] = {
    Level.READ: Role.READER,
    Level.EDIT: Role.CONTRIBUTOR,
    Level.MANAGE: Role.MAINTAINER,
}
_LEVELS: Final[Mapping[Role, Level]] = {
    Role.READER: Level.READ,
    Role.CONTRIBUTOR: Level.EDIT,
    Role.APPROVER: Level.EDIT,
    Role.MAINTAINER: Level.MANAGE,
    Role.ADMIN: Level.MANAGE,
}
UNGUARDED: Final = frozenset(Stage) - frozenset(GUARDED)


def level_of(role: Role) -> Level:
    """Return the level that a role amounts to."""
    return _LEVELS[role]


def role_at(level: Level, before: Grant | None = None) -> tuple[Role, frozenset[Stage] | None]:
    """Return role and stages that make ``level``; not for NONE, which is no grant at all.

    Args:
        level: READ, EDIT or MANAGE.
        before: what was granted on the same pattern: kept where it is that level already, and its limits
            are never widened.
    """
    if before is not None and level_of(before.role) is level:
        return before.role, before.stages
    stages = None if before is None else before.stages
    if level is Level.MANAGE and (before is None or before.role.rank < Role.APPROVER.rank):
        stages = UNGUARDED if stages is None else stages & UNGUARDED
    return _ROLES[level], stages


def level_on(caller: Caller, model: ModelName) -> Level:
    """Return the level of a caller on a model, whatever it comes from."""
    if may(caller, Action.DELETE, model):
        return Level.MANAGE
    if may(caller, Action.ANNOTATE, model):
        return Level.EDIT
    return Level.READ if may(caller, Action.READ, model) else Level.NONE


def level_in(caller: Caller, team: str) -> Level:
    """Return the level of a caller in a whole team: its experiments and all its models."""
    if may_in_team(caller, Action.DELETE, team):
        return Level.MANAGE
    if may_in_team(caller, Action.TRACK, team):
        return Level.EDIT
    return Level.READ if may_in_team(caller, Action.READ, team) else Level.NONE
