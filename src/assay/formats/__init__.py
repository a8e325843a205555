"""Formats: recognise a file by its content and name its risk. Nothing here executes a file.

To add a format, write a module with a ``look`` function and add its line to
:mod:`assay.formats.catalogue`.
"""

from assay.formats.catalogue import FORMATS, LOADABLE
from assay.formats.recognising import (
    find_entrypoint,
    judge_together,
    recognise,
    recognise_files,
    version_risk,
)
from assay.formats.sample import (
    REGISTERING,
    RISKS,
    SCANNING,
    UNCLASSIFIED,
    Budget,
    Concern,
    Format,
    Recognition,
    worst_risk,
)

__all__ = [
    "FORMATS",
    "LOADABLE",
    "REGISTERING",
    "RISKS",
    "SCANNING",
    "UNCLASSIFIED",
    "Budget",
    "Concern",
    "Format",
    "Recognition",
    "find_entrypoint",
    "judge_together",
    "recognise",
    "recognise_files",
    "version_risk",
    "worst_risk",
]
