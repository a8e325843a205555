# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""Working on a data directory itself, for the first steps of an operator who has no server yet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.core.access import Caller
    from assay.usecases.access import Access
    from assay.usecases.bundle import UseCases
    from assay.usecases.people import People


@contextmanager
def local_access(directory: str) -> "Iterator[tuple[Access, Caller]]":
    """Open the registry in ``directory`` and act as whoever sits at this machine.

    Raises:
        AssayError: the directory cannot be used, or ``local`` was disabled.
    """
    with _opened(directory) as use:
        yield use.access, use.access.local()


@contextmanager
def local_people(directory: str) -> "Iterator[tuple[People, Caller]]":
    """Do the same for passwords.

    Raises:
        AssayError: the directory cannot be used, or ``local`` was disabled.
    """
    with _opened(directory) as use:
        yield use.people, use.access.local()


@contextmanager
def local_use(directory: str) -> "Iterator[tuple[UseCases, Caller]]":
    """Do the same for everything else.

    Raises:
        AssayError: the directory cannot be used, or ``local`` was disabled.
    """
    with _opened(directory) as use:
        yield use, use.access.local()


@contextmanager
def _opened(directory: str) -> "Iterator[UseCases]":
    from assay.app import open_registry, read_settings

    with open_registry(read_settings(os.environ, data=Path(directory))) as use:
        yield use
