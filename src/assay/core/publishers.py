"""Trusted publishers: the jobs of CI services that may register and report without a stored secret.

What a job's identity token must claim, by kind of provider. Everything that tells jobs apart is compared
exactly; names of owners are given again, so their number counts too. A claim that is missing is a claim
that does not match.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

from assay.core.ci_runs import CiRun
from assay.core.errors import BadInputError, Reason

GITHUB: Final = "https://token.actions.githubusercontent.com"
GITLAB: Final = "https://gitlab.com"
MAX_CLAIMS: Final = 20
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_WORKFLOW: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9_.-][A-Za-z0-9_./-]*\.ya?ml")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,19}")
# What starts a job of GitHub from the repository itself. Whoever opens a pull request, or comments, starts
# others: their code may be anybody's.
_GITHUB_EVENTS: Final = frozenset(
    {"push", "release", "create", "workflow_dispatch", "schedule", "repository_dispatch", "deployment"}
)
_GITLAB_SOURCES: Final = frozenset({"push", "web", "schedule", "api", "trigger", "pipeline"})
_STANDARD: Final = frozenset({"iss", "sub", "aud", "exp", "iat", "nbf", "jti"})
# Claims that are known and say nothing that has to be checked: any other is reported.
_UNCHECKED: Final[Mapping[str, frozenset[str]]] = {
    "github": frozenset(
        [
            "actor",
            "actor_id",
            "base_ref",
            "check_run_id",
            "enterprise",
            "enterprise_id",
            "environment_node_id",
            "head_ref",
            "issuer_scope",
            "job_workflow_sha",
            "ref_protected",
            "ref_type",
            "repository_id",
            "repository_visibility",
            "run_attempt",
            "run_id",
            "run_number",
            "runner_environment",
            "workflow",
            "workflow_sha",
        ]
    ),
    "gitlab": frozenset(
        [
            "ci_config_sha",
            "deployment_tier",
            "environment_action",
            "environment_protected",
            "groups_direct",
            "job_id",
            "job_namespace_id",
            "job_namespace_path",
            "job_project_id",
            "job_project_path",
            "job_source",
            "namespace_path",
            "pipeline_id",
            "project_id",
            "project_visibility",
            "ref_path",
            "ref_protected",
            "runner_environment",
            "runner_id",
            "user_access_level",
            "user_email",
            "user_id",
            "user_identities",
            "user_login",
        ]
    ),
    "generic": frozenset(),
}
_CHECKED: Final[Mapping[str, frozenset[str]]] = {
    "github": frozenset(
        [
            "repository",
            "repository_owner",
            "repository_owner_id",
            "workflow_ref",
            "job_workflow_ref",
            "event_name",
            "ref",
            "sha",
            "environment",
        ]
    ),
    "gitlab": frozenset(
        [
            "project_path",
            "namespace_id",
            "ci_config_ref_uri",
            "pipeline_source",
            "ref",
            "ref_type",
            "sha",
            "environment",
        ]
    ),
    "generic": frozenset(),
}


class Provider(Enum):
    """Whose tokens they are, which says what their claims mean."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class Publisher:
    """Jobs that may register versions of, and report about, the models of ``pattern``.

    Attributes:
        principal: the service account as which they come.
        issuer: only tokens of this one count, whatever another one claims.
        repository: ``owner/name``, the path of a GitLab project; "" for a generic one.
        owner_id: number of the repository's owner (GitHub), or of its namespace (GitLab).
        workflow: file below ``.github/workflows/``, or the path of GitLab's configuration.
        environment: of the provider that the job must run in; "" for any or none.
        claims: of a generic one: name -> the text that it must be.
    """

    id: str
    pattern: str
    principal: str
    provider: Provider
    issuer: str
    created_at: datetime
    created_by: str
    repository: str = ""
    owner_id: str = ""
    workflow: str = ""
    environment: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """How people tell it from others."""
        said = " ".join(f"{name}={value}" for name, value in sorted(self.claims.items()))
        parts = (self.provider.value, self.repository, self.workflow, self.environment, said)
        return " ".join(part for part in parts if part)


def check_publisher(publisher: Publisher) -> None:
    """Check what a publisher is told by.

    Raises:
        BadInputError: a text breaks a rule, or is missing, or belongs to another kind of provider; all
            are listed.
    """
    generic = publisher.provider is Provider.GENERIC
    wanted = {
        "repository": (_REPOSITORY, "must be OWNER/NAME"),
        "repository_owner_id": (_NUMBER, "must be the owner's number, which is never given again"),
        "workflow": (_WORKFLOW, "must name a YAML file"),
    }
    values = {
        "repository": publisher.repository,
        "repository_owner_id": publisher.owner_id,
        "workflow": publisher.workflow,
    }
    reasons = []
    for name, (form, rule) in wanted.items():
        value = values[name]
        if generic and value:
            reasons.append(Reason(name, "must not be given: a generic publisher is told by its claims"))
        elif not generic and (len(value) > 300 or not form.fullmatch(value)):
            reasons.append(Reason(name, rule, repr(value)[:100]))
    reasons += _claim_reasons(publisher, generic=generic)
    environment = publisher.environment
    if (
        (generic and environment)
        or len(environment) > 255
        or not (environment.isprintable() or not environment)
    ):
        reasons.append(Reason("environment", "must be a printable name, not of a generic publisher"))
    if reasons:
        raise BadInputError("; ".join(map(str, reasons)), reasons)


def _claim_reasons(publisher: Publisher, *, generic: bool) -> list[Reason]:
    claims = publisher.claims
    if not generic:
        rule = "must not be given: only a generic publisher has claims of its own"
        return [Reason("claims", rule)] if claims else []
    if not 0 < len(claims) <= MAX_CLAIMS:
        return [Reason("claims", f"must be 1 to {MAX_CLAIMS}")]
    if "sub" not in claims:
        return [Reason("claims", "must say what sub is: it tells the jobs of a service apart")]
    return [
        Reason(f"claims.{name[:60]}", "must be a text of 1 to 500 characters, and no claim of every token")
        for name, value in claims.items()
        if not (0 < len(value) <= 500) or not 0 < len(name) <= 100 or name in _STANDARD - {"sub"}
    ]


def mismatches(publisher: Publisher, claims: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return every claim that does not say what the publisher is told by; none for its own jobs."""
    if publisher.issuer != claims.get("iss"):
        return (Reason("iss", f"must be {publisher.issuer}"),)
    wanted = _WANTED[publisher.provider](publisher, claims)
    return tuple(
        Reason(name, "must be " + " or ".join(sorted(allowed)), repr(claims.get(name))[:200])
        for name, allowed in wanted.items()
        if _text(claims, name) not in allowed
    )


def forbidden_event(provider: Provider, claims: Mapping[str, Any]) -> Reason | None:
    """Return why a job may not publish by what started it: code of a pull request may be anybody's."""
    if provider is Provider.GENERIC:
        return None
    name, allowed = (
        ("event_name", _GITHUB_EVENTS)
        if provider is Provider.GITHUB
        else ("pipeline_source", _GITLAB_SOURCES)
    )
    event = claims.get(name)
    if isinstance(event, str) and event in allowed:
        return None
    return Reason(name, "must be one of " + ", ".join(sorted(allowed)), repr(event)[:60])


def unknown_claims(publisher: Publisher, claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of claims that nobody here knows of, so that a provider's new ones are seen."""
    kind = publisher.provider.value
    known = _STANDARD | _CHECKED[kind] | _UNCHECKED[kind] | publisher.claims.keys()
    return tuple(sorted(str(name)[:100] for name in claims if name not in known))[:50]


def run_of(publisher: Publisher, claims: Mapping[str, Any]) -> CiRun:
    """Return the job that the claims of a verified token speak of."""
    names = {
        Provider.GITHUB: ("repository", "job_workflow_ref", "run_id"),
        Provider.GITLAB: ("project_path", "ci_config_ref_uri", "pipeline_id"),
        Provider.GENERIC: ("repository", "workflow", "run_id"),
    }
    repository, workflow, run = (_text(claims, name) for name in names[publisher.provider])
    commit, ref = _text(claims, "sha"), _text(claims, "ref")
    return CiRun(publisher.issuer, publisher.id, repository, workflow, commit, ref, run, _text(claims, "sub"))


def _github(publisher: Publisher, claims: Mapping[str, Any]) -> dict[str, set[str]]:
    # The repository as the token writes it, where it is the same but for the case of letters.
    said = _text(claims, "repository")
    repository = said if said.lower() == publisher.repository.lower() else publisher.repository
    places = {
        f"{repository}/.github/workflows/{publisher.workflow}@{at}"
        for at in (_text(claims, "ref"), _text(claims, "sha"))
        if at
    }
    wanted = {
        "repository": {repository},
        "repository_owner": {repository.partition("/")[0]},
        "repository_owner_id": {publisher.owner_id},
        # The workflow that runs and the one that called it: nobody else's may wrap it.
        "job_workflow_ref": places,
        "workflow_ref": places,
    }
    return wanted | ({"environment": {publisher.environment}} if publisher.environment else {})


def _gitlab(publisher: Publisher, claims: Mapping[str, Any]) -> dict[str, set[str]]:
    ref = _text(claims, "ref")
    kind = "tags" if claims.get("ref_type") == "tag" else "heads"
    host = urlsplit(publisher.issuer).netloc
    place = f"{host}/{publisher.repository}//{publisher.workflow}@refs/{kind}/{ref}"
    wanted = {
        "project_path": {publisher.repository},
        "namespace_id": {publisher.owner_id},
        "ci_config_ref_uri": {place},
    }
    return wanted | ({"environment": {publisher.environment}} if publisher.environment else {})


def _generic(publisher: Publisher, _claims: Mapping[str, Any]) -> dict[str, set[str]]:
    return {name: {value} for name, value in publisher.claims.items()}


_WANTED: Final = {Provider.GITHUB: _github, Provider.GITLAB: _gitlab, Provider.GENERIC: _generic}


def _text(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim as text; numbers as they are written, and "" for anything else."""
    value = claims.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""
