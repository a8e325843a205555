"""A new registry in a folder: real database, real blobs; nothing leaves it but by the post office."""

import postgres
from assay.storage import FileSeal, FileSigner, LocalBlobs, SqlDatabase
from assay.storage.database import sqlite_url
from assay.storage.revision import create_schema
from assay.usecases.founding import found
from assay.usecases.means import Means
from assay.usecases.own_store import settle_store
from contracts.stores import BLOBS
from usecases.post_office import PostOffice


def empty_means(root, clock, chance, stores=("sqlite", "local")):
    """Return the means of a registry that holds nothing at all, over a database and a blob store."""
    kind, where = stores
    url = sqlite_url(root / "r.db") if kind == "sqlite" else postgres.database_for(root)
    create_schema(url)
    blobs = LocalBlobs(root / "blobs") if where == "local" else BLOBS[where](root)
    seal = FileSeal(root / "seal.key")
    database, signer = SqlDatabase(url, clock=clock), FileSigner(root / "audit.key")
    return Means(database, blobs, clock, chance, PostOffice(), seal, signer)


def fresh_means(root, clock, chance, stores=("sqlite", "local")):
    """Return the means of a registry that was just founded."""
    means = empty_means(root, clock, chance, stores)
    found(means)
    settle_store(means, marks=True)
    return means
