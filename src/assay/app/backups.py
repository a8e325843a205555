"""Backups of the registry in a data folder, and the way back into a new one."""

import os
import socket
from pathlib import Path
from typing import Final

from assay.app.registry import open_means, open_unfounded
from assay.app.settings import Settings
from assay.core.errors import BadInputError, UnavailableError
from assay.core.ports.backups import BackupManifest
from assay.storage import BackupFolder
from assay.storage.secret_files import make_secret_file
from assay.usecases.backing_up import BackedUp, BackingUp, Restoring, read_manifest

# What the registry's secrets are sealed with, and what heads of its audit log are signed with.
SEAL: Final = "seal.key"
AUDIT: Final = "audit.key"


def back_up(settings: Settings, folder: Path, *, secrets: bool) -> BackedUp:
    """Copy the registry to a folder, beside a server that runs.

    Args:
        settings: of the registry.
        folder: where backups are kept.
        secrets: also the keys of the registry.

    Raises:
        ConflictError: another backup is being written to the folder.
        NotFoundError: there is no registry.
        UnavailableError: no space, or a disk failed; or the registry's keys are not in the data folder; or
            the files are not the registry's own.
    """
    # With secrets only the registry's own keys will do: others would make a backup that cannot be used.
    means = open_means(settings, serves=secrets, founds=False, marks=False)
    place = BackupFolder(folder)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    try:
        with place.writing():
            own = _keys(settings) if secrets else {}
            keys = tuple(place.put_key(name, _read(path)) for name, path in own.items())
            return BackingUp(means, place, owner).back_up(secrets=secrets, keys=keys)
    finally:
        means.database.close()


def restore(settings: Settings, folder: Path, *, accept_missing: bool) -> BackupManifest:
    """Bring a backup back into a data folder that holds no registry.

    Args:
        settings: of the registry to make.
        folder: where backups are kept.
        accept_missing: also what lacked blobs when it was copied.

    Raises:
        BadInputError: the backup is incomplete or was altered.
        ConflictError: the data folder holds a registry.
        UnavailableError: no space, or a disk failed.
    """
    place = BackupFolder(folder)
    manifest = read_manifest(place)
    means = open_unfounded(settings)
    try:
        keys = _kept_keys(settings, place, manifest)
        restoring = Restoring(means, place)
        restoring.check(manifest, accept_missing=accept_missing)
        for name, key in keys.items():
            # Before the records: once they are there, nothing is restored a second time.
            make_secret_file(_keys(settings)[name], key, replaces=True)
        return restoring.restore(manifest, accept_missing=accept_missing)
    finally:
        means.database.close()


def _keys(settings: Settings) -> dict[str, Path]:
    """Return the key files that are the registry's own, by the name that backups know them by."""
    own = {SEAL: settings.seal_key}
    return own if settings.audit_key is not None else own | {AUDIT: settings.audit_key_file}


def _kept_keys(settings: Settings, place: BackupFolder, manifest: BackupManifest) -> dict[str, bytes]:
    """Return the keys that a backup has for this registry.

    Raises:
        BadInputError: one is not there, or was altered.
    """
    if manifest.secrets and SEAL not in {each.name for each in manifest.keys}:
        raise BadInputError.of("manifest.json", f"must name {SEAL}, as the backup was made with the keys")
    own = _keys(settings)
    return {each.name: place.key(each) for each in manifest.keys if each.name in own}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnavailableError(f"the key file {path.name} cannot be read: {error.strerror}") from error
