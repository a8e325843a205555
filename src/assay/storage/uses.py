"""What names stored bytes: written with each version and each piece of evidence, in the same transaction.

Bytes that something here names, or a file of the tree, are never collected. So this is written where
versions and evidence are, below every use case: none can forget it.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, delete

from assay.core.digests import Digest
from assay.core.evidence import Evidence
from assay.core.names import ModelName
from assay.core.versions import Version
from assay.storage import blob_tables as t
from assay.storage.upserts import insert_missing


def name_version(connection: Connection, version: Version) -> None:
    """Note the files of a version, and the data it declares, which may or may not be stored."""
    of = f"{version.model}/{version.number}"
    _name(connection, f"version:{of}", (each.digest for each in version.files))
    _name(connection, f"data:{of}", (each.digest for each in version.provenance.data))


def release_version(connection: Connection, model: ModelName, number: int) -> None:
    """Forget what a version named; evidence about it stays, with what is attached to it."""
    users = [f"version:{model}/{number}", f"data:{model}/{number}"]
    connection.execute(delete(t.blob_uses).where(t.blob_uses.c.named_by.in_(users)))


def name_evidence(connection: Connection, evidence: Evidence, digest: Digest) -> None:
    """Note what is attached to evidence."""
    _name(connection, f"evidence:{digest}", (each.digest for each in evidence.measurement.attachments))


def _name(connection: Connection, user: str, digests: Iterable[Digest]) -> None:
    rows = [{"digest": each, "named_by": user} for each in sorted(set(digests))]
    insert_missing(connection, t.blob_uses, rows)
