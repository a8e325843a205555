"""Teams: listed, described, and taken away when they hold nothing."""

from dataclasses import replace

from assay.core.access import Action, Caller, require
from assay.core.errors import BadInputError, ConflictError, NotFoundError, Reason, RefusedError
from assay.core.names import check_text
from assay.core.outside_names import DEFAULT_TEAM, check_team
from assay.core.ports import Records
from assay.core.teams import Team, may_see_team, teams_in
from assay.usecases.means import Act, Means

MAX_DESCRIPTION_BYTES = 10_000


class Teams:
    """Keeps what is known about teams."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def all(self, caller: Caller) -> tuple[Team, ...]:
        """List the teams in which the caller may read something, by name."""
        with self._means.database.read() as records:
            found = known_teams(records)
        return tuple(found[name] for name in sorted(found) if may_see_team(caller, name))

    def get(self, caller: Caller, name: str) -> Team:
        """Show one.

        Raises:
            NotFoundError: there is none, or the caller may not know of it; both look the same.
        """
        with self._means.database.read() as records:
            return _visible(records, caller, name)

    def create(self, caller: Caller, name: str, description: str = "") -> Team:
        """Create a team by name, so that it is there before it holds anything.

        Raises:
            BadInputError: name or description breaks a rule.
            ConflictError: there is one of that name.
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_ACCESS)
        check_team(name)
        check_text(description, "description", limit_bytes=MAX_DESCRIPTION_BYTES)
        with self._means.database.write() as records:
            if name in known_teams(records):
                raise ConflictError(f"Workspace '{name}' already exists.")
            act = Act(records, caller.name, self._means.clock.now())
            made = Team(name, description, act.at, caller.name)
            records.teams.put(made)
            act.note("team.create", f"team:{name}", after=made)
            return made

    def describe(self, caller: Caller, name: str, description: str) -> Team:
        """Change what a team is said to be.

        Raises:
            BadInputError: the text breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        check_text(description, "description", limit_bytes=MAX_DESCRIPTION_BYTES)
        with self._means.database.write() as records:
            before = _visible(records, caller, name)
            require(caller, Action.MANAGE_ACCESS)
            after = replace(before, description=description)
            records.teams.put(after)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("team.describe", f"team:{name}", before, after)
            return after

    def delete(self, caller: Caller, name: str) -> None:
        """Take a team away that holds nothing, with the grants and groups in it.

        Raises:
            BadInputError: the default team stays.
            RefusedError: it holds something; what was deleted and can come back counts.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        with self._means.database.write() as records:
            _visible(records, caller, name)
            require(caller, Action.MANAGE_ACCESS)
            if name == DEFAULT_TEAM:
                message = f"The '{DEFAULT_TEAM}' workspace is reserved and cannot be deleted"
                raise BadInputError(message, [Reason("workspace", "must not be the default one")])
            held = records.teams.contents(name)
            if held:
                reasons = [
                    Reason(words, "must be none", f"there are {count}") for words, count in held.items()
                ]
                raise RefusedError(f"the team {name} holds something", reasons)
            self._end(Act(records, caller.name, self._means.clock.now()), name)

    def _end(self, act: Act, name: str) -> None:
        records = act.records
        for group in records.groups.all(name):
            records.groups.delete(group.id)
            act.note("group.delete", f"group:{group.address}", group)
        for grant in records.principals.grants():
            if grant.pattern.startswith(f"{name}/"):
                records.principals.revoke(grant.principal, grant.pattern)
                act.note("grant.revoke", f"principal/{grant.principal}", grant)
        before = records.teams.get(name)
        records.teams.remove(name)
        act.note("team.delete", f"team:{name}", before)


def known_teams(records: Records) -> dict[str, Team]:
    """Return every team there is: written about, holding something, with a grant or group in it."""
    written = {each.name: each for each in records.teams.all()}
    patterns = [each.pattern for each in records.principals.grants()]
    names = {DEFAULT_TEAM, *records.teams.holding(), *teams_in(patterns)}
    names |= {each.team for each in records.groups.all()}
    return {name: Team(name) for name in names} | written


def _visible(records: Records, caller: Caller, name: str) -> Team:
    found = known_teams(records).get(name)
    if found is None or not may_see_team(caller, name):
        raise NotFoundError(f"Workspace '{name[:200]}' not found")
    return found
