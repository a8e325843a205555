"""Policies: which gates, with which settings, guard which stage of which models.

A policy is versioned and digested; the most specific of ``team/task``, ``team/*`` and ``*``
applies, as a whole. What a gate's settings may be is the gate's own business.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.errors import BadInputError, Reason
from assay.core.names import PART, ModelName
from assay.core.stages import GUARDED, Stage

_PATTERN: Final = re.compile(rf"\*|{PART}/\*|{PART}/{PART}")
MAX_GATES: Final = 100


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


@dataclass(frozen=True, slots=True)
class Policy:
    """The gates before each guarded stage, for the models that ``applies_to`` covers."""

    applies_to: str
    gates: Mapping[Stage, tuple[GateRule, ...]]
    description: str = ""

    @property
    def digest(self) -> Digest:
        """Names this policy by its content."""
        return canonical_digest(self.document())

    def document(self) -> dict[str, Any]:
        """Return the policy in the form people write it, ready for YAML or JSON."""
        gates = {
            stage.value.lower(): [{rule.gate: dict(rule.settings)} for rule in rules]
            for stage, rules in self.gates.items()
        }
        return {"applies_to": self.applies_to, "description": self.description, "gates": gates}

    @classmethod
    def parse(cls, document: Any) -> "Policy":
        """Read the written form; an empty or missing gate list is refused (law 3).

        Raises:
            BadInputError: with every broken rule and its field.
        """
        if not isinstance(document, Mapping):
            raise BadInputError.of("policy", "must be a mapping with applies_to and gates")
        reasons = [
            Reason(f"policy.{key}", "is not a field of a policy", "fields: applies_to, description, gates")
            for key in document
            if key not in ("applies_to", "description", "gates")
        ]
        pattern = check_pattern(document.get("applies_to", ""), "policy.applies_to")
        description = document.get("description", "")
        if not isinstance(description, str) or len(description) > 10_000:
            reasons.append(Reason("policy.description", "must be text of at most 10000 characters"))
        written = document.get("gates")
        gates: dict[Stage, tuple[GateRule, ...]] = {}
        if not isinstance(written, Mapping) or set(written) != {stage.value.lower() for stage in GUARDED}:
            reasons.append(Reason("policy.gates", "must have exactly the stages staging and production"))
        else:
            for stage in GUARDED:
                field = f"policy.gates.{stage.value.lower()}"
                gates[stage] = _parse_rules(written[stage.value.lower()], field, reasons)
        if reasons:
            raise BadInputError("the policy breaks rules: " + "; ".join(map(str, reasons[:5])), reasons)
        return cls(pattern, gates, description)


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


def most_specific(stored: Iterable[StoredPolicy], model: ModelName) -> StoredPolicy | None:
    """Return the policy that applies to ``model``: most specific pattern, newest revision."""
    fitting = [each for each in stored if covers(each.policy.applies_to, model)]
    return max(fitting, key=lambda each: (specificity(each.policy.applies_to), each.revision), default=None)
