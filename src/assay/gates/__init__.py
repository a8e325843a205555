"""Gates: one rule over evidence per module. Evidence in, verdict out; pure and total.

To add a gate, write its module and add its line to :mod:`assay.gates.catalogue`; the tests of this
room then hold it to the common laws by themselves.
"""

from assay.gates.catalogue import GATES, Gate, build, build_all, check_policy
from assay.gates.default import DAY_ONE_POLICY, DEFAULT_POLICY
from assay.gates.groups import group_table, read_cells

__all__ = [
    "DAY_ONE_POLICY",
    "DEFAULT_POLICY",
    "GATES",
    "Gate",
    "build",
    "build_all",
    "check_policy",
    "group_table",
    "read_cells",
]
