"""Access: who is there, what they may do, and the tokens they come with."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar

from assay.core.access import (
    LOCAL,
    Action,
    Caller,
    Grant,
    Principal,
    PrincipalKind,
    Role,
    Scope,
    Token,
    check_principal,
    require,
)
from assay.core.errors import BadInputError, DeniedError, NotFoundError
from assay.core.groups import grants_through
from assay.core.names import check_text
from assay.core.policies import check_pattern
from assay.core.ports import Records
from assay.core.stages import Stage
from assay.core.tokens import (
    TOKEN_PREFIX,
    check_new_token,
    check_token,
    format_token,
    parse_token,
    secret_hash,
)
from assay.usecases.means import Act, Means
from assay.usecases.passwords import SignIns
from assay.wire.requests import NewGrant, NewPrincipal, NewToken, PrincipalChange
from assay.wire.views import CreatedToken, Identity

NOBODY = "nobody"
Member = TypeVar("Member", bound=Enum)


class Access:
    """Authenticates callers; manages principals, grants and tokens."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self.sign_ins = SignIns(means)

    def authenticate(self, text: str) -> Caller:
        """Return who comes with this token.

        Raises:
            DeniedError: no such token, revoked, expired, or its owner is disabled.
        """
        token_id, secret = parse_token(text)
        with self._means.database.read() as records:
            now = self._means.clock.now()
            token = check_token(records.tokens.get(token_id), secret, now)
            known = Caller(_enabled(records, token.principal), (), token.scopes, token.pattern, ci=token.ci)
            return replace(known, grants=grants_of(records, token.principal, now))

    def authenticate_basic(self, name: str, password: str, *, later: bool = False) -> Caller:
        """Return who comes with this name and password; a token of theirs is taken as the password.

        Args:
            name: whose.
            password: theirs.
            later: do not work out now whether it is right when that takes long.

        Raises:
            UnprovenError: it is to be worked out later.
            DeniedError: name or password is wrong, which of them is not said; or the token is bad, or
                another principal's.
            UnavailableError: too many sign in at this moment.
        """
        if password.startswith(TOKEN_PREFIX):
            caller = self.authenticate(password)
            if caller.name != name:
                raise DeniedError("the name and the password do not belong together", authenticate=True)
            return caller
        with self._means.database.read() as records:
            known = caller_of(records, name, self._means.clock.now())
            stored = records.passwords.get(name) if known else None
        right = self.sign_ins.is_right(name, password, stored, later=later)
        if known is None or not right:
            raise DeniedError("the name or the password is wrong", authenticate=True)
        return known

    def nobody(self) -> Caller:
        """Return a caller without any right, for questions that anybody may ask."""
        return Caller(Principal(NOBODY, PrincipalKind.SERVICE, self._means.clock.now()), (), frozenset())

    def local(self) -> Caller:
        """Return whoever sits at this machine.

        Raises:
            DeniedError: the principal ``local`` was disabled.
        """
        with self._means.database.read() as records:
            grants = grants_of(records, LOCAL, self._means.clock.now())
            return Caller(_enabled(records, LOCAL), grants, at_machine=True)

    def whoami(self, caller: Caller) -> Identity:
        """Say who the caller is and what it may do."""
        scopes = tuple(sorted(scope.value for scope in caller.scopes))
        return Identity(caller.principal, caller.grants, scopes, caller.pattern)

    def create_principal(self, caller: Caller, wanted: NewPrincipal) -> Principal:
        """Make a person or service account known; it may do nothing until it is granted a role.

        Raises:
            BadInputError: bad name or kind, or a service account without a known person as owner.
            ConflictError: the name is taken.
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_ACCESS)
        check_principal(wanted.name)
        check_text(wanted.display_name, "display_name", limit_bytes=500)
        kind = _member(PrincipalKind, wanted.kind, "kind")
        with self._means.database.write() as records:
            now = self._means.clock.now()
            _check_owner(records, wanted, kind)
            principal = Principal(wanted.name, kind, now, wanted.owner, wanted.display_name)
            records.principals.add(principal)
            Act(records, caller.name, now).note(
                "principal.create", f"principal/{wanted.name}", after=principal
            )
            return principal

    def principals(self, caller: Caller) -> tuple[Principal, ...]:
        """List everybody.

        Raises:
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.read() as records:
            return records.principals.all()

    def change_principal(self, caller: Caller, name: str, change: PrincipalChange) -> Principal:
        """Disable or enable; a disabled principal's tokens stop at once.

        Raises:
            BadInputError: one cannot disable oneself.
            DeniedError, NotFoundError: the caller may not, or nobody has that name.
        """
        require(caller, Action.MANAGE_ACCESS)
        if name == caller.name and change.disabled:
            raise BadInputError.of("disabled", "nobody can disable themselves")
        with self._means.database.write() as records:
            before = _known(records, name)
            after = replace(before, disabled=change.disabled)
            records.principals.save(after)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("principal.change", f"principal/{name}", before, after)
            if change.disabled:
                records.sign_in.sessions.revoke(name, act.at)
            return after

    def grant(self, caller: Caller, wanted: NewGrant) -> Grant:
        """Give a role; an earlier grant of that principal on that pattern is replaced.

        Raises:
            BadInputError: unknown role, pattern or stage.
            DeniedError, NotFoundError: the caller may not, or nobody has that name.
        """
        require(caller, Action.MANAGE_ACCESS)
        role = _member(Role, wanted.role, "role")
        check_pattern(wanted.pattern, "pattern")
        stages = None if wanted.stages is None else frozenset(map(Stage.parse, wanted.stages))
        with self._means.database.write() as records:
            _known(records, wanted.principal)
            grant = Grant(wanted.principal, role, wanted.pattern, stages)
            before = records.principals.grant(grant)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("grant.set", f"principal/{wanted.principal}", before, grant)
            return grant

    def revoke_grant(self, caller: Caller, principal: str, pattern: str) -> None:
        """Take a grant away.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such grant.
        """
        require(caller, Action.MANAGE_ACCESS)
        with self._means.database.write() as records:
            before = records.principals.revoke(principal, pattern)
            if before is None:
                there = grants_of(records, principal, self._means.clock.now())
                groups = [each.group for each in there if each.pattern == pattern]
                hint = f"it comes through the group {groups[0]}" if groups else ""
                raise NotFoundError(f"{principal!r} has no grant of its own on {pattern!r}", hint=hint)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("grant.revoke", f"principal/{principal}", before)

    def grants(self, caller: Caller, principal: str | None = None) -> tuple[Grant, ...]:
        """List grants of one principal or of all, those through groups too; everybody may see their own.

        Raises:
            DeniedError: the caller may not.
        """
        if principal != caller.name:
            require(caller, Action.MANAGE_ACCESS)
        with self._means.database.read() as records:
            if principal is not None:
                return grants_of(records, principal, self._means.clock.now())
            groups = records.groups.all()
            members = sorted({name for group in groups for name in group.members})
            through = [each for name in members for each in grants_through(groups, name)]
            borrowed = [each.grant for each in records.sign_in.borrowed.all(self._means.clock.now())]
            found = (*records.principals.grants(), *through, *borrowed)
            return tuple(sorted(found, key=lambda each: (each.principal, each.pattern, each.group)))

    def create_token(self, caller: Caller, wanted: NewToken) -> CreatedToken:
        """Make a token, for oneself or, as an admin, for somebody else.

        A token never carries more than the caller's own, whoever it is for: its scopes and pattern narrow.
        Nobody makes one for somebody else that may approve, but the operator at the machine.

        Raises:
            BadInputError: unknown scope, bad pattern or lifetime, scope approve for a service.
            DeniedError, NotFoundError: the caller may not, or nobody has that name.
        """
        owner = wanted.principal or caller.name
        if caller.ci is not None:
            raise DeniedError("a job of a CI service makes no tokens: let the next job bring its identity")
        if owner != caller.name:
            require(caller, Action.MANAGE_ACCESS)
        scopes = frozenset(_member(Scope, scope, "scopes") for scope in wanted.scopes)
        check_pattern(wanted.pattern, "pattern")
        check_text(wanted.description, "description", limit_bytes=500)
        if not 0 < wanted.lifetime_days < 1e6:
            raise BadInputError.of("lifetime_days", "must be above 0", str(wanted.lifetime_days))
        lifetime = timedelta(days=wanted.lifetime_days)
        if not (scopes <= caller.scopes and caller.pattern in ("*", wanted.pattern)):
            raise DeniedError("a token cannot make one that carries more than itself")
        if Scope.APPROVE in scopes and owner != caller.name and not caller.at_machine:
            hint = "let them make it themselves, or make it at the registry's machine, with --data DIR"
            raise DeniedError("nobody makes a token to approve with for somebody else", hint=hint)
        with self._means.database.write() as records:
            now = self._means.clock.now()
            check_new_token(_known(records, owner), scopes, lifetime)
            token_id, secret = self._means.chance.token_parts()
            token = Token(
                id=token_id,
                principal=owner,
                secret_sha256=secret_hash(secret),
                scopes=scopes,
                pattern=wanted.pattern,
                created_at=now,
                expires_at=now + lifetime,
                created_by=caller.name,
                description=wanted.description,
            )
            records.tokens.add(token)
            Act(records, caller.name, now).note("token.create", f"principal/{owner}", after=_shown(token))
            return CreatedToken(_redacted(token), format_token(token_id, secret))

    def tokens(self, caller: Caller, principal: str = "") -> tuple[Token, ...]:
        """List tokens, one's own or as an admin anybody's; secrets and their hashes stay inside.

        Raises:
            DeniedError: the caller may not.
        """
        owner = principal or caller.name
        if owner != caller.name:
            require(caller, Action.MANAGE_ACCESS)
        with self._means.database.read() as records:
            return tuple(_redacted(token) for token in records.tokens.of(owner))

    def revoke_token(self, caller: Caller, token_id: str) -> None:
        """Make a token worthless at once.

        Raises:
            DeniedError, NotFoundError: not the caller's own and no admin, or no such token.
        """
        with self._means.database.write() as records:
            token = records.tokens.get(token_id)
            if token is None or token.principal != caller.name:
                require(caller, Action.MANAGE_ACCESS)
            if token is None:
                raise NotFoundError(f"there is no token {token_id!r}")
            now = self._means.clock.now()
            records.tokens.revoke(token_id, now)
            Act(records, caller.name, now).note("token.revoke", f"principal/{token.principal}", _shown(token))


def caller_of(records: Records, principal: str, now: datetime) -> Caller | None:
    """Return what ``principal`` may do at ``now``, or None when it is unknown or disabled."""
    known = records.principals.get(principal)
    if known is None or known.disabled:
        return None
    return Caller(known, grants_of(records, principal, now))


def present(records: Records, name: str) -> Principal:
    """Return somebody who is there.

    Raises:
        NotFoundError: nobody has that name, or they left.
    """
    principal = records.principals.get(name)
    if principal is None or principal.disabled:
        raise NotFoundError(f"User with username={name[:200]} not found")
    return principal


def grants_of(records: Records, principal: str, now: datetime) -> tuple[Grant, ...]:
    """Return the grants of a principal at ``now``: its own, and those through groups here and elsewhere."""
    return (
        *records.principals.grants(principal),
        *grants_through(records.groups.of(principal), principal),
        *(each.grant for each in records.sign_in.borrowed.of(principal, now)),
    )


def _enabled(records: Records, name: str) -> Principal:
    principal = records.principals.get(name)
    if principal is None or principal.disabled:
        raise DeniedError(f"{name} is disabled", authenticate=True)
    return principal


def _known(records: Records, name: str) -> Principal:
    principal = records.principals.get(name)
    if principal is None:
        raise NotFoundError(f"there is nobody named {name!r}", hint="assay principal create NAME")
    return principal


def _check_owner(records: Records, wanted: NewPrincipal, kind: PrincipalKind) -> None:
    if kind is PrincipalKind.PERSON:
        if wanted.owner:
            raise BadInputError.of("owner", "a person has no owner")
        return
    owner = records.principals.get(wanted.owner)
    if owner is None or owner.kind is not PrincipalKind.PERSON:
        raise BadInputError.of(
            "owner", "a service account needs a known person as owner", repr(wanted.owner)[:100]
        )


def _member(kind: type[Member], text: str, field: str) -> Member:
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(str(each.value) for each in kind)
        raise BadInputError.of(field, f"must be one of {known}", repr(text)[:60]) from None


def _redacted(token: Token) -> Token:
    return replace(token, secret_sha256="")


def _shown(token: Token) -> dict[str, object]:
    return {"id": token.id, "scopes": token.scopes, "pattern": token.pattern, "expires_at": token.expires_at}
