"""Versions in SQL."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.names import LATEST, STAGE_ALIASES, Address, ModelName
from assay.core.search import VersionSummary
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.versions import Version
from assay.storage import tables as t
from assay.storage.rows import read_labels, read_tags, write_words
from assay.storage.stages import read_mark, write_mark
from assay.storage.summaries import select_summaries, summaries
from assay.storage.uses import name_version, release_version
from assay.wire.codec import decode, encode

v = t.versions.c
_GREATEST: Final = (v.major.desc(), v.minor.desc(), v.patch.desc())


class SqlVersions:
    """Implements ``core.ports.Versions``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, version: Version) -> None:
        """Store a new version in stage Development.

        Raises:
            ConflictError: number or semantic version was given before, also to a deleted one.
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
            "stage_since": version.registered_at,
            "ungated": write_mark(()),
            "registered_at": version.registered_at,
            "registered_by": version.registered_by,
            "description": version.description,
            "source": version.source.uri,
            "run_id": version.source.run_id,
            "logged_model_id": version.source.logged_model_id,
            "external": version.external,
            "changed_at": version.registered_at,
            "document": encode(frozen).decode(),
        }
        try:
            self._connection.execute(insert(t.versions), values)
        except IntegrityError as error:
            message = f"{version.address} or number {version.number} was given before"
            raise ConflictError(message, hint="register as auto") from error
        name_version(self._connection, version)
        write_words(self._connection, version.model, version.number, version.tags, version.labels)
        rows = [
            {
                "model": version.model,
                "number": version.number,
                "name": name,
                "value": value,
                "measured": False,
            }
            for name, value in version.provenance.metrics.items()
        ]
        if rows:
            self._connection.execute(insert(t.metrics), rows)

    def resolve(self, address: Address) -> VersionSummary | None:
        """Find by semantic version, number, or alias (see the port)."""
        query = select_summaries().where(v.model == address.model)
        if address.number is not None:
            query = query.where(v.number == address.number)
        elif address.semver is not None:
            query = query.where(_is(address.semver))
        elif address.alias == LATEST:
            query = query.order_by(*_GREATEST)
        elif address.alias in STAGE_ALIASES:
            # Of a prompt the name of a stage can be set as an alias, which then counts.
            here, stage = _pointed_at(address), STAGE_ALIASES[address.alias].value
            query = query.where(or_(v.stage == stage, v.number == here))
            query = query.order_by(case((v.number == here, 0), else_=1), v.stage_since.desc(), v.id.desc())
        else:
            same = and_(t.aliases.c.model == v.model, t.aliases.c.number == v.number)
            query = query.join(t.aliases, same).where(t.aliases.c.alias == address.alias)
        rows = self._connection.execute(query.limit(1)).mappings().all()
        return next(iter(summaries(self._connection, rows)), None)

    def get(self, model: ModelName, number: int) -> Version | None:
        """Return everything known of one version."""
        return self._one(v.number == number, model)

    def newest(self, model: ModelName) -> Version | None:
        """Return the version with the greatest semantic version."""
        return self._one(v.number > 0, model)

    def highest(self, model: ModelName) -> tuple[int, SemVer | None]:
        """Return the greatest number (0 for none) and semantic version ever given, deleted included."""
        number = self._connection.execute(select(func.max(v.number)).where(v.model == model)).scalar()
        query = select(v.major, v.minor, v.patch).where(v.model == model).order_by(*_GREATEST).limit(1)
        row = self._connection.execute(query).first()
        return number or 0, SemVer(*row) if row else None

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
        self._connection.execute(update(t.versions).where(*place), change)

    def _one(self, condition: Any, model: ModelName) -> Version | None:
        query = (
            select(t.versions)
            .where(v.model == model, condition, v.deleted_at.is_(None))
            .order_by(*_GREATEST)
            .limit(1)
        )
        row = self._connection.execute(query).mappings().first()
        return None if row is None else self._version(row)

    def _version(self, row: RowMapping) -> Version:
        frozen = decode(row["document"], Version)
        a = t.aliases.c
        query = select(a.alias).where(a.model == frozen.model, a.number == frozen.number).order_by(a.alias)
        return replace(
            frozen,
            stage=Stage(row["stage"]),
            stage_since=row["stage_since"],
            ungated=read_mark(row["ungated"]),
            changed_at=row["changed_at"],
            description=row["description"],
            tags=read_tags(self._connection, frozen.model, frozen.number),
            labels=read_labels(self._connection, frozen.model, frozen.number),
            aliases=tuple(self._connection.execute(query).scalars()),
        )


def _pointed_at(address: Address) -> Any:
    """Return the number that the alias of an address was set to, as part of a query; NULL when it was not."""
    a = t.aliases.c
    return select(a.number).where(a.model == address.model, a.alias == address.alias).scalar_subquery()


def _is(semver: SemVer) -> Any:
    return and_(v.major == semver.major, v.minor == semver.minor, v.patch == semver.patch)
