"""Check ``scan``: what every file of the version is, by content, and what is hidden in it.

No settings. Facts: ``files`` with ``path``, ``format``, ``risk``, ``detail``, ``findings`` (``rule``,
``severity``, ``detail``) and ``globals`` (what a pickle would import); ``risk``, the worst of all;
``rules``, the version of what was looked for.
"""

from typing import Any, Final

from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase
from assay.formats import Recognition, recognise, worst
from assay.formats.pickle_allowed import VERSION

RULES: Final = f"1/{VERSION}"
MAX_NAMES: Final = 500


class Scan:
    """Inspects the bytes; loads nothing."""

    name = "scan"

    def measure(self, case: CheckCase) -> Measurement:
        """Look into every file."""
        found: list[tuple[str, Recognition]] = []
        for entry in case.version.files:
            with (case.files / entry.path).open("rb") as source:
                found.append((entry.path, recognise(entry.path, source, deep=True)))
        facts = {
            "files": [_written(path, each) for path, each in found],
            "risk": worst(each.risk for _, each in found).value,
            "rules": RULES,
        }
        return Measurement(facts=facts)


def _written(path: str, found: Recognition) -> dict[str, Any]:
    return {
        "path": path,
        "format": found.format,
        "risk": found.risk.value,
        "detail": found.detail,
        "findings": [
            {"rule": each.rule, "severity": each.severity, "detail": each.detail} for each in found.dangers
        ],
        "globals": list(found.names[:MAX_NAMES]),
    }
