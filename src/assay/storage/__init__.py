"""Where records and blobs live: SQL tables and a content-addressed store behind ``core.ports``.

SQLAlchemy Core only, one text for every dialect. Nobody but ``app`` imports this room.
"""

from assay.storage.backup_folder import BackupFolder
from assay.storage.blobs import LocalBlobs
from assay.storage.database import SqlDatabase
from assay.storage.sealing import FileSeal
from assay.storage.signing import FileSigner

__all__ = ["BackupFolder", "FileSeal", "FileSigner", "LocalBlobs", "SqlDatabase"]
