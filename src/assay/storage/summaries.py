"""Version summaries: the columns, and how rows become values."""

from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, RowMapping, Select, select, tuple_, type_coerce

from assay.core.digests import Digest
from assay.core.names import ModelName
from assay.core.promotions import Promotion, registration_of
from assay.core.search import VersionSummary
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.versions import Source
from assay.storage import tables as t
from assay.storage.stages import read_mark
from assay.storage.tables import instant_of
from assay.storage.words import Words, read_words, registration_requests
from assay.wire.codec import decode

v = t.versions.c
# Instants as the database keeps them, so that a row reads the same whichever way it was asked for.
_INSTANTS: Final = ("registered_at", "changed_at")
_NAMES: Final = (
    "model",
    "number",
    "major",
    "minor",
    "patch",
    "digest",
    "size_bytes",
    "format",
    "stage",
    "ungated",
    "registered_at",
    "registered_by",
    "description",
    "source",
    "run_id",
    "logged_model_id",
    "external",
    "changed_at",
)
_COLUMNS: Final = tuple(
    type_coerce(v[name], BigInteger).label(name) if name in _INSTANTS else v[name] for name in _NAMES
)
_IN_ORDER: Final = itemgetter(*_NAMES)
_CHUNK: Final = 200


def select_summaries() -> Select[Any]:
    """Select the summary columns of versions that were not deleted, as :func:`summary` reads them."""
    return select(*_COLUMNS).where(v.deleted_at.is_(None))


def summary(connection: Connection, row: Sequence[Any]) -> VersionSummary:
    """Complete one row of :func:`select_summaries`, as the driver gives it."""
    return _summary(row, read_words(connection, row[0], row[1]))


def summaries(connection: Connection, rows: Sequence[RowMapping]) -> tuple[VersionSummary, ...]:
    """Complete rows of :func:`select_summaries` with tags, labels, aliases, metrics and registration."""
    if len(rows) == 1:
        return (summary(connection, _IN_ORDER(rows[0])),)
    keys = [(row["model"], row["number"]) for row in rows]
    tags = _by_version(connection, t.tags, keys, "key", "value")
    labels = _by_version(connection, t.labels, keys, "label", "label")
    aliases = _by_version(connection, t.aliases, keys, "alias", "alias")
    metrics = _by_version(connection, t.metrics, keys, "name", "value")
    requests = _registrations(connection, keys)
    return tuple(
        _summary(
            _IN_ORDER(row),
            Words(tags[key], tuple(labels[key]), tuple(aliases[key]), metrics[key], tuple(requests[key])),
        )
        for key, row in zip(keys, rows, strict=True)
    )


def _summary(row: Sequence[Any], words: Words) -> VersionSummary:
    model, number, major, minor, patch, digest, size_bytes, form, stage, ungated, *rest = row
    registered_at, registered_by, description, source, run_id, logged_model_id, external, changed_at = rest
    return VersionSummary(
        model=ModelName(model),
        number=number,
        semver=SemVer(major, minor, patch),
        digest=Digest(digest),
        size_bytes=size_bytes,
        format=form,
        stage=Stage(stage),
        ungated=read_mark(ungated),
        registered_at=instant_of(registered_at),
        registered_by=registered_by,
        description=description,
        source=Source(source, run_id, logged_model_id),
        external=external,
        changed_at=instant_of(changed_at),
        registration=registration_of(words.requests, number),
        tags=words.tags,
        labels=words.labels,
        aliases=words.aliases,
        metrics=words.metrics,
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
        query = registration_requests().where(
            c.model.in_(sorted({model for model, _ in chunk})),
            c.number.in_(sorted({number for _, number in chunk})),
        )
        for model, number, document in connection.execute(query.order_by(c.requested_at.desc(), c.id.desc())):
            found[(model, number)].append(decode(document, Promotion))
    return found
