"""Quotas: set, shown with their use, taken away, and asked before many bytes are sent.

What is stored is counted and refused where it is stored (see ``core.ports.quotas``).
"""

from assay.core.access import Action, Caller, require
from assay.core.errors import NotFoundError
from assay.core.names import ModelName
from assay.core.outside_names import check_team
from assay.core.ports import Records
from assay.core.quotas import Quota, check_limit, check_owner, over, owners_of
from assay.usecases.means import Act, Means
from assay.wire.quotas import QuotaChange, Recounted


class QuotaBook:
    """Keeps quotas."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def all(self, caller: Caller, team: str = "") -> tuple[Quota, ...]:
        """List every team that uses something and every quota, or all of one team; by name.

        Raises:
            BadInputError: ``team`` is no name of a team.
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_STORAGE)
        if team:
            check_team(team)
        with self._means.database.read() as records:
            return records.quotas.of_team(team) if team else records.quotas.teams()

    def set(self, caller: Caller, wanted: QuotaChange) -> Quota:
        """Set a quota; it counts from the next bytes on that are named.

        Returns:
            It, with what is used.

        Raises:
            BadInputError: owner or limit breaks a rule.
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_STORAGE)
        owner, limit = check_owner(wanted.owner), check_limit(wanted.limit_bytes)
        with self._means.database.write() as records:
            before = records.quotas.get(owner)
            if before.limit_bytes != limit:
                records.quotas.set(owner, limit)
                act = Act(records, caller.name, self._means.clock.now())
                kept = {"limit_bytes": before.limit_bytes}
                act.note("quota.set", f"quota:{owner}", before=kept, after={"limit_bytes": limit})
            return records.quotas.get(owner)

    def remove(self, caller: Caller, owner: str) -> None:
        """Take a quota away; what is used is counted on.

        Raises:
            BadInputError: ``owner`` is no team or model.
            DeniedError: the caller may not.
            NotFoundError: none is set.
        """
        require(caller, Action.MANAGE_STORAGE)
        check_owner(owner)
        with self._means.database.write() as records:
            before = records.quotas.get(owner)
            if before.limit_bytes is None:
                raise NotFoundError(f"no quota is set for {owner}", hint="assay quota list shows all")
            records.quotas.set(owner, None)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("quota.remove", f"quota:{owner}", before={"limit_bytes": before.limit_bytes})

    def recount(self, caller: Caller) -> tuple[Recounted, ...]:
        """Count anew what everybody uses, which is needed only after programs ran that did not count.

        Returns:
            Those of whom something else was kept, by name.

        Raises:
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_STORAGE)
        with self._means.database.write() as records:
            found = tuple(Recounted(*each) for each in records.quotas.recount())
            if found:
                act = Act(records, caller.name, self._means.clock.now())
                act.note("quota.recount", "quotas:recounted", after={"owners": len(found)})
            return found


def check_room(records: Records, caller: Caller, model: ModelName, size_bytes: int) -> None:
    """Check before bytes are sent whether a version of the model could hold them.

    Raises:
        DeniedError, NotFoundError: the caller may not register versions of the model.
        RefusedError: a quota of the model or its team does not allow so much more.
    """
    require(caller, Action.REGISTER, model)
    for owner in owners_of(model):
        quota = records.quotas.get(owner)
        if not quota.has_room(size_bytes):
            raise over(quota, size_bytes)
