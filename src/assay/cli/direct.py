# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""Working on a data directory itself, for the first steps of an operator who has no server yet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.app import Settings
    from assay.core.access import Caller
    from assay.usecases.access import Access
    from assay.usecases.bundle import UseCases
    from assay.usecases.people import People


@contextmanager
def local_access(directory: str) -> "Iterator[tuple[Access, Caller]]":
    """Open the registry in ``directory`` and act as whoever sits at this machine.

    Raises:
        AssayError: there is no registry, the directory cannot be used, or ``local`` was disabled.
    """
    with _opened(directory) as use:
        yield use.access, use.access.local()


@contextmanager
def local_people(directory: str) -> "Iterator[tuple[People, Caller]]":
    """Do the same for passwords.

    Raises:
        AssayError: there is no registry, the directory cannot be used, or ``local`` was disabled.
    """
    with _opened(directory) as use:
        yield use.people, use.access.local()


@contextmanager
def local_use(settings: "Settings") -> "Iterator[tuple[UseCases, Caller]]":
    """Do the same for everything else, with the registry that the settings name.

    Raises:
        AssayError: there is no registry, it cannot be used, or ``local`` was disabled.
    """
    from assay.app import open_registry

    with open_registry(settings, founds=False) as use:
        yield use, use.access.local()


def settings_of(data: str, database: str, blobs: str) -> "Settings":
    """Return the settings with what was given on the command line.

    Raises:
        BadInputError: a value cannot be used.
    """
    from assay.app import read_settings

    return read_settings(os.environ, data=data or None, database=database or None, blobs=blobs or None)


@contextmanager
def _opened(directory: str) -> "Iterator[UseCases]":
    from assay.app import open_registry

    with open_registry(settings_of(directory, "", ""), founds=False) as use:
        yield use
