"""Gate: the version says what goes in and what comes out."""

from typing import ClassVar

from msgspec import Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Need
from assay.core.verdicts import Finding, Verdict, conclude
from assay.core.versions import Version
from assay.gates.weighing import met


class SignaturePresent(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when the version has a signature: the schema of its inputs and outputs."""

    name: ClassVar[str] = "signature"
    check: ClassVar[str | None] = None

    def need(self, version: Version) -> Need | None:  # noqa: ARG002 - one shape for all gates
        """No evidence: the version itself says it."""
        return None

    def judge(self, dossier: Dossier) -> Verdict:
        """Look whether it is there."""
        signature = dossier.version.signature
        advice = "" if signature else "register with --sample DATA, from which it is inferred"
        measured = (
            f"{len(signature.inputs)} inputs, {len(signature.outputs)} outputs" if signature else "missing"
        )
        return conclude(
            self.name, [Finding("a signature must be recorded", met(signature is not None), measured, advice)]
        )
