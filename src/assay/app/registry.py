"""The registry in a data folder: database, blobs and use cases, without a server."""

import importlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assay.app.late_issuers import LateIssuers
from assay.app.post import HttpsPost
from assay.app.server_address import reached_at
from assay.app.settings import DATABASE_FILE, Settings, as_environment
from assay.app.system import SystemChance, SystemClock
from assay.core.errors import AssayError, NotFoundError, UnavailableError
from assay.core.ports import Blobs
from assay.storage import FileSeal, FileSigner, LocalBlobs, SqlDatabase
from assay.storage.looking import DatabaseLook, look_at
from assay.storage.revision import create_schema, needs_upgrade
from assay.usecases.bundle import UseCases
from assay.usecases.founding import found
from assay.usecases.means import Means
from assay.usecases.own_store import settle_store
from assay.usecases.registry_keys import settle_keys


def open_means(settings: Settings, *, serves: bool = False, founds: bool = True, marks: bool = True) -> Means:
    """Open database and blobs, bringing the schema up to date and founding a new registry.

    Only servers need the registry's keys. Other processes beside PostgreSQL make none; with SQLite the
    data folder is the registry's own, and so are the keys in it. The store of an older registry is marked
    as its own by who works with it, but by who only looks after it no other than that in its data folder.

    Args:
        settings: of the operator.
        serves: the process needs the registry's keys.
        founds: where there is no registry, one is made.
        marks: a store that nobody marked is marked, if it can be the registry's.

    Raises:
        BadInputError: the address of the database is none.
        NotFoundError: there is no registry, and none is to be made.
        UnavailableError: the folder or the database cannot be used, or holds a newer schema; or an older
            one in PostgreSQL, which only ``assay migrate`` changes; or a server has not got its keys; or
            the store is not the registry's own.
    """
    if not founds:
        check_there(settings)
    means = open_unfounded(settings)
    try:
        found(means)
        settle_store(
            means,
            marks=marks or not (settings.database or settings.blobs),
            where=f" (records in {settings.database_shown}, files in {settings.blobs_at})",
        )
        if serves:
            settle_keys(means)
        elif not settings.database:
            with suppress(UnavailableError):  # whoever needs a key is told when it is used
                settle_keys(means)
    except AssayError:
        means.database.close()
        raise
    return means


def check_there(settings: Settings) -> None:
    """See that there is a registry, without making a file or a folder.

    Raises:
        BadInputError: the address of the database is none.
        NotFoundError: there is none where the settings say.
        UnavailableError: the database cannot be reached, or its tables are of something else.
    """
    place = settings.database_shown if settings.database else str(settings.data)
    # Asking for it would make SQLite's file.
    is_there = bool(settings.database) or os.path.exists(settings.data / DATABASE_FILE)  # noqa: PTH110
    if not is_there or not look_at_database(settings).schema:
        hint = "name its data directory (--data) and, where it has one, its database (ASSAY_DATABASE); "
        hint += "assay serve and assay migrate make a new one"
        raise NotFoundError(f"there is no registry in {place}", hint=hint)


def open_unfounded(settings: Settings) -> Means:
    """Do as :func:`open_means`, but leave a new registry without a single row.

    Raises:
        UnavailableError: the folder cannot be used, or holds a newer schema.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.data.chmod(stat.S_IRWXU)
    except OSError as error:
        raise UnavailableError(f"the data folder {settings.data} cannot be used: {error.strerror}") from error
    url = settings.database_url
    if needs_upgrade(url) and not create_schema(url):
        if settings.database:
            raise UnavailableError(
                "the database has an older schema than this program needs",
                hint="run assay migrate (or assay migrate --pre while older servers go on)",
            )
        _upgrade_elsewhere(settings)
    return Means(
        SqlDatabase(url),
        open_blobs(settings),
        SystemClock(),
        SystemChance(),
        HttpsPost(settings.webhook_hosts),
        FileSeal(settings.seal_key, makes=False),
        FileSigner(settings.audit_key_file, makes=False, named=settings.audit_key is not None),
        issuers=LateIssuers(),
        sign_in=reached_at(settings),
    )


def look_at_database(settings: Settings) -> DatabaseLook:
    """Return what an operator should know of the database that the settings name.

    Raises:
        BadInputError: the address of the database is none.
        UnavailableError: it cannot be reached, or its tables are of something else.
    """
    return look_at(settings.database_url)


def open_blobs(settings: Settings) -> Blobs:
    """Open the store of bytes that the settings name.

    Raises:
        BadInputError: the setting, or the environment of its provider, cannot be used.
        UnavailableError: the folder or bucket cannot be used, or what speaks to object stores is missing.
    """
    place = settings.blobs_at
    if isinstance(place, Path):
        return LocalBlobs(place)
    try:
        importlib.import_module("obstore")
    except ImportError:
        words = f"the blobs in {place} cannot be reached without the package obstore"
        raise UnavailableError(words, hint="pip install 'obstore>=0.8,<0.13'") from None
    stores = importlib.import_module("assay.storage.objects.blobs")
    opened: Blobs = stores.ObjectBlobs(place, settings.data / "blob-copies")
    return opened


@contextmanager
def open_registry(settings: Settings, *, founds: bool = True) -> Iterator[UseCases]:
    """Open the use cases for the length of a block.

    Args:
        settings: of the operator.
        founds: where there is no registry, one is made.

    Raises:
        NotFoundError: there is no registry, and none is to be made.
        UnavailableError: the folder cannot be used, or holds a newer schema.
    """
    means = open_means(settings, founds=founds, marks=founds)
    try:
        yield UseCases.over(means)
    finally:
        means.database.close()


def _upgrade_elsewhere(settings: Settings) -> None:
    """Migrate in a process of its own, so that the migration tool does not stay in this one."""
    words = [sys.executable, "-m", "assay.app.upgrade"]
    environment = as_environment(settings, os.environ)
    done = subprocess.run(  # noqa: S603 - our own program
        words, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise UnavailableError(
            done.stderr.strip().splitlines()[-1] if done.stderr else "the migration failed"
        )
