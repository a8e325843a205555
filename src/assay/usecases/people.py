"""People: made known with a password, shown, made admins, and let go."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from assay.core.access import (
    LOCAL,
    Action,
    Caller,
    Grant,
    Principal,
    PrincipalKind,
    Role,
    check_principal,
    may,
    require,
    require_all_scopes,
)
from assay.core.errors import BadInputError, ConflictError, DeniedError, Reason
from assay.core.groups import Group
from assay.core.passwords import check_may_have_password, check_password
from assay.core.ports import Records
from assay.core.stages import Stage
from assay.usecases.access import present
from assay.usecases.means import Act, Means
from assay.usecases.passwords import SignIns

_FIRST = "an admin sets the first one: assay principal password NAME"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with what they were granted: ``grants`` of their own, and their groups."""

    principal: Principal
    grants: tuple[Grant, ...]
    groups: tuple[Group, ...]

    @property
    def name(self) -> str:
        """Name of the principal."""
        return self.principal.name

    @property
    def is_admin(self) -> bool:
        """Whether they are admin of the whole registry."""
        return any(each.role is Role.ADMIN and each.pattern == "*" for each in self.grants)


class People:
    """Makes people known and lets them go."""

    def __init__(self, means: Means, sign_ins: SignIns) -> None:
        """Keep the means, and what tells right passwords from wrong ones."""
        self._means = means
        self._sign_ins = sign_ins

    def create(self, caller: Caller, name: str, password: str) -> Person:
        """Make a person known who signs in with a password, and may do nothing yet.

        Raises:
            BadInputError: name or password breaks a rule.
            ConflictError: the name is taken, perhaps by somebody who left: names are never given twice.
            DeniedError: the caller may not.
            UnavailableError: too many sign in at this moment.
        """
        _require_whole(caller)
        check_principal(name)
        check_password(name, password)
        with self._means.database.read() as records:
            _check_free(records, name)
        stored = self._sign_ins.new(name, password)  # slow on purpose; not while others wait to write
        with self._means.database.write() as records:
            _check_free(records, name)
            act = Act(records, caller.name, self._means.clock.now())
            person = Principal(name, PrincipalKind.PERSON, act.at)
            records.principals.add(person)
            records.passwords.put(stored)
            act.note("principal.create", f"principal/{name}", after=person)
            act.note("password.set", f"principal/{name}")
            return Person(person, (), ())

    def get(self, caller: Caller, name: str) -> Person:
        """Show one; everybody may see themselves.

        Raises:
            DeniedError, NotFoundError: the caller may not, or nobody there has that name.
        """
        if name != caller.name:
            require(caller, Action.MANAGE_ACCESS)
        with self._means.database.read() as records:
            return _there(records, name)

    def all(self, caller: Caller) -> tuple[Person, ...]:
        """Show everybody who is there.

        Raises:
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.read() as records:
            present = [each for each in records.principals.all() if not each.disabled]
            return tuple(_person(records, each) for each in present)

    def set_password(self, caller: Caller, name: str, password: str, current: str = "") -> None:
        """Change a password: one's own by the one before, anybody else's as an admin.

        Raises:
            BadInputError: the password breaks a rule, the one before is missing or wrong, or there can
                be none.
            ConflictError: somebody else changed it meanwhile.
            DeniedError, NotFoundError: the caller may not (scopes that are missing are named), or nobody
                there has that name.
            UnavailableError: too many sign in at this moment.
        """
        if name != caller.name:
            _require_whole(caller)
        check_password(name, password)
        with self._means.database.read() as records:
            check_may_have_password(_there(records, name).principal)
            before = records.passwords.get(name)
        first = before is None and may(caller, Action.MANAGE_ACCESS)
        if name == caller.name and not first:
            if not current:
                message = "Current password is required when changing your own password."
                raise _bad_current(message, _FIRST if before is None else "")
            if not self._sign_ins.is_right(name, current, before):
                raise _bad_current("Current password does not match.")
            if password == current:
                message = "New password must differ from the current password."
                raise BadInputError(message, [Reason("password", "must differ from the current one")])
        stored = self._sign_ins.new(name, password)
        with self._means.database.write() as records:
            check_may_have_password(_there(records, name).principal)
            if records.passwords.get(name) != before:
                raise ConflictError(f"the password of {name} was changed by somebody else meanwhile")
            records.passwords.put(stored)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("password.set", f"principal/{name}")

    def set_admin(self, caller: Caller, name: str, *, admin: bool) -> Person:
        """Make somebody an admin of the whole registry, or take that away; other grants stay.

        There is one grant for each pattern: one on ``*`` gives way to the admin's, and comes back.

        Raises:
            BadInputError: nobody takes it from themselves.
            DeniedError, NotFoundError: the caller may not, or nobody there has that name.
        """
        require(caller, Action.MANAGE_ACCESS)
        if name == caller.name and not admin:
            raise BadInputError.of("is_admin", "nobody stops being an admin by themselves; ask another one")
        with self._means.database.write() as records:
            person = _there(records, name)
            if person.is_admin is admin:
                return person
            act = Act(records, caller.name, self._means.clock.now())
            if admin:
                grant = Grant(name, Role.ADMIN, "*")
                act.note("grant.set", f"principal/{name}", records.principals.grant(grant), grant)
            elif (earlier := _before_admin(records, name)) is not None:
                act.note("grant.set", f"principal/{name}", records.principals.grant(earlier), earlier)
            else:
                act.note("grant.revoke", f"principal/{name}", records.principals.revoke(name, "*"))
            return _there(records, name)

    def remove(self, caller: Caller, name: str) -> None:
        """Let somebody go: grants, groups, tokens and password end at once.

        Who they were and what they did stays in the audit log, so their name is not given again; an
        admin may enable it.

        Raises:
            BadInputError: oneself, or whoever sits at this machine.
            DeniedError, NotFoundError: the caller may not, or nobody there has that name.
        """
        require(caller, Action.MANAGE_ACCESS)
        if name in (caller.name, LOCAL):
            message = "Users cannot delete their own account. Ask another admin to delete this user instead."
            raise BadInputError(message, [Reason("username", "must be somebody else's")])
        with self._means.database.write() as records:
            person = _there(records, name)
            act = Act(records, caller.name, self._means.clock.now())
            for grant in person.grants:
                act.note("grant.revoke", f"principal/{name}", records.principals.revoke(name, grant.pattern))
            for group in person.groups:
                left = replace(group, members=tuple(each for each in group.members if each != name))
                records.groups.save(left)
                act.note("group.leave", f"group:{group.address}", {"member": name})
            for token in records.tokens.of(name):
                if token.revoked_at is None:
                    records.tokens.revoke(token.id, act.at)
                    act.note("token.revoke", f"principal/{name}", {"id": token.id})
            records.passwords.remove(name)
            records.sign_in.borrowed.replace(name, ())
            ended = records.sign_in.sessions.revoke(name, act.at)
            if ended:
                act.note("session.revoke", f"principal/{name}", {"sessions": ended})
            after = replace(person.principal, disabled=True)
            records.principals.save(after)
            act.note("principal.change", f"principal/{name}", person.principal, after)


def _require_whole(caller: Caller) -> None:
    """Allow an admin to say with which password somebody signs in.

    It opens all that they were granted, so that a narrowed token would make more of itself.
    """
    require(caller, Action.MANAGE_ACCESS)
    require_all_scopes(caller, "a token without all scopes sets nobody's password")


def _there(records: Records, name: str) -> Person:
    return _person(records, present(records, name))


def _before_admin(records: Records, name: str) -> Grant | None:
    """Return the grant on ``*`` that gave way when somebody became an admin, as the log has it."""
    subject, after_seq = f"principal/{name}", 0
    earlier: Grant | None = None
    while page := records.audit.read(after_seq, subject=subject):
        after_seq = page[-1].seq
        for event in (each for each in page if each.subject == subject):
            before, after = _grant(event.before), _grant(event.after)
            if event.verb == "grant.revoke" and before is not None and before.pattern == "*":
                earlier = None
            elif event.verb == "grant.set" and after is not None and after.pattern == "*":
                if after.role is not Role.ADMIN:
                    earlier = None
                elif before is None or before.role is not Role.ADMIN:
                    earlier = before
    return earlier


def _grant(said: Mapping[str, Any] | None) -> Grant | None:
    """Return a grant as the log has it; None for anything else."""
    if said is None or "pattern" not in said or "role" not in said:
        return None
    stages = said["stages"]
    narrowed = None if stages is None else frozenset(map(Stage, stages))
    return Grant(said["principal"], Role(said["role"]), said["pattern"], narrowed)


def _person(records: Records, principal: Principal) -> Person:
    name = principal.name
    return Person(principal, records.principals.grants(name), records.groups.of(name))


def _check_free(records: Records, name: str) -> None:
    known = records.principals.get(name)
    if known is None:
        return
    if known.disabled:
        hint = f"names are never given twice; to let them in again: assay principal enable {name}"
        raise ConflictError(f"User (username={name}) already exists and was disabled", hint=hint)
    raise ConflictError(f"User (username={name}) already exists.")


def _bad_current(message: str, hint: str = "") -> BadInputError:
    return BadInputError(message, [Reason("current_password", "must be the password so far")], hint=hint)


def require_self_or_admin(caller: Caller, name: str) -> None:
    """Let through who asks about themselves, and admins.

    Raises:
        DeniedError: the caller is neither.
    """
    if name != caller.name and not may(caller, Action.MANAGE_ACCESS):
        rule = "needs role admin on * and scope admin"
        reason = Reason("access", rule, f"as {caller.name}")
        raise DeniedError(f"{caller.name} may see only their own permissions", [reason])
