"""Check ``scan``: what every file of the version is, by content, and what it would do when loaded.

No settings. Facts: ``files``, each with ``path``, ``format``, ``risk``, ``detail``, ``findings`` (``rule``,
``severity``, ``detail``) and ``globals`` (what a pickle would import, what skops names); ``risk``, the
worst of all; ``rules``, the version of the rule set, which the reviewed lists are part of.

Nothing is loaded or executed; what cannot be read completely within the limits is code.
"""

from pathlib import Path
from typing import Any, Final

from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase
from assay.formats import (
    SCANNING,
    UNCLASSIFIED,
    Concern,
    Recognition,
    judge_together,
    recognise,
    version_risk,
)
from assay.formats.pickle_allowed import VERSION

RULES: Final = f"2+{VERSION}"
MAX_GLOBALS: Final = 1000
MAX_FINDINGS: Final = 50


class Scan:
    """Inspects the bytes of every file of a version."""

    name = "scan"

    def measure(self, case: CheckCase) -> Measurement:
        """Look at every file; one that is missing or no plain file is not classified."""
        found = {}
        for entry in case.version.files:
            path = case.files / entry.path
            try:
                found[entry.path] = self._look(entry.path, path, case.files)
            except OSError as error:
                return Measurement(problem=f"{entry.path} cannot be read: {error.strerror or error}")
        judged = judge_together(found)
        files = [_row(path, each) for path, each in judged.items()]
        return Measurement(facts={"files": files, "risk": version_risk(judged), "rules": RULES})

    def _look(self, name: str, path: Path, root: Path) -> Recognition:
        if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
            concern = Concern("missing_file", "critical", "the file is not there as a plain file")
            return Recognition(UNCLASSIFIED, UNCLASSIFIED, concern.detail, (concern,))
        with path.open("rb") as source:
            return recognise(name, source, SCANNING)


def _row(path: str, found: Recognition) -> dict[str, Any]:
    findings = [
        {"rule": each.rule, "severity": each.severity, "detail": _plain(each.detail)}
        for each in found.concerns[:MAX_FINDINGS]
    ]
    return {
        "path": path,
        "format": found.format,
        "risk": found.risk,
        "detail": _plain(found.detail),
        "findings": findings,
        "globals": [_plain(name) for name in found.globals[:MAX_GLOBALS]],
    }


def _plain(text: str) -> str:
    """Make a stranger's text fit to be stored: no NUL, no half characters."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
