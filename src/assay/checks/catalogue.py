"""The list of checks. A new check is a new line here and its name in the package."""

from collections.abc import Mapping
from typing import Final

from assay.checks.bias import Bias
from assay.checks.integration import Integration
from assay.checks.leakage import Leakage
from assay.checks.load import Load
from assay.checks.metrics import Metrics
from assay.checks.scan import Scan
from assay.checks.unit_tests import UnitTests
from assay.core.measuring import Check

CHECKS: Final[Mapping[str, Check]] = {
    check.name: check for check in (UnitTests(), Metrics(), Leakage(), Bias(), Integration(), Load(), Scan())
}
