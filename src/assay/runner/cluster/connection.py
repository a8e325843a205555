"""The worker's way to a Ray cluster: everything that is said to Ray is said here, in the registry's words.

Ray is optional. It is loaded when a cluster is connected to and never by a plain server or worker.
"""

import importlib
import logging
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from assay.core.errors import BadInputError, UnavailableError
from assay.runner.cluster.node import Demand, NodeJob, NodeRefusedError

INSTALL: Final = "pip install 'ray>=2.50'"
ADDRESS: Final = re.compile(r"auto|(?:ray://)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
_CONNECT_S: Final = 5.0
_LOOK_S: Final = 0.5
log = logging.getLogger("assay.worker")


class ClusterGoneError(Exception):
    """The cluster cannot be reached any more."""


class NodeLostError(Exception):
    """The node, or what ran there, died; the job may be tried on another."""


class GivenUpError(Exception):
    """Whoever asked did not want to wait any longer."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What each job asks of a node: processors, and memory in bytes (0 for no demand)."""

    cpus: int = 1
    memory_bytes: int = 0


def check_address(address: str) -> str:
    """Return the address of a cluster.

    Raises:
        BadInputError: it is none of ``auto``, ``HOST:PORT`` and ``ray://HOST:PORT``.
    """
    if ADDRESS.fullmatch(address) is None:
        rule = "must be auto, HOST:PORT or ray://HOST:PORT"
        raise BadInputError.of("ray", rule, repr(address)[:100])
    return address


def check_installed(address: str) -> None:
    """Check that the packages for an address are there.

    Raises:
        UnavailableError: they are not; says how to install them.
    """
    if find_spec("ray") is None:
        raise UnavailableError("checks on a Ray cluster need the package ray", hint=INSTALL)
    if address.startswith("ray://") and find_spec("grpc") is None:
        raise UnavailableError("addresses with ray:// need Ray's client", hint="pip install 'ray[client]'")


class Cluster:
    """A connection; one per process."""

    def __init__(self, address: str) -> None:
        """Connect.

        Raises:
            BadInputError: no such kind of address.
            UnavailableError: Ray is not installed, or there is no cluster at the address.
        """
        check_address(address)
        check_installed(address)
        named = address.removeprefix("ray://")
        if named != "auto" and not _answers(named):
            raise UnavailableError(f"the Ray cluster at {address} cannot be reached: nobody listens there")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray: Any = importlib.import_module("ray")
        self._errors: Any = importlib.import_module("ray.exceptions")
        try:
            self._ray.init(address=address, namespace="assay", log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise UnavailableError(f"the Ray cluster at {address} cannot be reached: {said[0]}") from error
        self._control = named
        if not address.startswith("ray://"):
            self._control = str(self._ray.get_runtime_context().gcs_address)
        self._actor = self._ray.remote(NodeJob)

    def capacity(self, needs: Needs) -> int:
        """Return how many jobs with such needs the cluster's nodes hold.

        Raises:
            ClusterGoneError: it cannot be reached any more.
        """
        self.check_there()
        nodes = [each["Resources"] for each in self._ray.nodes() if each["Alive"]]
        if not nodes:
            raise ClusterGoneError("no node of the cluster is alive")
        return sum(_fitting(each, needs) for each in nodes)

    def check_there(self) -> None:
        """Check that the cluster's head answers: Ray itself ends the process when it does not for long.

        Raises:
            ClusterGoneError: nobody listens there.
        """
        if not _answers(self._control):
            raise ClusterGoneError(f"nobody listens at {self._control}")

    def place(self, demand: Demand, needs: Needs) -> Any:
        """Ask for a node that can hold a job; whoever calls its first method waits until there is one.

        Returns:
            The job's end on the node, for :meth:`call` and :meth:`end`.
        """
        wanted: dict[str, Any] = {"num_cpus": needs.cpus, "max_restarts": 0, "max_task_retries": 0}
        if needs.memory_bytes:
            wanted["memory"] = needs.memory_bytes
        return self._actor.options(**wanted).remote(demand)

    def begin(self, method: Any, *arguments: Any) -> Any:
        """Call a method on a node without waiting; return what :meth:`wait` takes."""
        return method.remote(*arguments)

    def wait(self, begun: Any, wanted: Callable[[], bool]) -> Any:
        """Wait for what a node answers.

        Args:
            begun: what :meth:`begin` gave.
            wanted: asked every now and then; when it says no, nothing more is waited for.

        Returns:
            The answer.

        Raises:
            ClusterGoneError: the cluster cannot be reached any more.
            GivenUpError: it was not wanted any more.
            NodeLostError: the node died, or the call failed there.
            NodeRefusedError: the node may not run the job.
        """
        try:
            while not self._ray.wait([begun], timeout=_LOOK_S)[0]:
                if not wanted():
                    raise GivenUpError
            return self._ray.get(begun)
        except NodeRefusedError:
            raise
        except (self._errors.RayError, ConnectionError) as error:
            self._check_there_still()
            raise NodeLostError(_in_words(error)) from error

    def call(self, method: Any, *arguments: Any, wanted: Callable[[], bool]) -> Any:
        """Call a method on a node and wait for its answer.

        Raises:
            ClusterGoneError, GivenUpError, NodeLostError, NodeRefusedError: as for :meth:`wait`.
        """
        return self.wait(self.begin(method, *arguments), wanted)

    def end(self, node_job: Any) -> None:
        """End what runs on a node with everything that it started; one that has gone is ended."""
        try:
            self._ray.kill(node_job)
        except (self._errors.RayError, ConnectionError, ValueError) as error:
            log.warning("what ran on a node could not be ended: %s", _in_words(error))

    def close(self) -> None:
        """Let go of the connection; what this process runs on the cluster ends."""
        self._ray.shutdown()

    def _check_there_still(self) -> None:
        """Tell the end of a node from the end of the cluster, which often go one after the other."""
        for _ in range(4):
            self.check_there()
            time.sleep(_LOOK_S)  # a cluster that is being ended is gone in a moment


def _fitting(resources: dict[str, float], needs: Needs) -> int:
    count = int(resources.get("CPU", 0.0) // needs.cpus)
    if needs.memory_bytes:
        count = min(count, int(resources.get("memory", 0.0) // needs.memory_bytes))
    return count


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S):
            return True
    except (OSError, OverflowError):
        return False


def _in_words(error: BaseException) -> str:
    """Return the lines of Ray's error that say something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:1000] or type(error).__name__
