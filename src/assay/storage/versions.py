"""Versions in SQL."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    String,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.names import LATEST, STAGE_ALIASES, Address, ModelName
from assay.core.quotas import owners_of
from assay.core.search import VersionSummary
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.versions import Version
from assay.storage import tables as t
from assay.storage.engines import by_itself
from assay.storage.prepared import Prepared
from assay.storage.quotas import count_version, release_size
from assay.storage.stages import read_mark, write_mark
from assay.storage.summaries import select_summaries, summary
from assay.storage.tables import instant_of, microseconds_of
from assay.storage.uses import name_version, release_version
from assay.storage.words import add_metrics, add_words, adding, read_words, write_words
from assay.wire.codec import decode, encode

v = t.versions.c
_PARTS: Final = ("major", "minor", "patch")
_GREATEST: Final = tuple(v[name].desc() for name in _PARTS)


class SqlVersions:
    """Implements ``core.ports.Versions``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, version: Version) -> None:
        """Store a new version in stage Development.

        Raises:
            ConflictError: number or semantic version was given before, also to a deleted one.
            RefusedError: it is more than a quota allows; the transaction must end.
        """
        frozen = replace(
            version, stage=Stage.DEVELOPMENT, ungated=(), description="", tags={}, labels=(), aliases=()
        )
        frozen = replace(frozen, changed_at=None)
        values = {
            "model": version.model,
            "number": version.number,
            "major": version.semver.major,
            "minor": version.semver.minor,
            "patch": version.semver.patch,
            "digest": version.digest,
            "size_bytes": version.size_bytes,
            "format": version.format,
            "stage": Stage.DEVELOPMENT.value,
            "stage_since": microseconds_of(version.registered_at),
            "ungated": write_mark(()),
            "registered_at": microseconds_of(version.registered_at),
            "registered_by": version.registered_by,
            "description": version.description,
            "source": version.source.uri,
            "run_id": version.source.run_id,
            "logged_model_id": version.source.logged_model_id,
            "external": version.external,
            "changed_at": microseconds_of(version.registered_at),
            "document": encode(frozen).decode(),
        }
        try:
            with by_itself(self._connection):
                _ADD.run(self._connection, **values)
        except IntegrityError as error:
            message = f"{version.address} or number {version.number} was given before"
            raise ConflictError(message, hint="register as auto") from error
        count_version(self._connection, version)
        name_version(self._connection, version)
        add_words(self._connection, version.model, version.number, version.tags, version.labels)
        place = {"model": version.model, "number": version.number, "measured": False}
        metrics = version.provenance.metrics
        add_metrics(self._connection, [{**place, "name": name, "value": metrics[name]} for name in metrics])

    def resolve(self, address: Address) -> VersionSummary | None:
        """Find by semantic version, number, or alias (see the port)."""
        statement, asked = _sought(address)
        row = statement.first(self._connection, model=address.model, **asked)
        return None if row is None else summary(self._connection, row)

    def get(self, model: ModelName, number: int) -> Version | None:
        """Return everything known of one version."""
        return self._one(_GET.first(self._connection, model=model, number=number))

    def newest(self, model: ModelName) -> Version | None:
        """Return the version with the greatest semantic version."""
        return self._one(_NEWEST.first(self._connection, model=model))

    def highest(self, model: ModelName) -> tuple[int, SemVer | None]:
        """Return the greatest number (0 for none) and semantic version ever given, deleted included."""
        number = _HIGHEST.first(self._connection, model=model)
        row = _GREATEST_EVER.first(self._connection, model=model)
        return (number[0] if number else None) or 0, SemVer(*row) if row else None

    def annotate(self, version: Version) -> None:
        """Replace description, tags and labels, and when it changed."""
        change = {
            "description": version.description,
            "changed_at": version.changed_at or version.registered_at,
        }
        place = (v.model == version.model, v.number == version.number)
        self._connection.execute(update(t.versions).where(*place), change)
        write_words(self._connection, version.model, version.number, version.tags, version.labels)

    def delete(self, model: ModelName, number: int, at: datetime) -> None:
        """Hide a version for ever; its number and semantic version stay taken, its aliases go."""
        release_version(self._connection, model, number)
        a = t.aliases.c
        self._connection.execute(delete(t.aliases).where(a.model == model, a.number == number))
        place = (v.model == model, v.number == number, v.deleted_at.is_(None))
        change = {"deleted_at": at, "stage": Stage.ARCHIVED.value, "ungated": write_mark(())}
        hidden = update(t.versions).where(*place).values(**change).returning(v.size_bytes)
        size_bytes = self._connection.execute(hidden).scalar()
        if size_bytes:
            release_size(self._connection, owners_of(model), size_bytes)

    def _one(self, row: tuple[Any, ...] | None) -> Version | None:
        if row is None:
            return None
        document, stage, stage_since, ungated, changed_at, description = row
        frozen = decode(document, Version)
        words = read_words(self._connection, frozen.model, frozen.number)
        return replace(
            frozen,
            stage=Stage(stage),
            stage_since=instant_of(stage_since),
            ungated=read_mark(ungated),
            changed_at=instant_of(changed_at),
            description=description,
            tags=words.tags,
            labels=words.labels,
            aliases=words.aliases,
        )


def _sought(address: Address) -> tuple[Prepared, dict[str, Any]]:
    """Return the question that finds the version at an address, and what it asks for beside the model."""
    if address.number is not None:
        return _BY_NUMBER, {"number": address.number}
    if address.semver is not None:
        semver = address.semver
        return _BY_SEMVER, {"major": semver.major, "minor": semver.minor, "patch": semver.patch}
    if address.alias == LATEST:
        return _LATEST, {}
    if address.alias in STAGE_ALIASES:
        return _BY_STAGE, {"alias": address.alias, "stage": STAGE_ALIASES[address.alias].value}
    return _BY_ALIAS, {"alias": address.alias}


def _first(query: Select[Any], *order: Any) -> Prepared:
    """Return the question for the first row in an order."""
    return Prepared(query.order_by(*order).limit(literal_column("1")).offset(literal_column("0")))


_MODEL: Final = bindparam("model", type_=String())
_NUMBER: Final = bindparam("number", type_=Integer())
_ALIAS: Final = bindparam("alias", type_=String())
_THERE: Final = select(v.document, v.stage, v.stage_since, v.ungated, v.changed_at, v.description).where(
    v.model == _MODEL, v.deleted_at.is_(None)
)
_ADD: Final = adding(t.versions, "id", "deleted_at")
_GET: Final = Prepared(_THERE.where(v.number == _NUMBER))
_NEWEST: Final = _first(_THERE, *_GREATEST)
_HIGHEST: Final = Prepared(select(func.max(v.number)).where(v.model == _MODEL))
_GREATEST_EVER: Final = _first(select(v.major, v.minor, v.patch).where(v.model == _MODEL), *_GREATEST)
_OF_MODEL: Final = select_summaries().where(v.model == _MODEL)
_BY_NUMBER: Final = Prepared(_OF_MODEL.where(v.number == _NUMBER))
_BY_SEMVER: Final = Prepared(
    _OF_MODEL.where(*(v[name] == bindparam(name, type_=Integer()) for name in _PARTS))
)
_LATEST: Final = _first(_OF_MODEL, *_GREATEST)
_POINTED_AT: Final = (
    select(t.aliases.c.number)
    .where(t.aliases.c.model == _MODEL, t.aliases.c.alias == _ALIAS)
    .scalar_subquery()
)
# Of a prompt the name of a stage can be set as an alias, which then counts.
_BY_STAGE: Final = _first(
    _OF_MODEL.where(or_(v.stage == bindparam("stage", type_=String()), v.number == _POINTED_AT)),
    case((v.number == _POINTED_AT, literal_column("0")), else_=literal_column("1")),
    v.stage_since.desc(),
    v.id.desc(),
)
_BY_ALIAS: Final = Prepared(_OF_MODEL.where(v.number == _POINTED_AT))
