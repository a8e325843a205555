"""Backups of the registry in a data folder, and the way back into a new one."""

import os
import socket
from pathlib import Path
from typing import Final

from assay.app.registry import open_means, open_unfounded
from assay.app.settings import Settings
from assay.core.ports.backups import BackupManifest
from assay.storage import BackupFolder
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
        UnavailableError: no space, or a disk failed; or the files are not the registry's own.
    """
    means, place = open_means(settings, founds=False, marks=False), BackupFolder(folder)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    try:
        with place.writing():
            for name, path in _keys(settings).items() if secrets else ():
                if path.is_file():
                    place.put_secret(name, path.read_bytes())
            return BackingUp(means, place, owner).back_up(secrets=secrets)
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
        keys = {name: place.secret(name) for name in _keys(settings)} if manifest.secrets else {}
        restoring = Restoring(means, place)
        restoring.check(manifest, accept_missing=accept_missing)
        for name, key in keys.items():
            if key is not None:
                # Before the records: once they are there, nothing is restored a second time.
                _write(_keys(settings)[name], key)
        return restoring.restore(manifest, accept_missing=accept_missing)
    finally:
        means.database.close()


def _keys(settings: Settings) -> dict[str, Path]:
    """Return the key files that are the registry's own, by the name that backups know them by."""
    own = {SEAL: settings.seal_key}
    return own if settings.audit_key is not None else own | {AUDIT: settings.audit_key_file}


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
