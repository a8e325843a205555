"""What every use case works with, and the few steps they all take."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from assay.core.access import Action, Caller, require
from assay.core.audit import AuditEvent
from assay.core.canonical import plain
from assay.core.ci_runs import CiRun
from assay.core.errors import NotFoundError, Reason, RefusedError
from assay.core.names import LATEST, STAGE_ALIASES, Address, ModelName
from assay.core.outside_names import model_for
from assay.core.policies import GUARDED_NAMES, StoredPolicy, most_specific, specificity
from assay.core.ports import Blobs, Chance, Clock, Database, HeadSigner, Post, Records, Seal
from assay.core.ports.sign_in import Issuers, NoIssuers
from assay.core.prompts import PROMPT_SOURCES, is_prompt
from assay.core.search import VersionSummary
from assay.core.sign_in import SignInRules
from assay.core.stages import Stage
from assay.core.tracking.searches import AllOf, Comparison, Operator, Search
from assay.core.versions import Version


@dataclass(frozen=True, slots=True)
class Means:
    """The outside, as the use cases see it."""

    database: Database
    blobs: Blobs
    clock: Clock
    chance: Chance
    post: Post
    seal: Seal
    signer: HeadSigner
    issuers: Issuers = NoIssuers()  # noqa: RUF009 - it has no state
    sign_in: SignInRules = SignInRules()  # noqa: RUF009 - it is frozen


@dataclass(frozen=True, slots=True)
class Act:
    """One write by one actor at one instant: its records and its way into the audit log."""

    records: Records
    actor: str
    at: datetime
    ci: CiRun | None = None

    def note(self, verb: str, subject: str, before: Any = None, after: Any = None) -> AuditEvent:
        """Append an audit event and return it; ``before`` and ``after`` are reduced to JSON's kinds.

        What a job of a CI service did also says which job it was.
        """
        after = plain(after)
        if self.ci is not None:
            after = {**(after or {}), "ci": self.ci.facts()}
        entry = {
            "at": self.at,
            "actor": self.actor,
            "verb": verb,
            "subject": subject,
            "before": plain(before),
            "after": after,
        }
        return self.records.audit.append(entry)


def find(records: Records, caller: Caller, address: Address) -> VersionSummary:
    """Return the version at ``address`` for a caller who may read it.

    Raises:
        NotFoundError: it does not exist, or the caller may not know of it; both look the same.
    """
    require(caller, Action.READ, address.model)
    summary = records.versions.resolve(_meant(records, address))
    if summary is None:
        if records.models.get(address.model) is None:
            raise NotFoundError(f"there is no model {address.model}", hint="assay list")
        raise NotFoundError(f"there is no version {address}", hint=f"assay list {address.model}")
    return summary


def stage_meant(records: Records, model: ModelName, alias: str) -> Stage | None:
    """Return the guarded stage that ``alias`` is a name of for this model, None for other aliases."""
    stored = policy_of(records, model)
    if stored is None:
        return GUARDED_NAMES.get(alias.lower())
    return stored.policy.guarded_stage(alias)


def _meant(records: Records, address: Address) -> Address:
    """Where the policy makes an alias a name of a guarded stage, read it as the stage's own name."""
    if address.alias is None or address.alias == LATEST or address.alias in STAGE_ALIASES:
        return address
    stage = stage_meant(records, address.model, address.alias)
    if stage is None or _is_set_on_prompt(records, address.model, address.alias):
        return address
    return replace(address, alias=stage.value.lower())


def stage_moved(records: Records, model: ModelName, alias: str) -> Stage | None:
    """Return the stage, guarded or not, that moves with ``alias``; None where it is an alias like others.

    Of a prompt every alias is: it has no stages.
    """
    stage = stage_named(records, model, alias)
    return None if stage is None or holds_prompts(records, model) else stage


def stage_named(records: Records, model: ModelName, alias: str) -> Stage | None:
    """Return the stage, guarded or not, that ``alias`` is the name of, whatever the model holds."""
    return stage_meant(records, model, alias) or STAGE_ALIASES.get(alias.lower())


def holds_prompts(records: Records, name: ModelName) -> bool:
    """Tell whether a model was made to hold prompts, and holds nothing else.

    Its tag alone does not say so: in older registries it could be set on what holds files.
    """
    model = records.models.get(name)
    if model is None or not is_prompt(model.tags):
        return False
    files = AllOf(
        (
            Comparison("attribute", "known_as", Operator.EQUAL, model.known_as),
            Comparison("attribute", "source", Operator.NOT_IN, PROMPT_SOURCES),
        )
    )
    return not records.registry_search.versions(Search(files, limit=1), ("*",)).items


def check_has_stages(records: Records, model: ModelName) -> None:
    """Let no prompt come to a guarded stage.

    Raises:
        RefusedError: the model holds prompts.
    """
    if holds_prompts(records, model):
        rule = "holds prompts, which have no stages"
        hint = "point its alias instead: assay alias set ADDRESS production"
        raise RefusedError(f"{model} {rule}", [Reason("model", rule)], hint=hint)


def _is_set_on_prompt(records: Records, model: ModelName, alias: str) -> bool:
    return alias in records.aliases.of_model(model) and holds_prompts(records, model)


def load(
    records: Records, caller: Caller, address: Address, action: Action, stage: Stage | None = None
) -> Version:
    """Return all of the version at ``address`` for a caller who may do ``action`` with it.

    Raises:
        NotFoundError: it does not exist, or the caller may not know of it.
        DeniedError: the caller lacks the right.
    """
    summary = find(records, caller, address)
    require(caller, action, address.model, stage)
    version = records.versions.get(summary.model, summary.number)
    if version is None:
        raise NotFoundError(f"there is no version {address}")
    return version


def policy_of(records: Records, model: ModelName, known_as: str = "") -> StoredPolicy | None:
    """Return the policy that guards ``model``, which need not exist yet; None where none does.

    Args:
        records: the view.
        model: by its address.
        known_as: its name outside; "" for the one that it has. What that name stands for counts as
            well as the address: people set policies for the names that they load models by.
    """
    current = records.policies.current()
    others = [
        pattern
        for pattern in (each.policy.applies_to for each in current)
        if specificity(pattern) == 2 and pattern != model and pattern.startswith(f"{model.team}/")
    ]
    if others and not known_as:
        known = records.models.get(model)
        known_as = known.known_as if known else ""
    return most_specific(current, model, model_for(known_as) if known_as else None)


def applying_policy(records: Records, model: ModelName) -> StoredPolicy:
    """Return the policy that guards ``model``.

    Raises:
        NotFoundError: none applies; nothing can be promoted without one.
    """
    stored = policy_of(records, model)
    if stored is None:
        raise NotFoundError(f"no policy applies to {model}", hint="set one with: assay policy set FILE")
    return stored
