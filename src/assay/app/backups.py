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

SEAL: Final = "seal.key"


def back_up(settings: Settings, folder: Path, *, secrets: bool) -> BackedUp:
    """Copy the registry to a folder, beside a server that runs.

    Args:
        settings: of the registry.
        folder: where backups are kept.
        secrets: also the keys of the registry.

    Raises:
        ConflictError: another backup is being written to the folder.
        UnavailableError: no space, or a disk failed.
    """
    means, place = open_means(settings), BackupFolder(folder)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    try:
        with place.writing():
            if secrets and settings.seal_key.is_file():
                place.put_secret(SEAL, settings.seal_key.read_bytes())
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
        key = place.secret(SEAL) if manifest.secrets else None
        restoring = Restoring(means, place)
        restoring.check(manifest, accept_missing=accept_missing)
        if key is not None:
            # Before the records: once they are there, nothing is restored a second time.
            _write(settings.seal_key, key)
        return restoring.restore(manifest, accept_missing=accept_missing)
    finally:
        means.database.close()


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
