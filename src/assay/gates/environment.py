"""Gate: the environment is frozen, so that the model can be rebuilt and run in years."""

from typing import ClassVar

from msgspec import Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Need
from assay.core.verdicts import Finding, Verdict, conclude
from assay.core.versions import Version
from assay.gates.weighing import met

REGISTRY_PACKAGE = "assay"


class EnvironmentPinned(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when Python and every package are pinned to one released version."""

    name: ClassVar[str] = "environment"
    check: ClassVar[str | None] = None

    def need(self, version: Version) -> Need | None:  # noqa: ARG002 - one shape for all gates
        """No evidence: the version itself says it."""
        return None

    def judge(self, dossier: Dossier) -> Verdict:
        """Look at every line of the freeze. The registry's own package need not be pinned."""
        environment = dossier.version.provenance.environment
        packages = environment.packages if environment else ()
        rule = "the full environment must be recorded"
        findings = [Finding(rule, met(bool(packages)), f"{len(packages)} packages")]
        loose = [line for line in (environment.unpinned if environment else ()) if not _is_registry(line)]
        advice = "install released versions and freeze again" if loose else ""
        shown = ", ".join(line[:80] for line in loose[:10]) or "all pinned"
        findings.append(Finding("every package must be pinned with ==", met(not loose), shown, advice))
        return conclude(self.name, findings)


def _is_registry(line: str) -> bool:
    name = line.removeprefix("-e ").strip().lower()
    return name.startswith((f"{REGISTRY_PACKAGE}==", f"{REGISTRY_PACKAGE} @"))
