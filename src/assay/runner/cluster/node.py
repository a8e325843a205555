"""What runs on a node: one job, as a process of the node like that of a worker on one machine.

Each job has an actor of its own, which the worker makes and ends. It ends by itself when it has not heard
from its worker for as long as a lease lasts: then another has the job, and nobody wants the result.
It never speaks with the registry.

Folders of a node (``ASSAY_NODE_DATA``, ``~/.cache/assay/node`` by default, for the user's eyes alone)::

    cache/<digest hex>    files of versions and data; believed when hashed, see :mod:`.cache`
    environments/         environments of models, built from their freezes
    jobs/<job>-<chance>/  one job's folder, locked while its actor lives
"""

import fcntl
import os
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from assay import __version__
from assay.core.digests import Digest
from assay.core.evidence import Measurement
from assay.core.jobs import LEASE
from assay.runner.cluster.cache import DamagedError, NodeCache
from assay.runner.cluster.isolation import probed, what_lacks
from assay.runner.job_process import CHUNK_BYTES, JobProcess, assign, lay_out
from assay.runner.jobs_on_disk import Assignment, attachment_path
from assay.wire.codec import decode, encode

SILENCE_S: Final = LEASE.total_seconds()
_LOOK_S: Final = 0.5
_LOCK: Final = "lock"
_DATA: Final = "data"


class NodeRefusedError(Exception):
    """This node may not run the job; the message says why."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a worker demands of a node.

    Attributes:
        assay: version of this program.
        isolation: how programs are isolated on the worker's machine.
        silence_s: how long the node goes on without hearing from the worker.
    """

    assay: str
    isolation: Mapping[str, Any]
    silence_s: float = SILENCE_S


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        state: ``waiting``, ``preparing``, ``running``, ``ended``; ``damaged`` when kept bytes were, and are
            to be sent again; ``failed`` when the node could not lay it out.
        digest: of what was damaged.
        problem: why it failed.
    """

    state: str
    digest: Digest | None = None
    problem: str = ""


class NodeJob:
    """One job on a node. Its methods are called one after the other, by one worker."""

    def __init__(self, demand: Demand) -> None:
        """Begin to listen for the worker."""
        self._demand = demand
        self._heard = time.monotonic()
        self._process: JobProcess | None = None
        self._folder: Path | None = None
        self._lock = -1
        self._progress = Progress("waiting")
        self._closed = threading.Event()
        self._preparing: threading.Thread | None = None
        threading.Thread(target=self._watch, daemon=True).start()

    def greet(self) -> dict[str, str]:
        """Return which machine this is.

        Raises:
            NodeRefusedError: another version of the program, a folder that others can write, or models
                cannot be contained here.
        """
        self._heard = time.monotonic()
        self._root = node_folder()
        self._cache = NodeCache(self._root / "cache")
        _sweep(self._root / "jobs")
        host = os.uname().nodename
        if self._demand.assay != __version__:
            raise NodeRefusedError(f"node {host} has assay {__version__}, the worker {self._demand.assay}")
        lacking = what_lacks(probed(self._root / "jobs"), self._demand.isolation)
        if lacking:
            raise NodeRefusedError(f"node {host} cannot contain a model: it lacks {', '.join(lacking)}")
        return {"host": host, "node": _node_id()}

    def missing(self, digests: Sequence[Digest]) -> tuple[Digest, ...]:
        """Return which of these the node does not have."""
        self._heard = time.monotonic()
        return tuple(each for each in digests if not self._cache.has(each))

    def add(self, digest: Digest, chunk: bytes) -> None:
        """Take the next piece of a file."""
        self._heard = time.monotonic()
        self._cache.add(digest, chunk)

    def complete(self, digest: Digest) -> None:
        """Keep the file whose pieces have all come."""
        self._heard = time.monotonic()
        self._cache.complete(digest)

    def start(self, assignment: bytes, data: Sequence[Digest]) -> None:
        """Begin to lay out the job and to run it; :meth:`look` tells how far it is.

        Args:
            assignment: encoded; paths in it are this node's to give.
            data: which data files the check may look at.
        """
        self._heard = time.monotonic()
        self._progress = Progress("preparing")
        wanted = decode(assignment, Assignment)
        self._preparing = threading.Thread(target=self._begin, args=(wanted, data), daemon=True)
        self._preparing.start()

    def look(self) -> "Progress":
        """Tell how far it is. Call it often: a worker that is not heard of is dead."""
        self._heard = time.monotonic()
        if self._progress.state == "running" and self._process and not self._process.is_running:
            self._progress = Progress("ended")
        return self._progress

    def result(self) -> bytes:
        """Return the measurement, encoded."""
        self._heard = time.monotonic()
        measurement = self._process.result() if self._process else Measurement(problem="it never ran")
        return encode(measurement)

    def read(self, hex_digest: str, start: int) -> bytes:
        """Return a piece of a report, empty at its end."""
        self._heard = time.monotonic()
        with attachment_path(self._own_folder(), hex_digest).open("rb") as file:
            file.seek(start)
            return file.read(CHUNK_BYTES)

    def close(self) -> None:
        """End the process and forget the folder, also those that are being made at this moment."""
        self._closed.set()
        if self._preparing is not None:
            self._preparing.join()
        if self._process is not None:
            self._process.close()
        self._drop_folder()

    def _begin(self, wanted: Assignment, data: Sequence[Digest]) -> None:
        try:
            folder = self._make_folder(wanted.job.id)
            lay_out(folder, wanted.version, self._read)
            placed = self._place_data(folder, data)
            here = tuple(replace(each, path=placed.get(each.reference.digest, "")) for each in wanted.data)
            environments = str(self._root / "environments")
            assign(folder, replace(wanted, data=here, environments=environments))
            self._process = JobProcess(folder)
            self._progress = Progress("running")
        except DamagedError as error:
            self._drop_folder()
            self._progress = Progress("damaged", digest=error.digest)
        except OSError as error:
            self._progress = Progress("failed", problem=str(error))

    def _read(self, digest: Digest) -> Iterator[bytes]:
        """Yield a kept file; nobody waits for the rest of it once the job is closed."""
        for chunk in self._cache.read(digest):
            if self._closed.is_set():
                raise InterruptedError("the job was closed")
            yield chunk

    def _place_data(self, folder: Path, data: Sequence[Digest]) -> dict[Digest, str]:
        (folder / _DATA).mkdir()
        placed = {}
        for digest in data:
            target = folder / _DATA / digest.hex
            with target.open("xb") as file:
                for chunk in self._read(digest):
                    file.write(chunk)
            placed[digest] = str(target)
        return placed

    def _make_folder(self, job_id: str) -> Path:
        self._drop_folder()
        jobs = self._root / "jobs"
        with _locked(jobs):
            folder = Path(tempfile.mkdtemp(prefix=f"{job_id}-", dir=jobs))
            self._lock = os.open(folder.with_name(f"{folder.name}.{_LOCK}"), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._folder = folder
        return folder

    def _own_folder(self) -> Path:
        if self._folder is None:
            raise NodeRefusedError("the job was not laid out on this node")
        return self._folder

    def _drop_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.with_name(f"{self._folder.name}.{_LOCK}").unlink(missing_ok=True)
            os.close(self._lock)
        self._folder = None

    def _watch(self) -> None:
        """End all when the worker is silent: it is dead, or paused and has lost the job."""
        while not self._closed.wait(_LOOK_S):
            if time.monotonic() - self._heard >= self._demand.silence_s:
                self.close()
                os._exit(1)


def _node_id() -> str:
    """Return Ray's name of this node; "" where Ray does not run this, which it has loaded if it does."""
    ray: Any = sys.modules.get("ray")
    return str(ray.get_runtime_context().get_node_id()) if ray is not None and ray.is_initialized() else ""


def node_folder() -> Path:
    """Return this node's folder, made where it is not there yet.

    Raises:
        NodeRefusedError: it belongs to somebody else, or others can write there.
    """
    root = Path(os.environ.get("ASSAY_NODE_DATA") or Path.home() / ".cache" / "assay" / "node").absolute()
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = root.lstat()
    if facts.st_uid != os.geteuid() or not stat.S_ISDIR(facts.st_mode) or facts.st_mode & 0o077:
        raise NodeRefusedError(f"the folder {root} must be the user's own, closed to others")
    for name in ("cache", "environments", "jobs"):
        (root / name).mkdir(exist_ok=True, mode=0o700)
    return root


class _locked:  # noqa: N801 - it reads as a word in a with statement
    """Holds the lock of the folder of jobs, so that nobody sweeps what was made this moment."""

    def __init__(self, jobs: Path) -> None:
        self._path = jobs / "all.lock"

    def __enter__(self) -> None:
        self._file = self._path.open("wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _sweep(jobs: Path) -> None:
    """Remove what jobs left whose actors were killed: nobody holds their locks."""
    with _locked(jobs):
        for lock in jobs.glob(f"*-*.{_LOCK}"):
            with suppress(OSError), lock.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink()
