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
    """Passes when Python and every package are pinned to one released version.

    Attributes:
        named_only: accept a list of the packages that the model uses itself, as MLflow writes it; what
            these need is then found when the environment is built, and recorded with the evidence.
    """

    name: ClassVar[str] = "environment"
    check: ClassVar[str | None] = None
    named_only: bool = False

    def need(self, version: Version) -> Need | None:  # noqa: ARG002 - one shape for all gates
        """No evidence: the version itself says it."""
        return None

    def judge(self, dossier: Dossier) -> Verdict:
        """Look at every line of the freeze.

        The registry's own package need not be pinned, nor does it count: it looks at the
        environment, the model does not need it.
        """
        environment = dossier.version.provenance.environment
        packages = [line for line in environment.packages if not _is_registry(line)] if environment else []
        loose = [line for line in (environment.unpinned if environment else ()) if not _is_registry(line)]
        python = f"Python {environment.python}, " if environment else ""
        whole = environment is not None and (environment.complete or self.named_only)
        partly = "" if environment is None or environment.complete else ", not what these need"
        lost = "" if packages and whole else "register from the training environment, or with --python PATH"
        if partly and lost:
            lost += "; or log the model with MLFLOW_LOCK_MODEL_DEPENDENCIES=true, for which uv must be there"
        shown = ", ".join(line[:80] for line in loose[:10]) or ("all pinned" if packages else "no package")
        more = f" and {len(loose) - 10} more" if len(loose) > 10 else ""
        advice = "install released versions, freeze and register again" if loose else lost
        findings = [
            Finding(
                "the full environment must be recorded" if not self.named_only else "packages must be named",
                met(bool(packages) and whole),
                f"{python}{len(packages)} packages{partly}",
                lost,
            ),
            Finding(
                "every package must be pinned with ==",
                met(bool(packages) and not loose),
                shown + more,
                advice,
            ),
        ]
        return conclude(self.name, findings)


def _is_registry(line: str) -> bool:
    return line.strip().lower().startswith((f"{REGISTRY_PACKAGE}==", f"{REGISTRY_PACKAGE} @"))
