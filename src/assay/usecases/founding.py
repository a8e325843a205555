"""Founding: what a new registry starts with."""

from assay.core.access import LOCAL, Grant, Principal, PrincipalKind, Role
from assay.core.policies import StoredPolicy
from assay.gates import DEFAULT_POLICY
from assay.usecases.means import Act, Means

FOUNDER = "assay"


def found(means: Means) -> None:
    """Create the principal ``local`` and the default policy where they are missing.

    Asking again changes nothing; a policy for ``*`` that was set by a person stays.
    """
    with means.database.read() as records:
        complete = records.principals.get(LOCAL) is not None and bool(records.policies.history("*"))
    if complete:
        return
    with means.database.write() as records:
        act = Act(records, FOUNDER, means.clock.now())
        if records.principals.get(LOCAL) is None:
            person = Principal(
                LOCAL, PrincipalKind.PERSON, act.at, display_name="whoever sits at this machine"
            )
            records.principals.add(person)
            records.principals.grant(Grant(LOCAL, Role.ADMIN, "*"))
            act.note("principal.create", f"principal/{LOCAL}", after=person)
        if not records.policies.history("*"):
            stored = StoredPolicy(DEFAULT_POLICY, 1, DEFAULT_POLICY.digest, act.at, FOUNDER, "")
            records.policies.add(stored)
            act.note("policy.set", "policy/*", after={"revision": 1, "digest": stored.digest})
