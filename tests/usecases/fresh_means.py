"""A new registry in a folder: real database, real blobs; nothing leaves it but by the post office."""

from assay.storage import FileSeal, FileSigner, LocalBlobs, SqlDatabase
from assay.storage.database import sqlite_url
from assay.storage.revision import create_schema
from assay.usecases.founding import found
from assay.usecases.means import Means
from assay.usecases.own_store import settle_store
from usecases.post_office import PostOffice


def empty_means(root, clock, chance):
    """Return the means of a registry that holds nothing at all."""
    url = sqlite_url(root / "r.db")
    create_schema(url)
    blobs, seal = LocalBlobs(root / "blobs"), FileSeal(root / "seal.key")
    database, signer = SqlDatabase(url, clock=clock), FileSigner(root / "audit.key")
    return Means(database, blobs, clock, chance, PostOffice(), seal, signer)


def fresh_means(root, clock, chance):
    """Return the means of a registry that was just founded."""
    means = empty_means(root, clock, chance)
    found(means)
    settle_store(means, marks=True)
    return means
