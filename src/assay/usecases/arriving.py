"""Arriving: from the claims of a verified ID token to a principal, and to the roles its groups give."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assay.core.access import Principal, PrincipalKind
from assay.core.errors import DeniedError, Reason
from assay.core.ports import Records
from assay.core.sign_in import Identity, SignInRules, borrowed, groups_said, name_said
from assay.usecases.means import Act


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody whom the provider vouches for, and who may come in.

    Attributes:
        until: when this sign-in ends, with all that it gave.
        notice: why no groups were taken from the provider; "" for no reason.
    """

    principal: str
    issuer: str
    subject: str
    at: datetime
    until: datetime
    notice: str


def arrive(records: Records, rules: SignInRules, claims: Mapping[str, Any], now: datetime) -> Arrival:
    """Find or make the principal, and put what its groups give now in place of what they gave before.

    Args:
        records: a transaction that may write.
        rules: of the registry.
        claims: checked.
        now: when.

    Raises:
        DeniedError: nobody is known by that identity and none may be made, the name belongs to somebody
            else, or the principal is disabled or no person.
    """
    issuer, subject = claims["iss"], claims["sub"]
    known = records.sign_in.identities.get(issuer, subject)
    name = known.principal if known else _made(records, rules, claims, now)
    principal = records.principals.get(name)
    if principal is None or principal.disabled or principal.kind is not PrincipalKind.PERSON:
        raise DeniedError(f"{name} may not sign in: an admin disabled it")
    said = groups_said(claims, rules.groups_claim)
    until = now + rules.lifetime
    roles = records.sign_in.group_roles.all()
    before = records.sign_in.borrowed.of(name, now)
    after = borrowed(name, said.names, roles, until)
    records.sign_in.borrowed.replace(name, after)
    if [each.grant for each in before] != [each.grant for each in after]:
        told = ([each.grant for each in some] for some in (before, after))
        old, new = ({"grants": each} for each in told)
        Act(records, name, now).note("grant.borrow", f"principal/{name}", old, new)
    return Arrival(name, issuer, subject, now, until, said.notice if roles else "")


def _made(records: Records, rules: SignInRules, claims: Mapping[str, Any], now: datetime) -> str:
    """Make a person known who is new; a name that is taken is never given to somebody else."""
    issuer, subject = claims["iss"], claims["sub"]
    whose = Reason("sub", f"is {subject!r} at {issuer}")
    if not rules.create_people:
        hint = "ask an admin: assay principal link NAME --issuer ISSUER --subject SUBJECT"
        raise DeniedError("nobody is known here by that identity", [whose], hint=hint)
    name = name_said(claims, rules.name_claim)
    if records.principals.get(name) is not None:
        hint = (
            f"if it is you, an admin links it: assay principal link {name} --issuer ISSUER --subject SUBJECT"
        )
        raise DeniedError(f"the name {name} belongs to somebody here already", [whose], hint=hint)
    shown = claims.get("name")
    display = shown[:200] if isinstance(shown, str) and shown.isprintable() else ""
    act = Act(records, name, now)
    person = Principal(name, PrincipalKind.PERSON, now, display_name=display)
    records.principals.add(person)
    act.note("principal.create", f"principal/{name}", after=person)
    identity = Identity(issuer, subject, name, now, name)
    records.sign_in.identities.link(identity)
    act.note("identity.link", f"principal/{name}", after=identity)
    return name
