"""The list of gates, and how a policy's words become gates. A new gate is a new line here."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol, cast

from msgspec import Struct, defstruct
from msgspec.structs import fields

from assay.core.dossier import Dossier
from assay.core.errors import BadInputError, Reason
from assay.core.evidence import Need
from assay.core.policies import GateRule, Policy
from assay.core.stages import GUARDED, Stage
from assay.core.verdicts import Verdict
from assay.core.versions import Version
from assay.gates.approval import Approval
from assay.gates.bias import Bias
from assay.gates.environment import EnvironmentPinned
from assay.gates.file_security import FileSecurity
from assay.gates.integration import Integration
from assay.gates.leakage import Leakage
from assay.gates.load import Load
from assay.gates.metrics import Metrics
from assay.gates.provenance import ProvenanceComplete
from assay.gates.signature import SignaturePresent
from assay.gates.size_budget import SizeBudget
from assay.gates.unit_tests import UnitTests
from assay.wire.codec import convert_strict

_ENTRY: Final = "[...]"  # how msgspec names an entry of a mapping, whichever it is


class Gate(Protocol):
    """A rule over a dossier. Its other attributes are the settings a policy may give."""

    name: ClassVar[str]
    check: ClassVar[str | None]

    def need(self, version: Version) -> Need | None:
        """Return what evidence the gate wants, None when it reads the dossier alone."""
        ...

    def judge(self, dossier: Dossier) -> Verdict:
        """Answer, with every reason; never raises."""
        ...


GATES: Final[Mapping[str, type[Gate]]] = {
    gate.name: gate
    for gate in (
        UnitTests,
        Metrics,
        Leakage,
        Bias,
        Integration,
        Load,
        FileSecurity,
        ProvenanceComplete,
        SignaturePresent,
        EnvironmentPinned,
        SizeBudget,
        Approval,
    )
}


def build(rule: GateRule, field: str = "policy") -> Gate:
    """Return the gate that a policy's rule describes.

    Args:
        rule: gate and settings, as the policy gives them.
        field: where the rule stands, e.g. ``policy.gates.staging[2]``.

    Raises:
        BadInputError: unknown gate, or settings that break rules; names every field and its rule, e.g.
            ``policy.gates.staging[2].metrics.minimum.accuracy``, and lists what there is.
    """
    gate = GATES.get(rule.gate)
    if gate is None:
        raise BadInputError.of(
            f"{field}.{rule.gate[:80]}", "unknown gate", "known: " + ", ".join(sorted(GATES))
        )
    try:
        return convert_strict(dict(rule.settings), gate)
    except BadInputError as error:
        reasons = _every_reason(gate, rule.settings, f"{field}.{rule.gate}") or error.reasons
        raise BadInputError("; ".join(map(str, reasons)), reasons) from error


def _every_reason(gate: type[Gate], settings: Mapping[str, Any], where: str) -> list[Reason]:
    """Convert setting by setting, because a conversion of all stops at the first that is wrong."""
    kinds = {each.name: each.type for each in fields(cast(type[Struct], gate))}
    found: list[Reason] = []
    good: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in kinds:
            known = "settings: " + (", ".join(kinds) or "none")
            found.append(Reason(f"{where}.{key}"[:200], "is no setting of this gate", known))
            continue
        wrong = _setting_reasons(defstruct("Setting", [(key, kinds[key])]), key, value, where)
        found += wrong
        if not wrong:
            good[key] = value
    return [*found, *_failures(gate, good, where)]


def _setting_reasons(kind: type[Any], key: str, value: Any, where: str) -> list[Reason]:
    """Say what is wrong with one setting; where it is a mapping, with each of its entries."""
    entries = value.items() if isinstance(value, Mapping) else ()
    found = [
        Reason(f"{where}.{key}.{name}"[:200], each.rule, each.detail)
        for name, part in entries
        for each in _failures(kind, {key: {name: part}}, "")
        if each.field.endswith(_ENTRY)
    ]
    return found or _failures(kind, {key: value}, where)


def _failures(kind: type[Any], settings: Mapping[str, Any], where: str) -> list[Reason]:
    """Return why ``settings`` do not convert, each field put behind ``where``; empty when they do."""
    try:
        convert_strict(dict(settings), kind)
    except BadInputError as error:
        return [
            Reason(f"{where}.{each.field}".removesuffix(".document"), each.rule, each.detail)
            for each in error.reasons
        ]
    return []


def build_all(policy: Policy, stage: Stage) -> tuple[Gate, ...]:
    """Return the gates before ``stage``, in the policy's order.

    Raises:
        BadInputError: see :func:`build`; or the list is empty, which guards nothing (law 3).
    """
    rules = policy.gates.get(stage, ())
    if not rules:
        raise BadInputError.of(_stage_field(stage), "must not be empty", "an empty list guards nothing")
    return tuple(build(rule, _field(stage, index)) for index, rule in enumerate(rules))


def check_policy(policy: Policy) -> None:
    """Build every gate of every stage once.

    Raises:
        BadInputError: with every broken rule at once; a stage without gates is one of them (law 3).
    """
    reasons: list[Reason] = []
    for stage in dict.fromkeys((*policy.gates, *GUARDED)):
        rules = policy.gates.get(stage, ())
        if not rules:
            reasons.append(Reason(_stage_field(stage), "must not be empty", "an empty list guards nothing"))
        for index, rule in enumerate(rules):
            try:
                build(rule, _field(stage, index))
            except BadInputError as error:
                reasons += error.reasons
    if reasons:
        raise BadInputError("the policy breaks rules: " + "; ".join(map(str, reasons[:5])), reasons)


def _stage_field(stage: Stage) -> str:
    return f"policy.gates.{stage.value.lower()}"


def _field(stage: Stage, index: int) -> str:
    return f"{_stage_field(stage)}[{index}]"
