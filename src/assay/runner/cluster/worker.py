"""The worker of a Ray cluster: leases jobs, has nodes run them, and files what they measured.

It holds as many jobs at once as the cluster has room for, each in a thread that waits most of its time.
Only it speaks with the registry: what a node measured counts when this worker holds the lease still.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Final

from assay import __version__
from assay.core.digests import Digest
from assay.core.errors import AssayError, UnavailableError
from assay.core.evidence import Measurement
from assay.core.ports import Blobs
from assay.core.versions import Version
from assay.runner.cluster.connection import (
    Cluster,
    ClusterGoneError,
    GivenUpError,
    Needs,
    NodeLostError,
)
from assay.runner.cluster.isolation import probed
from assay.runner.cluster.node import SILENCE_S, Demand, NodeRefusedError, Progress
from assay.runner.holding import Holding
from assay.runner.jobs_on_disk import Assignment, PlacedData
from assay.runner.worker import WorkerSettings
from assay.usecases.checking import Checking
from assay.wire.codec import decode, encode

CHUNK_BYTES: Final = 4 << 20
CHUNKS_UNDER_WAY: Final = 4
PLACED_WITHIN_S: Final = 60.0
_LOOK_S: Final = 1.0
_COUNT_S: Final = 5.0
_MOST_RESENT: Final = 3
log = logging.getLogger("assay.worker")


@dataclass(frozen=True, slots=True)
class Run:
    """One job under way: its lease, its version, its end on a node."""

    held: Holding
    version: Version
    node_job: Any
    stop: threading.Event
    began: float = field(default_factory=time.monotonic)

    def wanted(self) -> bool:
        """Tell whether the job is this worker's still, and to be gone on with."""
        return not self.stop.is_set() and self.held.is_kept()


class ClusterWorker:
    """Keeps a cluster busy until told to stop, or until the cluster is gone."""

    def __init__(
        self, checking: Checking, blobs: Blobs, settings: WorkerSettings, cluster: Cluster, needs: Needs
    ) -> None:
        """Keep the means."""
        self._checking = checking
        self._blobs = blobs
        self._settings = settings
        self._cluster = cluster
        self._needs = needs
        self._threads: list[threading.Thread] = []
        self._gone = threading.Event()
        self._room = 0
        self._counted = -_COUNT_S
        settings.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._demand = Demand(__version__, dict(probed(settings.scratch)), SILENCE_S)

    def run(self, name: str, stop: threading.Event, *, once: bool = False) -> None:
        """Work until ``stop`` is set, or with ``once`` until there is nothing left.

        Args:
            name: of this worker.
            stop: set by whoever wants an end.
            once: end when there is nothing to do.

        Raises:
            ClusterGoneError: the cluster cannot be reached any more; every job was given back.
        """
        swept = -self._settings.sweep_s
        try:
            while not stop.is_set() and not self._gone.is_set():
                try:
                    if time.monotonic() - swept >= self._settings.sweep_s:
                        self._checking.sweep()
                        swept = time.monotonic()
                    busy = self._begin_one(name, stop)
                except UnavailableError as error:
                    log.warning("%s: %s; trying again", name, error)
                    busy = False
                if once and not busy and not self._threads:
                    break
                if not busy:
                    stop.wait(self._settings.poll_s)
        except ClusterGoneError:
            self._gone.set()
        finally:
            if not once or self._gone.is_set():
                stop.set()
            for thread in self._threads:
                thread.join()
        if self._gone.is_set():
            raise ClusterGoneError("the Ray cluster is gone; its jobs were given back and wait")

    def _begin_one(self, name: str, stop: threading.Event) -> bool:
        """Take one job if there is room for it; tell whether there was one."""
        self._threads = [each for each in self._threads if each.is_alive()]
        if time.monotonic() - self._counted >= _COUNT_S:
            self._room = self._cluster.capacity(self._needs)
            self._counted = time.monotonic()
        if len(self._threads) >= self._room:
            return False
        leased = self._checking.lease(name)
        if leased is None:
            return False
        job, version = leased
        log.info("%s: %s of %s", name, job.check, version.address)
        run = Run(
            Holding(self._checking, job, name),
            version,
            self._cluster.place(self._demand, self._needs),
            stop,
        )
        thread = threading.Thread(target=self._carry, args=(run,), name=job.id)
        self._threads.append(thread)
        thread.start()
        return True

    def _carry(self, run: Run) -> None:
        """Take one job to its end, whatever it is; the lease is dealt with, and nothing runs on."""
        held, job = run.held, run.held.job
        try:
            measurement = self._measure(run)
        except GivenUpError:
            if run.stop.is_set():
                held.give_back()
        except ClusterGoneError as error:
            log.error("the Ray cluster is gone (%s); %s waits for another", error, job.id)
            held.give_back()
            self._gone.set()
        except NodeLostError as error:
            log.warning("%s of %s: the node was lost: %s", job.check, run.version.address, error)
            held.give_back(f"the node that ran it was lost: {error}")
        except NodeRefusedError as error:
            held.finish(Measurement(problem=f"not run: {error}"))
        except UnavailableError as error:
            log.warning("%s: %s; it waits", job.id, error)
            held.give_back()
        except AssayError as error:
            held.finish(Measurement(problem=f"the version's files cannot be laid out: {error}"))
        else:
            held.finish(measurement)
        finally:
            self._cluster.end(run.node_job)

    def _measure(self, run: Run) -> Measurement:
        """Have the node run the job; return what it measured and where."""
        node = self._greet(run)
        version = run.version
        allowed = self._checking.data_of(version)
        data = tuple(
            each.digest
            for each in version.provenance.data
            if each.digest in allowed and self._blobs.size(each.digest) is not None
        )
        digests = tuple(dict.fromkeys((*(entry.digest for entry in version.files), *data)))
        missing = self._cluster.call(run.node_job.missing, digests, wanted=run.wanted)
        for _ in range(_MOST_RESENT):
            for digest in missing:
                self._send(run, digest)
            progress = self._run_on_node(run, data, node["host"])
            if progress.digest is None:
                break
            log.warning("node %s: what it kept of %s was damaged; sent again", node["host"], progress.digest)
            missing = (progress.digest,)
        if progress.state == "late":
            return Measurement(problem=f"stopped after {self._settings.job_s:g} s")
        if progress.state != "ended":
            raise NodeLostError(f"node {node['host']} could not lay it out: {progress.problem or 'damaged'}")
        return self._fetch(run, node)

    def _greet(self, run: Run) -> dict[str, str]:
        """Wait for a place on a node, which then says who it is."""
        late = run.began + PLACED_WITHIN_S

        def wanted() -> bool:
            return run.wanted() and time.monotonic() < late

        try:
            found: dict[str, str] = self._cluster.call(run.node_job.greet, wanted=wanted)
        except GivenUpError:
            if not run.wanted():
                raise
            raise UnavailableError(f"no node had room within {PLACED_WITHIN_S:g} s") from None
        log.info("%s of %s: on node %s", run.held.job.check, run.version.address, found["host"])
        return found

    def _send(self, run: Run, digest: Digest) -> None:
        """Send one file in pieces, a few under way at a time, so that neither side holds it whole."""
        under_way: deque[Any] = deque()
        for chunk in _pieces(self._blobs, digest):
            under_way.append(self._cluster.begin(run.node_job.add, digest, chunk))
            if len(under_way) >= CHUNKS_UNDER_WAY:
                self._cluster.wait(under_way.popleft(), run.wanted)
            if not run.wanted():
                raise GivenUpError
        for each in under_way:
            self._cluster.wait(each, run.wanted)
        self._cluster.call(run.node_job.complete, digest, wanted=run.wanted)

    def _run_on_node(self, run: Run, data: tuple[Digest, ...], host: str) -> Progress:
        """Start the job there and wait for its end; a job that takes too long is ``late``."""
        references = tuple(PlacedData(each, "") for each in run.version.provenance.data)
        assignment = encode(Assignment(run.held.job, run.version, references, "", host))
        self._cluster.call(run.node_job.start, assignment, data, wanted=run.wanted)
        began, before = time.monotonic(), ""
        while True:
            progress: Progress = self._cluster.call(run.node_job.look, wanted=run.wanted)
            if progress.state != before:
                log.info("%s of %s: %s", run.held.job.check, run.version.address, progress.state)
                before = progress.state
            if progress.state not in ("preparing", "running"):
                return progress
            if time.monotonic() - began > self._settings.job_s:
                return Progress("late")
            if run.stop.wait(_LOOK_S) or not run.wanted():
                raise GivenUpError

    def _fetch(self, run: Run, node: dict[str, str]) -> Measurement:
        """Take over measurement and reports; each report has the digest that the measurement names."""
        measurement = decode(self._cluster.call(run.node_job.result, wanted=run.wanted), Measurement)
        for each in measurement.attachments:
            with closing(self._report(run, each.digest)) as pieces:
                self._blobs.put(pieces, each.digest, each.size_bytes)
        self._cluster.call(run.node_job.close, wanted=run.wanted)
        return replace(measurement, environment={**measurement.environment, "node": node})

    def _report(self, run: Run, digest: Digest) -> Generator[bytes, None, None]:
        start = 0
        while piece := self._cluster.call(run.node_job.read, digest.hex, start, wanted=run.wanted):
            yield piece
            start += len(piece)


def _pieces(blobs: Blobs, digest: Digest) -> Iterator[bytes]:
    """Yield a blob in pieces of the size that is sent."""
    held = bytearray()
    for chunk in blobs.read(digest):
        held += chunk
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)
