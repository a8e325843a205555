"""Founding: what a new registry starts with."""

from assay.core.access import LOCAL, Grant, Principal, PrincipalKind, Role
from assay.core.instants import milliseconds
from assay.core.outside_names import DEFAULT_TEAM
from assay.core.policies import Policy, StoredPolicy
from assay.core.tracking.experiments import DEFAULT_ID, DEFAULT_NAME, Experiment
from assay.core.tracking.files import experiment_root
from assay.gates import DAY_ONE_POLICY, DEFAULT_POLICY
from assay.usecases.means import Act, Means

FOUNDER = "assay"


def found(means: Means) -> None:
    """Create what a registry starts with, where it is missing.

    That is the principal ``local``, the default policies, the first experiment, the name of the audit log.
    Asking again changes nothing; a policy for ``*`` that was set by a person stays. The team of models
    whose names have no team observes the default policy, but only in a fresh registry: one that had a
    policy for ``*`` before is left as it is.
    """
    with means.database.read() as records:
        people = records.principals.get(LOCAL) is not None
        places = records.experiments.get(DEFAULT_ID) is not None
        named = records.audit_heads.origin() != ""
        if people and places and named and records.policies.history("*"):
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
            _store(act, DEFAULT_POLICY)
            if not records.policies.history(DAY_ONE_POLICY.applies_to):
                _store(act, DAY_ONE_POLICY)
        if records.experiments.get(DEFAULT_ID) is None:
            at_ms = milliseconds(act.at)
            root = experiment_root(DEFAULT_ID)
            first = Experiment(DEFAULT_ID, DEFAULT_TEAM, DEFAULT_NAME, root, at_ms, at_ms)
            act.note("experiment.create", f"experiment:{DEFAULT_ID}", after=records.experiments.add(first))
        if not records.audit_heads.origin():
            records.audit_heads.name(f"{FOUNDER}/{means.chance.identifier('log')}")


def _store(act: Act, policy: Policy) -> None:
    stored = StoredPolicy(policy, 1, policy.digest, act.at, FOUNDER, "")
    act.records.policies.add(stored)
    act.note("policy.set", f"policy/{policy.applies_to}", after={"revision": 1, "digest": stored.digest})
