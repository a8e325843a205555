"""Whether a node can contain a model: nothing is run where it could reach more than on the worker itself.

A cluster's own sockets obey whoever reaches them, so that two protections are demanded of every node,
whatever the worker's machine has: the filter of system calls (no sockets at all) and the allow-list of
files. Beyond these a node must have what the worker's machine has.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from assay.core.measuring import ModelProblem
from assay.runner.sandbox import Confined, Limits, run_confined

_PROBE_S: Final = 30.0
Isolation = Mapping[str, Any]


def probed(scratch: Path) -> Isolation:
    """Return how a program is isolated on this machine; an empty one where none can be.

    Args:
        scratch: a folder in which the trial may make a folder of its own.
    """
    with tempfile.TemporaryDirectory(prefix="probe-", dir=scratch) as folder:
        confined = Confined(("/bin/true",), Path(folder), (), Limits())
        try:
            return run_confined(confined, timeout_s=_PROBE_S)[3]
        except ModelProblem:
            return {}


def what_lacks(node: Isolation, own: Isolation) -> tuple[str, ...]:
    """Return which protections a node lacks, in words; none when models may run there.

    Args:
        node: how a program is isolated there.
        own: how it is on the worker's machine.
    """
    lacking = []
    if node.get("system_calls") != "filtered":
        lacking.append("the filter of system calls")
    if not node.get("landlock"):
        lacking.append("the allow-list of files (Landlock)")
    if node.get("network") != "none":
        lacking.append("a network that leads nowhere")
    missing = sorted(set(own.get("namespaces", ())) - set(node.get("namespaces", ())))
    lacking += [f"a {name} namespace" for name in missing]
    if own.get("process_count") and not node.get("process_count"):
        lacking.append("the limit on processes")
    return tuple(lacking)
