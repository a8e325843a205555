"""Who may do what: principals, roles, grants, tokens, and the one decision function.

Rights only add up; what no grant gives is denied. A token narrows its owner, never widens.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from assay.core.ci_runs import CiRun
from assay.core.errors import BadInputError, DeniedError, NotFoundError, Reason
from assay.core.names import ModelName
from assay.core.outside_names import DEFAULT_TEAM
from assay.core.policies import covers
from assay.core.stages import Stage

LOCAL: Final = "local"
_ASK: Final = "ask an admin for a grant, or use a token that carries the scope"
_PRINCIPAL: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,95}")


class Role(Enum):
    """What one may do, each including all before it."""

    READER = "reader"
    CONTRIBUTOR = "contributor"
    APPROVER = "approver"
    MAINTAINER = "maintainer"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for reader up to 4 for admin."""
        return list(Role).index(self)


class Scope(Enum):
    """What a token may be used for."""

    READ = "read"
    WRITE = "write"
    EVIDENCE = "evidence"
    APPROVE = "approve"
    ADMIN = "admin"


class Action(Enum):
    """Everything that needs a right: the least role, and the scope a token must carry."""

    READ = ("read", Role.READER, Scope.READ)
    CREATE_MODEL = ("create a model", Role.CONTRIBUTOR, Scope.WRITE)
    TRACK = ("log experiments and runs", Role.CONTRIBUTOR, Scope.WRITE)
    REGISTER = ("register versions", Role.CONTRIBUTOR, Scope.WRITE)
    ANNOTATE = ("describe, tag and label", Role.CONTRIBUTOR, Scope.WRITE)
    SET_ALIAS = ("move aliases", Role.CONTRIBUTOR, Scope.WRITE)
    REPORT = ("report evidence", Role.CONTRIBUTOR, Scope.EVIDENCE)
    RUN_CHECK = ("run checks", Role.CONTRIBUTOR, Scope.EVIDENCE)
    REQUEST_PROMOTION = ("request promotions", Role.CONTRIBUTOR, Scope.WRITE)
    APPROVE = ("approve and reject promotions", Role.APPROVER, Scope.APPROVE)
    CHANGE_STAGE = ("demote, archive, restore and roll back", Role.MAINTAINER, Scope.WRITE)
    DELETE = ("delete versions", Role.MAINTAINER, Scope.WRITE)
    DELETE_MODEL = ("delete models", Role.MAINTAINER, Scope.WRITE)
    SET_POLICY = ("set policies", Role.ADMIN, Scope.ADMIN)
    MANAGE_ACCESS = ("manage principals, grants and tokens", Role.ADMIN, Scope.ADMIN)
    MANAGE_STORAGE = ("collect, scrub, copy and limit stored bytes", Role.ADMIN, Scope.ADMIN)
    MANAGE_WEBHOOKS = ("manage webhooks and see their deliveries", Role.ADMIN, Scope.ADMIN)
    READ_AUDIT = ("read the whole audit log", Role.ADMIN, Scope.READ)

    def __init__(self, words: str, role: Role, scope: Scope) -> None:
        """Keep the row of the table."""
        self.words = words
        self.role = role
        self.scope = scope


CI_ACTIONS: Final = frozenset(
    {Action.READ, Action.CREATE_MODEL, Action.REGISTER, Action.REPORT, Action.RUN_CHECK}
)


class PrincipalKind(Enum):
    """A person can approve; a service account cannot."""

    PERSON = "person"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody known by name; a service account has a person as ``owner``."""

    name: str
    kind: PrincipalKind
    created_at: datetime
    owner: str = ""
    display_name: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on ``*``, ``team/*`` or ``team/task``.

    Attributes:
        stages: the stages into and out of which the holder may move versions or approve moves;
            None for all.
        group: ``team/name`` of the group that it comes through, "" for one's own.
    """

    principal: str
    role: Role
    pattern: str
    stages: frozenset[Stage] | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token: never the secret, only its SHA-256.

    Attributes:
        id: public part, 16 hex digits.
        scopes: what it may be used for.
        pattern: which models it may be used on.
        ci: the job that it was made for, which may do little more than register and report.
    """

    id: str
    principal: str
    secret_sha256: str
    scopes: frozenset[Scope]
    pattern: str
    created_at: datetime
    expires_at: datetime
    created_by: str
    description: str = ""
    revoked_at: datetime | None = None
    ci: CiRun | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a principal with its grants, narrowed by the token it came with, if any.

    Attributes:
        at_machine: whether it is the operator, who came without a token: whoever can reach the files.
    """

    principal: Principal
    grants: tuple[Grant, ...]
    scopes: frozenset[Scope] = frozenset(Scope)
    pattern: str = "*"
    at_machine: bool = False
    ci: CiRun | None = None

    @property
    def name(self) -> str:
        """Name of the principal."""
        return self.principal.name


def check_principal(name: str) -> str:
    """Return ``name`` when it may name a principal.

    Raises:
        BadInputError: it may not.
    """
    if not isinstance(name, str) or not _PRINCIPAL.fullmatch(name):
        raise BadInputError.of("principal", f"must match {_PRINCIPAL.pattern}", repr(name)[:100])
    return name


def may(caller: Caller, action: Action, model: ModelName | None = None, stage: Stage | None = None) -> bool:
    """Decide: does a grant cover the model (None: the whole registry) with role and stage?

    A question about the whole registry needs a grant on ``*``.
    """
    if _barred(caller, action):
        return False
    if action is Action.APPROVE and caller.principal.kind is not PrincipalKind.PERSON:
        return False
    if not _reaches(caller.pattern, model):
        return False
    return any(
        grant.role.rank >= action.role.rank
        and _reaches(grant.pattern, model)
        and (stage is None or grant.stages is None or stage in grant.stages)
        for grant in caller.grants
    )


def may_anywhere(caller: Caller, action: Action) -> bool:
    """Tell whether there can be any model on which the caller may do this."""
    if _barred(caller, action):
        return False
    return any(grant.role.rank >= action.role.rank for grant in caller.grants)


def may_in_team(caller: Caller, action: Action, team: str) -> bool:
    """Decide about what belongs to a whole team, such as its experiments.

    Needs a grant on ``*`` or ``team/*``, and a token that reaches as far.
    """
    patterns = ("*", f"{team}/*")
    if _barred(caller, action) or caller.pattern not in patterns:
        return False
    return any(grant.role.rank >= action.role.rank and grant.pattern in patterns for grant in caller.grants)


def require_in_team(caller: Caller, action: Action, team: str) -> None:
    """Let the caller through or say which right is missing.

    Raises:
        DeniedError: the caller lacks the right on the whole team.
    """
    if may_in_team(caller, action, team):
        return
    raise _denied(caller, action, f"{team}/*", team, f"{action.words} in {team}")


def teams_of(caller: Caller, action: Action) -> tuple[str, ...]:
    """Return the teams in which the caller may do ``action``; ``*`` alone means all of them."""
    patterns = {caller.pattern} if caller.pattern != "*" else {grant.pattern for grant in caller.grants}
    found = {each.removesuffix("/*") for each in patterns if each == "*" or each.endswith("/*")}
    allowed = {team for team in found if team == "*" or may_in_team(caller, action, team)}
    if "*" in allowed:
        return ("*",) if may_in_team(caller, action, "*") else ()
    return tuple(sorted(allowed))


def _elsewhere(caller: Caller, action: Action, team: str) -> tuple[str, ...]:
    """Return where the caller may do what was asked of ``team``, if that may be a team nobody named."""
    return teams_of(caller, action) if team == DEFAULT_TEAM else ()


def _barred(caller: Caller, action: Action) -> bool:
    """Tell whether no grant helps: the token does not carry it, or it is not for jobs of a CI service."""
    beyond = caller.ci is not None and action not in CI_ACTIONS
    return beyond or action.scope not in caller.scopes or caller.principal.disabled


def _reaches(pattern: str, model: ModelName | None) -> bool:
    return pattern == "*" if model is None else covers(pattern, model)


def require(
    caller: Caller, action: Action, model: ModelName | None = None, stage: Stage | None = None
) -> None:
    """Let the caller through or say which right is missing.

    Raises:
        NotFoundError: the caller may not even read the model; it must look as if it did not exist.
        DeniedError: the caller may read, but not do this.
    """
    if may(caller, action, model, stage):
        return
    if model is not None and not may(caller, Action.READ, model):
        raise NotFoundError(f"there is no model {model}", hint="assay list")
    where = f" on {model}" if model else " on *"
    into = f" for stage {stage}" if stage else ""
    rule = f"needs role {action.role.value}{where}{into} and scope {action.scope.value}"
    hint = _ASK
    if action is Action.APPROVE and caller.principal.kind is PrincipalKind.SERVICE:
        rule, hint = "only people approve; this is a service account", "let a person decide"
    reason = Reason("access", rule, f"as {caller.name}")
    raise DeniedError(f"{caller.name} may not {action.words}{where}{into}", [reason], hint=hint)


def require_new(caller: Caller, model: ModelName) -> None:
    """Let the caller create a model, or say which right is missing; not whether there is one already.

    Raises:
        DeniedError: the caller may not, whether or not there is a model of that name.
    """
    action = Action.CREATE_MODEL
    if may(caller, action, model):
        return
    raise _denied(caller, action, str(model), model.team, f"create the model {model}")


def _denied(caller: Caller, action: Action, where: str, team: str, what: str) -> DeniedError:
    """Return the error for a right that is missing, with the teams in which the caller has it."""
    rule = f"needs role {action.role.value} on {where} and scope {action.scope.value}"
    reason = Reason("access", rule, f"as {caller.name}")
    teams = _elsewhere(caller, action, team)
    return DeniedError(f"{caller.name} may not {what}", [reason], hint=_ASK, teams=teams)


def require_all_scopes(caller: Caller, what: str) -> None:
    """Let through who comes with every scope there is, as with a password or at the machine.

    Raises:
        DeniedError: the token lacks some; it says which.
    """
    missing = [scope.value for scope in Scope if scope not in caller.scopes]
    if not missing:
        return
    needed = ", ".join(scope.value for scope in Scope)
    reason = Reason("access", f"needs the scopes {needed}", f"this token lacks {', '.join(missing)}")
    hint = "sign in with a password or a token of all these scopes, or do it at the registry's machine"
    raise DeniedError(what, [reason], hint=hint)


def readable(caller: Caller) -> tuple[str, ...]:
    """Return the patterns of the models that the caller may see, for narrowing a listing."""
    if Scope.READ not in caller.scopes or caller.principal.disabled:
        return ()
    patterns = {grant.pattern for grant in caller.grants}
    if caller.pattern == "*":
        return tuple(sorted(patterns))
    return tuple(sorted(_narrow(patterns, caller.pattern)))


def readable_in(caller: Caller, team: str) -> tuple[str, ...]:
    """Return the patterns of the models of one team that the caller may see."""
    return tuple(sorted(_narrow(readable(caller), f"{team}/*")))


def _narrow(patterns: Iterable[str], to: str) -> set[str]:
    """Keep the part of each pattern that lies inside ``to``."""
    found = set()
    for pattern in patterns:
        if pattern in ("*", to) or _inside(to, pattern):
            found.add(to)
        elif _inside(pattern, to):
            found.add(pattern)
    return found


def _inside(inner: str, outer: str) -> bool:
    return outer == "*" or (outer.endswith("/*") and inner.startswith(outer[:-1]))


ROLE_WORDS: Final[Mapping[Role, str]] = {
    role: ", ".join(action.words for action in Action if action.role is role) for role in Role
}
