"""Version summaries: the columns, and how rows become values."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select, tuple_

from assay.core.digests import Digest
from assay.core.names import ModelName
from assay.core.promotions import Promotion, registration_of
from assay.core.search import VersionSummary
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.versions import Source
from assay.storage import tables as t
from assay.storage.stages import read_mark
from assay.wire.codec import decode, encode

v = t.versions.c
_COLUMNS = (
    v.id,
    v.model,
    v.number,
    v.major,
    v.minor,
    v.patch,
    v.digest,
    v.size_bytes,
    v.format,
    v.stage,
    v.ungated,
    v.registered_at,
    v.registered_by,
    v.description,
    v.source,
    v.run_id,
    v.logged_model_id,
    v.external,
    v.changed_at,
)
_CHUNK = 200
# How the document of a request reads that judges a registration; whether it does, the request says itself.
_REGISTERS = f'"target":{encode(Stage.DEVELOPMENT).decode()}'


def select_summaries() -> Select[Any]:
    """Select the summary columns of versions that were not deleted."""
    return select(*_COLUMNS).where(v.deleted_at.is_(None))


def summaries(connection: Connection, rows: Sequence[RowMapping]) -> tuple[VersionSummary, ...]:
    """Complete rows of :func:`select_summaries` with tags, labels, aliases, metrics and registration."""
    if not rows:
        return ()
    keys = [(row["model"], row["number"]) for row in rows]
    tags = _by_version(connection, t.tags, keys, "key", "value")
    labels = _by_version(connection, t.labels, keys, "label", "label")
    aliases = _by_version(connection, t.aliases, keys, "alias", "alias")
    metrics = _by_version(connection, t.metrics, keys, "name", "value")
    requests = _registrations(connection, keys)
    return tuple(
        VersionSummary(
            model=ModelName(row["model"]),
            number=row["number"],
            semver=SemVer(row["major"], row["minor"], row["patch"]),
            digest=Digest(row["digest"]),
            size_bytes=row["size_bytes"],
            format=row["format"],
            stage=Stage(row["stage"]),
            ungated=read_mark(row["ungated"]),
            registered_at=row["registered_at"],
            registered_by=row["registered_by"],
            description=row["description"],
            source=Source(row["source"], row["run_id"], row["logged_model_id"]),
            external=row["external"],
            changed_at=row["changed_at"],
            registration=registration_of(requests[key], row["number"]),
            tags=tags[key],
            labels=tuple(labels[key]),
            aliases=tuple(aliases[key]),
            metrics=metrics[key],
        )
        for key, row in zip(keys, rows, strict=True)
    )


def _by_version(
    connection: Connection, table: Any, keys: Sequence[tuple[str, int]], name: str, value: str
) -> dict[tuple[str, int], dict[str, Any]]:
    found: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    c = table.c
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        if len(chunk) == 1:
            query = select(c.model, c.number, c[name], c[value]).where(
                c.model == chunk[0][0], c.number == chunk[0][1]
            )
        else:
            query = select(c.model, c.number, c[name], c[value]).where(tuple_(c.model, c.number).in_(chunk))
        for model, number, key, item in connection.execute(query.order_by(c[name])):
            found[(model, number)][key] = item
    return found


def _registrations(
    connection: Connection, keys: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], list[Promotion]]:
    """Return the requests that judge the registration of these versions, newest first; most have none."""
    found: dict[tuple[str, int], list[Promotion]] = defaultdict(list)
    c = t.promotions.c
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        query = select(c.model, c.number, c.document).where(
            c.model.in_(sorted({model for model, _ in chunk})),
            c.number.in_(sorted({number for _, number in chunk})),
            c.document.contains(_REGISTERS, autoescape=True),
        )
        for model, number, document in connection.execute(query.order_by(c.requested_at.desc(), c.id.desc())):
            found[(model, number)].append(decode(document, Promotion))
    return found
