"""Trusted publishers: which jobs of CI services may register and report for a team or a model."""

from dataclasses import replace

from assay.core.access import (
    Action,
    Caller,
    Grant,
    Principal,
    PrincipalKind,
    Role,
    may_in_team,
    require,
    require_in_team,
)
from assay.core.errors import BadInputError, NotFoundError
from assay.core.names import ModelName
from assay.core.publishers import GITHUB, GITLAB, Provider, Publisher, check_publisher
from assay.core.sign_in import PUBLISHER_PREFIX, SignInRules
from assay.usecases.identities import team_or_pattern
from assay.usecases.means import Act, Means
from assay.wire.sign_in import NewPublisher


class PublisherBook:
    """Keeps trusted publishers; for admins of the team, or of the registry."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def add(self, caller: Caller, wanted: NewPublisher) -> Publisher:
        """Trust jobs: a service account comes to be, as which they register and report, and no more.

        Raises:
            BadInputError: unknown provider, an issuer that the operator did not name, or a text that
                breaks a rule; the whole registry cannot be published to.
            DeniedError: the caller is no admin of the team.
        """
        pattern = team_or_pattern(wanted.pattern)
        if pattern == "*":
            raise BadInputError.of("pattern", "must be a team or a model, not the whole registry")
        _require(caller, pattern)
        publisher_id = self._means.chance.token_parts()[0]
        made = Publisher(
            id=publisher_id,
            pattern=pattern,
            principal=f"{PUBLISHER_PREFIX}{publisher_id}",
            provider=_provider(wanted.provider),
            issuer=_issuer(wanted, self._means.sign_in),
            created_at=self._means.clock.now(),
            created_by=caller.name,
            repository=wanted.repository,
            owner_id=wanted.repository_owner_id,
            workflow=wanted.workflow,
            environment=wanted.environment,
            claims=dict(wanted.claims),
        )
        check_publisher(made)
        with self._means.database.write() as records:
            act = Act(records, caller.name, made.created_at)
            owner = caller.principal.owner or caller.name
            service = Principal(made.principal, PrincipalKind.SERVICE, act.at, owner, made.words[:200])
            records.principals.add(service)
            records.principals.grant(Grant(made.principal, Role.CONTRIBUTOR, pattern))
            records.sign_in.publishers.add(made)
            act.note("publisher.add", f"publisher/{made.id}", after=made)
        return made

    def all(self, caller: Caller) -> tuple[Publisher, ...]:
        """List those of the teams of which the caller is an admin."""
        with self._means.database.read() as records:
            found = records.sign_in.publishers.all()
        return tuple(each for each in found if may_in_team(caller, Action.MANAGE_ACCESS, team_of(each)))

    def remove(self, caller: Caller, publisher_id: str) -> None:
        """Trust them no more: tokens that its jobs hold stop at once.

        Raises:
            NotFoundError: there is none, or the caller may not know of it; both look the same.
        """
        with self._means.database.write() as records:
            found = records.sign_in.publishers.get(publisher_id)
            if found is None or not may_in_team(caller, Action.MANAGE_ACCESS, team_of(found)):
                raise NotFoundError(f"there is no publisher {publisher_id[:60]!r}")
            act = Act(records, caller.name, self._means.clock.now())
            records.sign_in.publishers.remove(found.id)
            records.principals.revoke(found.principal, found.pattern)
            service = records.principals.get(found.principal)
            if service is not None:
                records.principals.save(replace(service, disabled=True))
            act.note("publisher.remove", f"publisher/{found.id}", found)


def team_of(publisher: Publisher) -> str:
    """Return the team whose models the publisher's jobs may register."""
    return publisher.pattern.partition("/")[0]


def _require(caller: Caller, pattern: str) -> None:
    require_in_team(caller, Action.MANAGE_ACCESS, pattern.partition("/")[0])
    if not pattern.endswith("/*"):
        require(caller, Action.MANAGE_ACCESS, ModelName(pattern))


def _provider(text: str) -> Provider:
    known = {each.value: each for each in Provider}
    if text not in known:
        raise BadInputError.of("provider", "must be one of " + ", ".join(known), repr(text)[:60])
    return known[text]


def _issuer(wanted: NewPublisher, rules: SignInRules) -> str:
    """Return whose tokens count. A server goes to nobody's address that its operator did not name."""
    usual = {"github": GITHUB, "gitlab": GITLAB}.get(wanted.provider, "")
    issuer = wanted.issuer or usual
    if issuer and issuer in (usual, *rules.ci_issuers.split()):
        return issuer
    rule = "must be one that the operator named in the setting sign_in.ci_issuers"
    raise BadInputError.of("issuer", rule, repr(issuer)[:200])
