"""Run one job: ``python -m assay.runner.job FOLDER``.

A process of its own, so that heavy libraries and their memory go away with it, and so that a check
that crashes takes nothing along. It ends when its worker ends: its standard input then closes.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from assay import __version__
from assay.checks.catalogue import CHECKS
from assay.core.digests import digest_of
from assay.core.errors import AssayError
from assay.core.evidence import Attachment, Measurement
from assay.core.measuring import CheckCase, DataFile, ModelProblem
from assay.core.provenance import DataRole
from assay.runner.environments import Environments
from assay.runner.host import Limits, SandboxHost
from assay.runner.jobs_on_disk import FILES, JOB, RESULT, SCRATCH, Assignment, attachment_path
from assay.wire.codec import decode, encode


def run(folder: Path) -> Measurement:
    """Do what ``job.json`` says and return what was measured; a failure is a ``problem``."""
    assignment = decode((folder / JOB).read_bytes(), Assignment)
    files, scratch = folder / FILES, folder / SCRATCH

    def attach(name: str, content: bytes, media_type: str) -> Attachment:
        digest = digest_of(content)
        attachment_path(folder, digest.hex).write_bytes(content)
        return Attachment(name, digest, len(content), media_type)

    host = SandboxHost(
        assignment.version, files, Environments(Path(assignment.environments)), scratch / "sandbox", Limits()
    )
    check_scratch = scratch / "check"
    check_scratch.mkdir(parents=True, exist_ok=True)
    case = CheckCase(
        version=assignment.version,
        settings=assignment.job.settings,
        files=files,
        data=_by_role(assignment),
        scratch=check_scratch,
        host=host,
        attach=attach,
    )
    try:
        measurement = CHECKS[assignment.job.check].measure(case)
    except (AssayError, ModelProblem, OSError, MemoryError) as error:
        measurement = Measurement(problem=f"the check could not run: {error}")
    environment = {**measurement.environment, "assay": __version__}
    return replace(measurement, environment=environment)


def _by_role(assignment: Assignment) -> Mapping[DataRole, tuple[DataFile, ...]]:
    placed: dict[DataRole, tuple[DataFile, ...]] = {}
    for each in assignment.data:
        file = DataFile(each.reference, Path(each.path) if each.path else None)
        placed[each.reference.role] = (*placed.get(each.reference.role, ()), file)
    return placed


def _die_with_worker() -> None:
    """Wait for the end of standard input, then end this process group."""
    while os.read(0, 1):  # unbuffered: a buffered reader's lock would outlive the interpreter
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Run the job in the folder named on the command line."""
    folder = Path(sys.argv[1])
    threading.Thread(target=_die_with_worker, daemon=True).start()
    result = folder / RESULT
    partial = result.with_suffix(".part")
    partial.write_bytes(encode(run(folder)))
    partial.rename(result)


if __name__ == "__main__":
    main()
