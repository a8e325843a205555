"""Who is who at the identity provider, and what its groups give here; kept by admins."""

from assay.core.access import Action, Caller, PrincipalKind, Role, require
from assay.core.errors import BadInputError, NotFoundError
from assay.core.id_tokens import MAX_SUBJECT_LENGTH
from assay.core.names import check_text
from assay.core.policies import check_pattern
from assay.core.sign_in import GroupRole, Identity, check_group, check_issuer
from assay.usecases.access import present
from assay.usecases.means import Act, Means
from assay.usecases.people import require_self_or_admin
from assay.wire.sign_in import NewGroupRole, NewIdentity


class IdentityBook:
    """Links identities with principals, and groups with roles."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def link(self, caller: Caller, name: str, wanted: NewIdentity) -> Identity:
        """Say who somebody at a provider is here: from then on they sign in as that person.

        Raises:
            BadInputError: no issuer or subject can be so, or the principal is a service account.
            ConflictError: that identity is linked already.
            DeniedError, NotFoundError: the caller may not, or nobody there has that name.
        """
        require(caller, Action.MANAGE_ACCESS)
        check_issuer(wanted.issuer)
        check_text(wanted.subject, "subject", limit_bytes=4 * MAX_SUBJECT_LENGTH, empty=False)
        if len(wanted.subject) > MAX_SUBJECT_LENGTH:
            raise BadInputError.of("subject", f"must have at most {MAX_SUBJECT_LENGTH} characters")
        with self._means.database.write() as records:
            if present(records, name).kind is not PrincipalKind.PERSON:
                raise BadInputError.of("name", "must be a person: a service account does not sign in", name)
            act = Act(records, caller.name, self._means.clock.now())
            made = Identity(wanted.issuer, wanted.subject, name, act.at, caller.name)
            records.sign_in.identities.link(made)
            act.note("identity.link", f"principal/{name}", after=made)
            return made

    def unlink(self, caller: Caller, name: str, gone: NewIdentity) -> None:
        """Forget it, with the sessions of that person and what they have through groups.

        Raises:
            DeniedError, NotFoundError: the caller may not, or that identity is not theirs.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.write() as records:
            known = records.sign_in.identities.get(gone.issuer, gone.subject)
            if known is None or known.principal != name:
                raise NotFoundError(f"{name[:200]!r} has no such identity")
            act = Act(records, caller.name, self._means.clock.now())
            records.sign_in.identities.unlink(gone.issuer, gone.subject)
            records.sign_in.sessions.revoke(name, act.at)
            records.sign_in.borrowed.replace(name, ())
            act.note("identity.unlink", f"principal/{name}", known)

    def of(self, caller: Caller, name: str) -> tuple[Identity, ...]:
        """Show the identities of somebody; everybody may see their own.

        Raises:
            DeniedError: the caller may not.
        """
        require_self_or_admin(caller, name)
        with self._means.database.read() as records:
            return records.sign_in.identities.of(name)

    def map(self, caller: Caller, wanted: NewGroupRole) -> GroupRole:
        """Give a role to whoever is in a group at the provider, from their next sign-in on.

        Raises:
            BadInputError: unknown role, or a group or pattern breaks a rule.
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_ACCESS)
        check_group(wanted.group)
        roles = {role.value: role for role in Role}
        if wanted.role not in roles:
            raise BadInputError.of("role", "must be one of " + ", ".join(roles), repr(wanted.role)[:60])
        role = GroupRole(wanted.group, team_or_pattern(wanted.pattern), roles[wanted.role])
        with self._means.database.write() as records:
            act = Act(records, caller.name, self._means.clock.now())
            before = records.sign_in.group_roles.put(role)
            act.note("group_role.set", f"sign-in/{role.group}", before, role)
            return role

    def unmap(self, caller: Caller, group: str, pattern: str) -> None:
        """Take it away; who has the role through it loses it with their sign-in at the latest.

        Raises:
            BadInputError: no pattern.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        require(caller, Action.MANAGE_ACCESS)
        where = team_or_pattern(pattern)
        with self._means.database.write() as records:
            before = records.sign_in.group_roles.remove(group, where)
            if before is None:
                raise NotFoundError(f"the group {group[:200]!r} gives nothing on {where}")
            act = Act(records, caller.name, self._means.clock.now())
            act.note("group_role.remove", f"sign-in/{group}", before)

    def roles(self, caller: Caller) -> tuple[GroupRole, ...]:
        """List what groups give.

        Raises:
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.read() as records:
            return records.sign_in.group_roles.all()


def team_or_pattern(text: str) -> str:
    """Return a pattern: ``*``, ``team/*``, ``team/task``, or all of the team that is named alone.

    Raises:
        BadInputError: it is none.
    """
    return check_pattern(text if text == "*" or "/" in text else f"{text}/*", "pattern")
