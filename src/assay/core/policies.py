"""Policies: which gates, with which settings, guard which stage of which models.

A policy is versioned and digested; the most specific of ``team/task``, ``team/*`` and ``*``
applies, as a whole. What a gate's settings may be is the gate's own business.

Gates stand before Staging and Production; those before Development, where a policy lists any, are
judged at registration. In mode *observe* the same gates are judged, but the move does not wait for
them: the version is marked *ungated* until they hold.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.errors import BadInputError, Reason
from assay.core.names import PART, ModelName, check_alias
from assay.core.stages import GUARDED, Stage

_PATTERN: Final = re.compile(rf"\*|{PART}/\*|{PART}/{PART}")
_FIELDS: Final = ("applies_to", "description", "mode", "stage_aliases", "gates")
GUARDED_NAMES: Final = {stage.value.lower(): stage for stage in GUARDED}
_GATED: Final = {"development": Stage.DEVELOPMENT, **GUARDED_NAMES}
MAX_GATES: Final = 100
MAX_STAGE_ALIASES: Final = 20


def check_pattern(text: str, field: str = "applies_to") -> str:
    """Return ``text`` when it is ``*``, ``team/*`` or ``team/task``.

    Raises:
        BadInputError: another form.
    """
    if not isinstance(text, str) or not _PATTERN.fullmatch(text) or ".." in text:
        raise BadInputError.of(field, "must be *, team/* or team/task", repr(text)[:100])
    return text


def covers(pattern: str, model: ModelName) -> bool:
    """Tell whether ``pattern`` speaks of ``model``."""
    return pattern in ("*", f"{model.team}/*", model)


def specificity(pattern: str) -> int:
    """0 for ``*``, 1 for ``team/*``, 2 for ``team/task``."""
    return 0 if pattern == "*" else 1 if pattern.endswith("/*") else 2


@dataclass(frozen=True, slots=True)
class GateRule:
    """One gate by name and the settings the policy gives it."""

    gate: str
    settings: Mapping[str, Any]


class PolicyMode(Enum):
    """Whether a move to a guarded stage waits for its gates.

    ``enforce``: it does. ``observe``: it goes through at once, the gates are judged and recorded all
    the same, and the version is marked ungated until they hold.
    """

    ENFORCE = "enforce"
    OBSERVE = "observe"

    @classmethod
    def parse(cls, text: Any, field: str = "mode") -> "PolicyMode":
        """Read a mode.

        Raises:
            BadInputError: there is no such mode.
        """
        for mode in cls:
            if text == mode.value:
                return mode
        raise BadInputError.of(field, "must be enforce or observe", repr(text)[:60])


@dataclass(frozen=True, slots=True)
class Policy:
    """The gates before each guarded stage, for the models that ``applies_to`` covers.

    Attributes:
        gates: for Staging and Production always; for Development where registration is gated.
        mode: whether a move waits for its gates.
        stage_aliases: further names of the guarded stages, in lower case, e.g. ``champion``: where
            such a name points is the version in that stage, and to move it is to ask for a promotion.
    """

    applies_to: str
    gates: Mapping[Stage, tuple[GateRule, ...]]
    description: str = ""
    mode: PolicyMode = PolicyMode.ENFORCE
    stage_aliases: Mapping[str, Stage] = field(default_factory=dict)

    @property
    def digest(self) -> Digest:
        """Names this policy by its content."""
        return canonical_digest(self.document())

    @property
    def observes(self) -> bool:
        """Whether moves go through before their gates hold."""
        return self.mode is PolicyMode.OBSERVE

    def document(self) -> dict[str, Any]:
        """Return the policy in the form people write it, ready for YAML or JSON.

        Mode and stage aliases are left out where they are the default, so that a policy that does
        not use them keeps the digest it had before there were any.
        """
        written: dict[str, Any] = {"applies_to": self.applies_to, "description": self.description}
        if self.observes:
            written["mode"] = self.mode.value
        if self.stage_aliases:
            written["stage_aliases"] = {
                alias: stage.value.lower() for alias, stage in sorted(self.stage_aliases.items())
            }
        written["gates"] = {
            stage.value.lower(): [{rule.gate: dict(rule.settings)} for rule in rules]
            for stage, rules in self.gates.items()
        }
        return written

    def guarded_stage(self, alias: str) -> Stage | None:
        """Return the guarded stage that ``alias``, in any case, is a name of; None for other names.

        ``staging`` and ``production`` always are names of their stages.
        """
        name = alias.lower()
        return GUARDED_NAMES.get(name) or self.stage_aliases.get(name)

    def names_of(self, stage: Stage) -> tuple[str, ...]:
        """Return every alias that means ``stage``, its own name first."""
        further = sorted(alias for alias, each in self.stage_aliases.items() if each is stage)
        return (stage.value.lower(), *further)

    @classmethod
    def parse(cls, document: Any) -> "Policy":
        """Read the written form; an empty or missing gate list is refused (law 3).

        Raises:
            BadInputError: with every broken rule and its field.
        """
        if not isinstance(document, Mapping):
            raise BadInputError.of("policy", "must be a mapping with applies_to and gates")
        reasons = [
            Reason(f"policy.{key}", "is not a field of a policy", "fields: " + ", ".join(_FIELDS))
            for key in document
            if key not in _FIELDS
        ]
        pattern, mode = "", PolicyMode.ENFORCE
        try:
            pattern = check_pattern(document.get("applies_to", ""), "policy.applies_to")
        except BadInputError as error:
            reasons += error.reasons
        description = document.get("description", "")
        if not isinstance(description, str) or len(description) > 10_000:
            reasons.append(Reason("policy.description", "must be text of at most 10000 characters"))
        try:
            mode = PolicyMode.parse(document.get("mode", mode.value), "policy.mode")
        except BadInputError as error:
            reasons += error.reasons
        aliases = _parse_aliases(document.get("stage_aliases", {}), reasons)
        gates = _parse_gates(document.get("gates"), reasons)
        if reasons:
            raise BadInputError("the policy breaks rules: " + "; ".join(map(str, reasons[:5])), reasons)
        return cls(pattern, gates, description, mode, aliases)


def _parse_aliases(written: Any, reasons: list[Reason]) -> dict[str, Stage]:
    place = "policy.stage_aliases"
    if not isinstance(written, Mapping) or len(written) > MAX_STAGE_ALIASES:
        rule = f"must be a mapping of at most {MAX_STAGE_ALIASES} aliases to staging or production"
        reasons.append(Reason(place, rule))
        return {}
    aliases: dict[str, Stage] = {}
    for alias, stage in written.items():
        where = f"{place}.{str(alias)[:100]}"
        try:
            check_alias(alias)
        except BadInputError as error:
            reasons += [Reason(where, each.rule, each.detail) for each in error.reasons]
            continue
        if alias != alias.lower():
            reasons.append(Reason(where, "must be in lower case", "it is a name of the stage in any case"))
            continue
        if not isinstance(stage, str) or stage not in GUARDED_NAMES:
            reasons.append(Reason(where, "must be staging or production", repr(stage)[:60]))
            continue
        aliases[alias] = GUARDED_NAMES[stage]
    return aliases


def _parse_gates(written: Any, reasons: list[Reason]) -> dict[Stage, tuple[GateRule, ...]]:
    stages = set(written) if isinstance(written, Mapping) else set()
    if not set(GUARDED_NAMES) <= stages <= set(_GATED):
        rule = "must have the stages staging and production, and may have development"
        reasons.append(Reason("policy.gates", rule))
        return {}
    return {
        stage: _parse_rules(written[name], f"policy.gates.{name}", reasons)
        for name, stage in _GATED.items()
        if name in stages
    }


def _parse_rules(written: Any, field: str, reasons: list[Reason]) -> tuple[GateRule, ...]:
    if not isinstance(written, list) or not written or len(written) > MAX_GATES:
        reasons.append(
            Reason(field, f"must be a list of 1 to {MAX_GATES} gates", "an empty list guards nothing")
        )
        return ()
    rules: list[GateRule] = []
    for index, item in enumerate(written):
        entry = {item: {}} if isinstance(item, str) else item
        if not isinstance(entry, Mapping) or len(entry) != 1:
            reasons.append(Reason(f"{field}[{index}]", "must be a gate name or {name: settings}"))
            continue
        ((name, settings),) = entry.items()
        settings = {} if settings is None else settings
        if not isinstance(name, str) or not isinstance(settings, Mapping):
            reasons.append(Reason(f"{field}[{index}]", "settings must be a mapping"))
            continue
        if any(rule.gate == name for rule in rules):
            reasons.append(Reason(f"{field}[{index}]", "each gate at most once", name))
        rules.append(GateRule(name, settings))
    return tuple(rules)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy as stored: its ``revision`` counts up per pattern; nothing is overwritten."""

    policy: Policy
    revision: int
    digest: Digest
    set_at: datetime
    set_by: str
    source: str


def most_specific(
    stored: Iterable[StoredPolicy], model: ModelName, meant: ModelName | None = None
) -> StoredPolicy | None:
    """Return the policy that applies to ``model``: most specific pattern, newest revision.

    Args:
        stored: those there are.
        model: by its address.
        meant: the address that its name outside stands for, where it is another one. A policy for just
            that one applies too, before one for just ``model``.
    """
    names = {model, meant or model}
    fitting = [each for each in stored if any(covers(each.policy.applies_to, name) for name in names)]

    def rank(each: StoredPolicy) -> tuple[int, bool, int]:
        pattern = each.policy.applies_to
        return specificity(pattern), pattern == meant, each.revision

    return max(fitting, key=rank, default=None)
