"""Gate: no file of the version runs code that nobody reviewed."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Days, Name, age
from assay.gates.weighing import Facts, met, rows, text, texts, unread, weigh

_RISKS = ("data", "effects", "code", "unclassified")
_SEVERE = ("critical", "high")
_MILD = ("medium", "low", "info", "note")


class FileSecurity(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when every file is plain data, or of a kind that the policy allows by name.

    A severe finding of the scan never passes. Neither does a file that nothing recognised: nobody can
    show what it would run, so there is no name under which a policy could allow it.

    Attributes:
        allowed_code_formats: formats that execute code on load and may pass all the same, such as
            joblib; only when the scan listed what the file imports and found only reviewed names.
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
        paths = [text(each, "path") for each in scanned]
        if None in paths:
            return [unread("path of every file", "text")]
        found = [each for scan in scanned if (each := self._judge_file(scan)) is not None]
        left_out = [entry.path for entry in version.files if entry.path not in paths]
        if left_out:
            names = f"{len(left_out)} were not: {', '.join(left_out[:10])}"
            found.append(Finding("every file must be scanned", Outcome.INCONCLUSIVE, names, "scan again"))
        else:
            found.insert(0, Finding("every file must be scanned", Outcome.PASS, f"{len(set(paths))} files"))
        return found

    def _judge_file(self, scan: Facts) -> Finding | None:
        """Return what is to be said of one file; None when it is plain data."""
        path, kind, risk = text(scan, "path"), text(scan, "format", 80), text(scan, "risk", 80)
        said = rows(scan, "findings")
        graded = said is not None and all(text(each, "severity") in (*_SEVERE, *_MILD) for each in said)
        if not kind or risk not in _RISKS or said is None or not graded:
            rule = f"{path}: the scan must classify it and grade what it found"
            return Finding(rule, Outcome.INCONCLUSIVE, f"{kind} ({risk})", "scan again")
        severe = [_sentence(each) for each in said if text(each, "severity") in _SEVERE]
        if severe:
            detail = "; ".join(severe)[:4000]
            rule = f"{path}: nothing dangerous may be found"
            return Finding(rule, Outcome.FAIL, kind, f"{detail}; do not load it, save the model anew")
        if risk == "data" or (risk == "effects" and self.allow_effects):
            return None
        if risk == "code" and kind in self.allowed_code_formats:
            return _allowed(path, kind, scan)
        rule = f"{path}: must not run code or have effects"
        return Finding(rule, Outcome.FAIL, f"{kind} ({risk})", _advice(kind, risk))


def _allowed(path: str | None, kind: str, scan: Facts) -> Finding:
    """A code format passes by name only when it is known what it imports; a severe finding was excluded."""
    names = texts(scan, "globals")
    rule = f"{path}: may run code on load only by reviewed names"
    if names is None:
        return Finding(rule, Outcome.INCONCLUSIVE, kind, "the scan must list what it imports; scan again")
    detail = f"{kind} executes code on load; the policy allows it by name"
    return Finding(rule, met(holds=True), f"{len(names)} names, all reviewed", detail)


def _sentence(found: Facts) -> str:
    return f"{text(found, 'rule') or 'finding'}: {text(found, 'detail') or 'no detail'}"


def _advice(kind: str, risk: str) -> str:
    if risk == "unclassified":
        return "nothing tells what it would run: take it out, or save it in a format that is plain data"
    if risk == "effects":
        return "use a format that is plain data, or let the policy say: file_security: {allow_effects: true}"
    what = (
        f"{kind} executes code on load" if kind != "joblib" else "joblib is pickle: it executes code on load"
    )
    return (
        f"{what}. Save the model with skops or as ONNX, "
        f"or let the policy name it: file_security: {{allowed_code_formats: [{kind}]}}"
    )
