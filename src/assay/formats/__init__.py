"""Formats: recognise a file by its content, name its risk. Nothing here executes a file.

To add a format, write a module with a ``recognise`` function and add its line to
:mod:`assay.formats.catalogue`.
"""

from assay.formats.catalogue import (
    FORMATS,
    LOADABLE,
    find_entrypoint,
    recognise,
    recognise_files,
    worst,
)
from assay.formats.recognition import Danger, Recognition, Risk

__all__ = [
    "FORMATS",
    "LOADABLE",
    "Danger",
    "Recognition",
    "Risk",
    "find_entrypoint",
    "recognise",
    "recognise_files",
    "worst",
]
