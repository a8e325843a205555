"""The process that runs one job, and the folder it finds its work in: the same on a worker and on a node.

Whoever starts it ends it with everything that it started; when its starter dies it ends by itself, because
its standard input closes.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from assay.core.digests import Digest
from assay.core.evidence import Attachment, Measurement
from assay.core.versions import Version
from assay.runner.jobs_on_disk import ATTACHMENTS, FILES, JOB, RESULT, SCRATCH, Assignment, attachment_path
from assay.wire.codec import decode, encode

MAX_RESULT_BYTES: Final = 64 * 1024 * 1024
CHUNK_BYTES: Final = 1 << 20
_STDERR: Final = "stderr"
_SAID_BYTES: Final = 4000
Reading = Callable[[Digest], Iterable[bytes]]


def lay_out(folder: Path, version: Version, read: Reading) -> None:
    """Make the folders of a job and put the version's files there, copied: a model must not reach a store.

    Args:
        folder: an empty folder.
        version: whose files.
        read: gives the verified bytes of a digest; what it raises is passed on.
    """
    for name in (FILES, SCRATCH, ATTACHMENTS):
        (folder / name).mkdir()
    for entry in version.files:
        target = folder / FILES / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for chunk in read(entry.digest):
                file.write(chunk)
        target.chmod(0o444)


def assign(folder: Path, assignment: Assignment) -> None:
    """Write down what is to be done in a folder that was laid out."""
    (folder / JOB).write_bytes(encode(assignment))


class JobProcess:
    """A running job. Close it; leaving the ``with`` block ends it with everything it started."""

    def __init__(self, folder: Path) -> None:
        """Start it on a folder that was laid out and assigned."""
        self._folder = folder
        with (folder / _STDERR).open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "assay.runner.job", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def __enter__(self) -> "JobProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_running(self) -> bool:
        """Whether it still measures."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it and everything it started. May be called again."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def result(self) -> Measurement:
        """Return what was measured, once it has ended; a process that failed is a problem."""
        result = self._folder / RESULT
        if self._process.returncode != 0 or not result.exists():
            said = (self._folder / _STDERR).read_bytes()[-_SAID_BYTES:].decode("utf-8", "replace")
            text = f"the check's process ended with {self._process.returncode}: {said}".strip()
            return Measurement(problem=text)
        if result.stat().st_size > MAX_RESULT_BYTES:
            return Measurement(problem=f"the check's result is larger than {MAX_RESULT_BYTES} bytes")
        return decode(result.read_bytes(), Measurement)


def read_attachment(folder: Path, attachment: Attachment) -> Iterator[bytes]:
    """Yield the bytes of a report that the job left in its folder."""
    with attachment_path(folder, attachment.digest.hex).open("rb") as file:
        yield from iter(lambda: file.read(CHUNK_BYTES), b"")
