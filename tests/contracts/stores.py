"""Every store there is. A new one gets a line here; the suite does the rest, and none can opt out."""

import hashlib
from datetime import timedelta
from functools import partial

import obstore

import postgres
from assay.core.object_places import ObjectPlace
from assay.storage import LocalBlobs, SqlDatabase
from assay.storage.database import sqlite_url
from assay.storage.marks import MARK
from assay.storage.objects.blobs import ObjectBlobs
from assay.storage.objects.opening import Patience
from assay.storage.revision import create_schema
from emulators import running

IMPATIENT = Patience(retries=2, retry_s=10, first_pause_s=0.01)


def open_sqlite(root):
    """Open (or open again) a SQLite database under ``root``."""
    url = sqlite_url(root / "registry.db")
    create_schema(url)
    return SqlDatabase(url)


def open_postgresql(root):
    """Open (or open again) the PostgreSQL database that belongs to ``root``."""
    return SqlDatabase(postgres.database_for(root))


def open_local(root):
    """Open (or open again) a local blob store under ``root``."""
    return LocalBlobs(root / "blobs")


def place_of(kind, root):
    """Return the place in an emulator, which is started if need be, that stands for ``root``."""
    getattr(running, kind)()
    return ObjectPlace(kind, running.BUCKET, hashlib.sha256(str(root).encode()).hexdigest()[:24])


def open_objects(kind, root, **more):
    """Open (or open again) a blob store in an emulator that stands for ``root``."""
    return ObjectBlobs(place_of(kind, root), root / "copies", IMPATIENT, **more)


def listed(blobs):
    """Return the names and sizes of all that lies in a store, leftovers too."""
    if isinstance(blobs, LocalBlobs):
        found = (path for path in blobs._root.rglob("*") if path.is_file())
        return {str(path.relative_to(blobs._root)): path.stat().st_size for path in found}
    root = blobs._root
    pages = obstore.list(blobs._store, prefix=root.removesuffix("/"))
    return {each["path"].removeprefix(root): each["size"] for page in pages for each in page}


def overwrite(blobs, digest, content):
    """Put other bytes where those of a blob lie, past the store's own rules."""
    if isinstance(blobs, LocalBlobs):
        path = blobs._path(digest)
        path.chmod(0o644)
        path.write_bytes(content)
    else:
        obstore.put(blobs._store, blobs._key(digest), content)


def spoil_mark(blobs, content):
    """Put a mark into a store past the store's own rules, as a person would with other tools."""
    if isinstance(blobs, LocalBlobs):
        (blobs._root / MARK).write_bytes(content)
    else:
        obstore.put(blobs._store, blobs._root + MARK, content)


DATABASES = {"postgresql": open_postgresql, "sqlite": open_sqlite}
LATER = timedelta(days=3)
OBJECTS = {kind: partial(open_objects, kind) for kind in ("azure", "gcs", "s3")}
BLOBS = {"local": open_local, **OBJECTS}
