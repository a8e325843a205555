"""Permissions as tools outside give them: a level on a thing, where this registry grants roles.

What a level on a thing comes to is a grant on its team or on one model. What has no grant of its own,
such as one experiment, cannot be given by itself: giving it would give more than was asked.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from assay.core.access import Action, Caller, Grant, require
from assay.core.errors import BadInputError, ConflictError, NotFoundError, Reason
from assay.core.levels import Level, level_in, level_of, level_on, role_at
from assay.core.outside_names import check_team, model_for, name_in
from assay.core.ports import Records
from assay.core.versions import Model
from assay.usecases.access import grants_of, present
from assay.usecases.means import Act, Means
from assay.usecases.people import require_self_or_admin


class Kind(Enum):
    """What a permission is about."""

    TEAM = "the whole team"
    MODEL = "a model"
    EXPERIMENT = "an experiment"
    PART = "a part of the team"


@dataclass(frozen=True, slots=True)
class Thing:
    """What a permission is about.

    Attributes:
        team: in which the caller works.
        name: of a model as it is known outside, or the id of an experiment; "" for team and part.
        words: how the caller named it, for errors.
    """

    kind: Kind
    team: str
    name: str = ""
    words: str = ""


class Permissions:
    """Gives, takes and tells levels."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def level(self, caller: Caller, name: str, thing: Thing) -> Level:
        """Return what somebody may do with a thing, whatever it comes from; NONE where there is no such.

        Raises:
            DeniedError, NotFoundError: the caller may not ask, or nobody there has that name.
        """
        require_self_or_admin(caller, name)
        with self._means.database.read() as records:
            return _level(records, name, thing, self._means.clock.now())

    def own(self, caller: Caller, name: str, thing: Thing) -> Level:
        """Return what somebody was granted on just this thing.

        An experiment shows what is granted in its team.

        Raises:
            DeniedError, NotFoundError: the caller may not ask, nobody there has that name, or nothing
                was granted.
        """
        require_self_or_admin(caller, name)
        with self._means.database.read() as records:
            there = _level(records, name, thing, self._means.clock.now())
            pattern = pattern_of(records, thing)
            grant = _direct(records, name, pattern) if pattern else None
        if grant is not None:
            return level_of(grant.role)
        if pattern or there is Level.NONE:
            raise _not_granted(name, thing)
        return there

    def give(
        self, caller: Caller, name: str, thing: Thing, level: Level, *, again: bool | None = None
    ) -> None:
        """Let somebody have just this level on a thing.

        Args:
            caller: who asks; an admin.
            name: for whom.
            thing: on what.
            level: NONE takes away what was granted on just this thing.
            again: True where something must have been granted before, False where nothing may have.

        Raises:
            BadInputError: no grant says that much and no more.
            ConflictError: something was granted before.
            DeniedError, NotFoundError: the caller may not, nobody there has that name, or nothing was
                granted before.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.write() as records:
            there = _level(records, name, thing, self._means.clock.now())
            pattern = pattern_of(records, thing)
            before = _direct(records, name, pattern) if pattern else None
            if again is False and before is not None:
                raise ConflictError(f"{name} was granted something on {_words(thing)} already")
            if again and pattern and before is None:
                raise _not_granted(name, thing)
            if not pattern:
                if there is not level:
                    raise _inexpressible(thing)
                return
            act = Act(records, caller.name, self._means.clock.now())
            self._set(act, name, pattern, level, before)
            if (
                level is Level.NONE
                and _level(records, name, thing, self._means.clock.now()) is not Level.NONE
            ):
                rule = "rights only add up here: take away what was granted more widely"
                raise BadInputError.of("permission", rule, f"{name} on {_words(thing)}")

    def take(self, caller: Caller, name: str, thing: Thing) -> None:
        """Take away what was granted on just this thing.

        Raises:
            BadInputError: it comes with the whole team.
            DeniedError, NotFoundError: the caller may not, nobody there has that name, or nothing was
                granted.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.write() as records:
            there = _level(records, name, thing, self._means.clock.now())
            pattern = pattern_of(records, thing)
            if not pattern and there is not Level.NONE:
                raise _inexpressible(thing)
            before = _direct(records, name, pattern) if pattern else None
            if before is None:
                raise _not_granted(name, thing)
            act = Act(records, caller.name, self._means.clock.now())
            self._set(act, name, pattern, Level.NONE, before)

    def _set(self, act: Act, name: str, pattern: str, level: Level, before: Grant | None) -> None:
        if level is Level.NONE:
            if before is not None:
                act.records.principals.revoke(name, pattern)
                act.note("grant.revoke", f"principal/{name}", before)
            return
        after = Grant(name, role_at(level, before)[0], pattern, role_at(level, before)[1])
        if after != before:
            act.records.principals.grant(after)
            act.note("grant.set", f"principal/{name}", before, after)

    def known_as(self, caller: Caller, pattern: str) -> Model | None:
        """Return the model that a pattern names, for showing it; None for whole teams and hidden ones.

        Raises:
            BadInputError: the pattern is none.
        """
        with self._means.database.read() as records:
            model = None if "*" in pattern else records.models.get(model_for(pattern))
        return model if model is not None and level_on(caller, model.name) is not Level.NONE else None


def pattern_of(records: Records, thing: Thing) -> str:
    """Return the pattern that speaks of just this thing, "" when none does.

    Raises:
        BadInputError: the name of a model breaks a rule.
    """
    if thing.kind is Kind.TEAM:
        return f"{check_team(thing.team)}/*"
    if thing.kind is not Kind.MODEL:
        return ""
    name = name_in(thing.team, thing.name)
    known = records.models.known(name)
    return known.name if known is not None else model_for(name)


def _level(records: Records, name: str, thing: Thing, now: datetime) -> Level:
    who = Caller(present(records, name), grants_of(records, name, now))
    if thing.kind is Kind.MODEL:
        return level_on(who, model_for(pattern_of(records, thing)))
    if thing.kind is not Kind.EXPERIMENT:
        return level_in(who, thing.team)
    # Written in one way only: "07" is no experiment, as everywhere.
    number = int(thing.name) if thing.name.isascii() and thing.name.isdigit() and len(thing.name) < 19 else -1
    experiment = records.experiments.get(number) if str(number) == thing.name else None
    return Level.NONE if experiment is None else level_in(who, experiment.team)


def _direct(records: Records, name: str, pattern: str) -> Grant | None:
    return next((each for each in records.principals.grants(name) if each.pattern == pattern), None)


def _words(thing: Thing) -> str:
    return thing.words or f"{thing.kind.value} {thing.name or thing.team}"


def _not_granted(name: str, thing: Thing) -> NotFoundError:
    return NotFoundError(f"{name} was granted nothing on {_words(thing)} by itself")


def _inexpressible(thing: Thing) -> BadInputError:
    rule = "must be given in the whole team: experiments and their runs belong to a team, not to people"
    message = f"There is no permission on {_words(thing)} by itself: it comes with the whole team"
    hint = "grant it on resource_type 'workspace', or: assay grant add NAME ROLE 'TEAM/*'"
    return BadInputError(message, [Reason("resource_type", rule)], hint=hint)
