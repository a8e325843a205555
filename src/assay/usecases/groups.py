"""Groups: founded in a team, given grants, joined and left."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from assay.core.access import Action, Caller, require
from assay.core.errors import BadInputError, ConflictError, NotFoundError, Reason
from assay.core.groups import (
    MAX_MEMBERS,
    Group,
    GroupGrant,
    check_group_grant,
    check_group_name,
    place_of,
)
from assay.core.levels import Level, role_at
from assay.core.names import check_text
from assay.core.outside_names import check_team
from assay.core.ports import Records
from assay.usecases.access import present
from assay.usecases.means import Act, Means
from assay.usecases.people import require_self_or_admin
from assay.usecases.permissions import Thing, pattern_of
from assay.usecases.teams import known_teams


class Groups:
    """Keeps groups; all of it is for admins, but for looking up one's own."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def create(self, caller: Caller, team: str, name: str, description: str = "") -> Group:
        """Found a group without grants and members.

        Raises:
            BadInputError: a name or text breaks a rule, or there is no such team.
            ConflictError: the team has a group of that name.
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_ACCESS)
        check_group_name(name)
        check_text(description, "description", limit_bytes=10_000)
        with self._means.database.write() as records:
            if check_team(team) not in known_teams(records):
                raise BadInputError(
                    f"Workspace '{team}' does not exist.", [Reason("workspace", "must exist")]
                )
            made = records.groups.add(Group(-1, team, name, description))
            act = Act(records, caller.name, self._means.clock.now())
            act.note("group.create", f"group:{made.address}", after=made)
            return made

    def get(self, caller: Caller, group_id: int) -> Group:
        """Show one.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.read() as records:
            return _found(records, group_id)

    def all(self, caller: Caller, teams: Sequence[str] = ()) -> tuple[Group, ...]:
        """Show the groups of some teams, or of all.

        Raises:
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.read() as records:
            if not teams:
                return records.groups.all()
            return tuple(group for team in dict.fromkeys(teams) for group in records.groups.all(team))

    def of_person(self, caller: Caller, name: str) -> tuple[Group, ...]:
        """Show the groups somebody is in; everybody may see their own.

        Raises:
            DeniedError, NotFoundError: the caller may not, or nobody has that name.
        """
        require_self_or_admin(caller, name)
        with self._means.database.read() as records:
            present(records, name)
            return records.groups.of(name)

    def describe(
        self, caller: Caller, group_id: int, name: str | None = None, description: str | None = None
    ) -> Group:
        """Change name and description; None keeps what there is.

        Raises:
            BadInputError: a name or text breaks a rule.
            ConflictError: the team has another group of that name.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        if name is not None:
            check_group_name(name)
        check_text(description or "", "description", limit_bytes=10_000)

        def change(_records: Records, group: Group) -> Group:
            named = replace(group, name=group.name if name is None else name)
            return named if description is None else replace(named, description=description)

        return self._change(caller, group_id, "group.describe", change)

    def delete(self, caller: Caller, group_id: int) -> None:
        """Take a group away; what its members had through it ends at once.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.write() as records:
            group = _found(records, group_id)
            records.groups.delete(group_id)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("group.delete", f"group:{group.address}", group)

    def add_grant(self, caller: Caller, group_id: int, thing: Thing, level: Level) -> GroupGrant:
        """Give all members a level on a thing of the group's team.

        Raises:
            BadInputError: no grant says that much and no more, or the group has one on it already.
            DeniedError, NotFoundError: the caller may not, or there is no such group.
        """
        if level is Level.NONE:
            raise BadInputError.of("permission", "must be one: a group without a grant gives none")

        def change(records: Records, group: Group) -> Group:
            pattern = pattern_of(records, replace(thing, team=group.team))
            if not pattern:
                rule = "must be the whole team or one model: experiments belong to a team, not to people"
                raise BadInputError.of("resource_type", rule, thing.words)
            role, stages = role_at(level)
            grant = GroupGrant(group.given + 1, role, pattern, stages)
            check_group_grant(group, grant)
            return replace(group, grants=(*group.grants, grant), given=grant.number)

        return self._change(caller, group_id, "group.grant", change).grants[-1]

    def change_grant(self, caller: Caller, grant_id: int, level: Level) -> tuple[Group, GroupGrant]:
        """Give the members another level on the same thing.

        Raises:
            BadInputError: it is no level.
            DeniedError, NotFoundError: the caller may not, or there is no such grant.
        """
        if level is Level.NONE:
            raise BadInputError.of("permission", "must be one: remove the grant instead")
        group_id, number = place_of(grant_id)
        role, stages = role_at(level)

        def change(_records: Records, group: Group) -> Group:
            _check_listed(group, number)
            return replace(
                group,
                grants=tuple(
                    replace(each, role=role, stages=stages) if each.number == number else each
                    for each in group.grants
                ),
            )

        after = self._change(caller, group_id, "group.grant", change)
        return after, next(each for each in after.grants if each.number == number)

    def remove_grant(self, caller: Caller, grant_id: int) -> None:
        """Take a grant out of its group.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such grant.
        """
        group_id, number = place_of(grant_id)

        def change(_records: Records, group: Group) -> Group:
            _check_listed(group, number)
            return replace(group, grants=tuple(each for each in group.grants if each.number != number))

        self._change(caller, group_id, "group.grant", change)

    def join(self, caller: Caller, group_id: int, name: str) -> Group:
        """Put somebody into a group.

        Raises:
            BadInputError: the group is full.
            ConflictError: they are in it already.
            DeniedError, NotFoundError: the caller may not, there is no such group, or nobody of that name.
        """

        def change(records: Records, group: Group) -> Group:
            present(records, name)
            if name in group.members:
                raise ConflictError(f"{name} is in the group {group.address} already")
            if len(group.members) >= MAX_MEMBERS:
                raise BadInputError.of("members", f"must be at most {MAX_MEMBERS} in a group")
            return replace(group, members=tuple(sorted((*group.members, name))))

        return self._change(caller, group_id, "group.join", change)

    def leave(self, caller: Caller, group_id: int, name: str) -> Group:
        """Take somebody out of a group.

        Raises:
            DeniedError, NotFoundError: the caller may not, there is no such group, or they are not in it.
        """

        def change(records: Records, group: Group) -> Group:
            present(records, name)
            if name not in group.members:
                raise NotFoundError(f"{name} is not in the group {group.address}")
            return replace(group, members=tuple(each for each in group.members if each != name))

        return self._change(caller, group_id, "group.leave", change)

    def _change(
        self, caller: Caller, group_id: int, verb: str, change: Callable[[Records, Group], Group]
    ) -> Group:
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.write() as records:
            before = _found(records, group_id)
            after = change(records, before)
            if after != before:
                records.groups.save(after)
                act = Act(records, caller.name, self._means.clock.now())
                act.note(verb, f"group:{before.address}", before, after)
            return after


def _found(records: Records, group_id: int) -> Group:
    group = records.groups.get(group_id) if 0 < group_id < 2**31 else None
    if group is None:
        raise NotFoundError(f"Role with id={group_id} not found")
    return group


def _check_listed(group: Group, number: int) -> None:
    if all(each.number != number for each in group.grants):
        raise NotFoundError(f"the group {group.address} has no such grant")
