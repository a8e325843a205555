"""Gate: no file of the version runs code that nobody reviewed."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Days, Name, age
from assay.gates.weighing import Facts, met, rows, unread, weigh

_RISKS = ("data", "effects", "code", "unclassified")


class FileSecurity(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when every file is plain data, or of a kind that the policy allows by name.

    Attributes:
        allowed_code_formats: formats that execute code on load and may pass all the same, such as
            joblib; only when the scan found nothing in the file beyond reviewed names.
        allow_effects: formats that can read or write files when they run may pass.
        max_age_days: older scans do not count.
    """

    name: ClassVar[str] = "file_security"
    check: ClassVar[str | None] = "scan"
    allowed_code_formats: Annotated[list[Name], Meta(max_length=50)] = []
    allow_effects: bool = False
    max_age_days: Days | None = None

    def need(self, version: Version) -> Need:  # noqa: ARG002 - one shape for all gates
        """Return what evidence this gate wants."""
        return Need("scan", {}, max_age=age(self.max_age_days))

    def judge(self, dossier: Dossier) -> Verdict:
        """Judge every file; one that the scan left out does not pass."""

        def findings(facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG001
            return self._findings(facts, dossier.version)

        return weigh(self.name, self.need(dossier.version), dossier, findings)

    def _findings(self, facts: Facts, version: Version) -> list[Finding]:
        scanned = rows(facts, "files")
        if scanned is None:
            return [unread("files", "a list")]
        by_path = {str(each.get("path")): each for each in scanned}
        left_out = [entry.path for entry in version.files if entry.path not in by_path]
        bad = [finding for path in sorted(by_path) for finding in self._judge_file(path, by_path[path])]
        if left_out:
            bad.append(Finding("every file must be scanned", Outcome.INCONCLUSIVE, ", ".join(left_out[:10])))
        counted = f"{len(by_path)} files"
        return bad or [Finding("no file may carry code", met(holds=True), counted)]

    def _judge_file(self, path: str, scan: Facts) -> list[Finding]:
        kind, risk = str(scan.get("format", "")), scan.get("risk")
        said = [each for each in rows(scan, "findings") or [] if each.get("severity") in ("critical", "high")]
        texts = [f"{each.get('rule')}: {each.get('detail')}" for each in said]
        if risk not in _RISKS or rows(scan, "findings") is None:
            return [Finding(f"{path}: the scan must classify it", Outcome.INCONCLUSIVE, str(risk)[:80])]
        if texts:
            return [
                Finding(
                    f"{path}: nothing dangerous may be found", Outcome.FAIL, kind, "; ".join(texts)[:4000]
                )
            ]
        if risk == "data" or (risk == "effects" and self.allow_effects):
            return []
        if risk == "code" and kind in self.allowed_code_formats:
            return []
        return [
            Finding(
                f"{path}: must not run code or have effects", Outcome.FAIL, f"{kind} ({risk})", _advice(kind)
            )
        ]


def _advice(kind: str) -> str:
    if kind in ("joblib", "pickle"):
        return (
            f"{kind} is pickle: it executes code on load. Save the model with skops or as ONNX, "
            f"or let the policy name it: file_security: {{allowed_code_formats: [{kind}]}}"
        )
    return "use a format that is plain data, or let the policy allow this one by name"
