"""The list of gates, and how a policy's words become gates. A new gate is a new line here."""

from collections.abc import Mapping
from typing import ClassVar, Final, Protocol

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

    Raises:
        BadInputError: unknown gate or settings; names the field and lists what there is.
    """
    gate = GATES.get(rule.gate)
    if gate is None:
        raise BadInputError.of(
            f"{field}.{rule.gate[:80]}", "unknown gate", "known: " + ", ".join(sorted(GATES))
        )
    try:
        return convert_strict(dict(rule.settings), gate)
    except BadInputError as error:
        where = f"{field}.{rule.gate}"
        reasons = [
            Reason(f"{where}.{each.field}".removesuffix(".document"), each.rule, each.detail)
            for each in error.reasons
        ]
        raise BadInputError("; ".join(map(str, reasons)), reasons) from error


def build_all(policy: Policy, stage: Stage) -> tuple[Gate, ...]:
    """Return the gates before ``stage``, in the policy's order.

    Raises:
        BadInputError: see :func:`build`; or the list is empty, which guards nothing (law 3).
    """
    rules = policy.gates.get(stage, ())
    if not rules:
        raise BadInputError.of(f"policy.gates.{stage.value.lower()}", "must not be empty")
    return tuple(build(rule, _field(stage, index)) for index, rule in enumerate(rules))


def check_policy(policy: Policy) -> None:
    """Build every gate of both stages once.

    Raises:
        BadInputError: with every broken rule at once.
    """
    reasons: list[Reason] = []
    for stage in GUARDED:
        for index, rule in enumerate(policy.gates.get(stage, ())):
            try:
                build(rule, _field(stage, index))
            except BadInputError as error:
                reasons += error.reasons
    if reasons:
        raise BadInputError("the policy breaks rules: " + "; ".join(map(str, reasons[:5])), reasons)


def _field(stage: Stage, index: int) -> str:
    return f"policy.gates.{stage.value.lower()}[{index}]"
