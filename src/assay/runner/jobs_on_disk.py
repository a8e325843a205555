"""The folder through which a worker and the process that runs one job speak.

::

    <folder>/job.json          Assignment: the job, the version, where its data files are
    <folder>/files/...         the version's files, copied out of the blob store and verified
    <folder>/scratch/          for the check and its sandbox
    <folder>/attachments/      reports, named by the hex of their digest
    <folder>/result.json       Measurement

The job process touches neither the database nor the blob store.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assay.core.jobs import Job
from assay.core.provenance import DataReference
from assay.core.versions import Version

JOB: Final = "job.json"
RESULT: Final = "result.json"
FILES: Final = "files"
SCRATCH: Final = "scratch"
ATTACHMENTS: Final = "attachments"


@dataclass(frozen=True, slots=True)
class PlacedData:
    """A data reference and the local path of its bytes; "" when the registry does not have them."""

    reference: DataReference
    path: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Everything the job process needs to know.

    Attributes:
        environments: folder in which model environments are kept.
        worker: name of the worker.
    """

    job: Job
    version: Version
    data: tuple[PlacedData, ...]
    environments: str
    worker: str


def attachment_path(folder: Path, hex_digest: str) -> Path:
    """Return where an attachment lies."""
    return folder / ATTACHMENTS / hex_digest
