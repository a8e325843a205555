"""The policy that guards every model for which nobody wrote another: the guide's matrix.

Its numbers are the guide's own examples (accuracy at least 0.95, disparity at most 0.1). They are a
starting point: what is good enough depends on the model, so write a policy for it.
"""

from typing import Final

from assay.core.policies import GateRule, Policy
from assay.core.stages import Stage

_BOTH: Final = (
    GateRule("unit_tests", {}),
    GateRule("metrics", {"minimum": {"accuracy": 0.95}}),
    GateRule("leakage", {}),
    GateRule("provenance", {}),
    GateRule("signature", {}),
    GateRule("environment", {}),
    GateRule("file_security", {}),
    GateRule("size_budget", {}),
)
_PRODUCTION: Final = (
    GateRule("bias", {"max_disparity": 0.1}),
    GateRule("integration", {}),
    GateRule("load", {}),
    GateRule("approval", {}),
)
DEFAULT_POLICY: Final = Policy(
    applies_to="*",
    gates={Stage.STAGING: _BOTH, Stage.PRODUCTION: (*_BOTH, *_PRODUCTION)},
    description="The guide's matrix with the guide's example numbers; set a policy of your own.",
)
