"""The policies a new registry starts with: the guide's matrix, and the same in mode observe.

Its numbers are the guide's own examples (accuracy at least 0.95, disparity at most 0.1). They are a
starting point: what is good enough depends on the model, so write a policy for it.

The team ``default`` holds the models whose names have no team, which is where a moved-in project
lives: there the matrix observes, so that everything keeps working, until somebody says
``assay policy enforce``.
"""

from dataclasses import replace
from typing import Final

from assay.core.outside_names import DEFAULT_TEAM
from assay.core.policies import GateRule, Policy, PolicyMode
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
DAY_ONE_POLICY: Final = replace(
    DEFAULT_POLICY,
    applies_to=f"{DEFAULT_TEAM}/*",
    mode=PolicyMode.OBSERVE,
    description="The default matrix, observed: moves go through and are marked ungated until it holds.",
)
