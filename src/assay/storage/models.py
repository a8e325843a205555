"""Models and aliases in SQL."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.names import ModelName
from assay.core.outside_names import known_as
from assay.core.versions import Model
from assay.storage import tables as t
from assay.storage.engines import by_itself
from assay.storage.prepared import Prepared
from assay.storage.tables import instant_of, microseconds_of
from assay.storage.words import adding, read_words, write_words

m, a = t.models.c, t.aliases.c
_FIND: Final = select(m.name, m.created_at, m.created_by, m.description, m.known_as, m.changed_at).where(
    m.deleted_at.is_(None)
)
_BY_NAME: Final = Prepared(_FIND.where(m.name == bindparam("value")))
_BY_OUTSIDE_NAME: Final = Prepared(_FIND.where(m.known_as == bindparam("value")))
_AT: Final = bindparam("at", type_=BigInteger())
_TOUCH: Final = Prepared(update(t.models).where(m.name == bindparam("model")).values(changed_at=_AT))
_TOUCH_VERSION: Final = Prepared(
    update(t.versions)
    .where(t.versions.c.model == bindparam("model"), t.versions.c.number == bindparam("wanted"))
    .values(changed_at=_AT)
)
_ALIAS: Final = (a.model == bindparam("model"), a.alias == bindparam("alias"))
_POINTED_AT: Final = Prepared(select(a.number).where(*_ALIAS))
_POINT: Final = adding(t.aliases)
_POINT_ANEW: Final = Prepared(update(t.aliases).where(*_ALIAS).values(number=bindparam("number")))


class SqlModels:
    """Implements ``core.ports.Models``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, model: Model) -> None:
        """Store a new model, or the one of that name that was put away: its numbers go on counting.

        Raises:
            ConflictError: the name, or the name it is known as, is taken.
        """
        values = {
            "name": model.name,
            "team": model.name.team,
            "created_at": model.created_at,
            "created_by": model.created_by,
            "description": model.description,
            "known_as": model.known_as or known_as(model.name),
            "changed_at": model.created_at,
        }
        buried = t.models.c.name == model.name, t.models.c.deleted_at.is_not(None)
        risen = self._connection.execute(update(t.models).where(*buried), {**values, "deleted_at": None})
        try:
            with by_itself(self._connection):
                if not risen.rowcount:
                    self._connection.execute(insert(t.models), values)
        except IntegrityError as error:
            raise ConflictError(f"there is a model {model.name} already") from error
        write_words(self._connection, model.name, 0, model.tags, model.labels)

    def get(self, name: ModelName) -> Model | None:
        """Return the model of that name."""
        return self._one(_BY_NAME, name)

    def known(self, outside_name: str) -> Model | None:
        """Return the model known by that name outside."""
        return self._one(_BY_OUTSIDE_NAME, outside_name)

    def taken(self, name: ModelName) -> bool:
        """Tell whether the name was ever given, also to a model that was put away."""
        query = select(t.models.c.name).where(t.models.c.name == name)
        return self._connection.execute(query).first() is not None

    def touch(self, name: ModelName, at: datetime, number: int | None = None) -> None:
        """Note that the model, or one of its versions, has changed."""
        _TOUCH.run(self._connection, model=name, at=microseconds_of(at))
        if number is not None:
            _TOUCH_VERSION.run(self._connection, model=name, wanted=number, at=microseconds_of(at))

    def put_away(self, name: ModelName, at: datetime) -> None:
        """Hide a model until one of that name is added again; nobody knows it outside any more."""
        gone = {"deleted_at": at, "known_as": f"/{name}"}
        self._connection.execute(update(t.models).where(t.models.c.name == name), gone)

    def _one(self, statement: Prepared, value: str) -> Model | None:
        row = statement.first(self._connection, value=value)
        if row is None:
            return None
        name, created_at, created_by, description, known_outside, changed_at = row
        words = read_words(self._connection, name, 0)
        return Model(
            name=ModelName(name),
            created_at=instant_of(created_at),
            created_by=created_by,
            description=description,
            tags=words.tags,
            labels=words.labels,
            known_as=known_outside,
            changed_at=instant_of(changed_at),
        )

    def annotate(self, model: Model) -> None:
        """Replace description, tags, labels and the name it is known as.

        Raises:
            ConflictError: another model is known by that name.
        """
        change = {"description": model.description, "known_as": model.known_as or known_as(model.name)}
        try:
            with by_itself(self._connection):
                self._connection.execute(update(t.models).where(t.models.c.name == model.name), change)
        except IntegrityError as error:
            raise ConflictError(f"there is a model known as {model.known_as!r}") from error
        write_words(self._connection, model.name, 0, model.tags, model.labels)


class SqlAliases:
    """Implements ``core.ports.Aliases``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def set(self, model: ModelName, alias: str, number: int) -> int | None:
        """Point the alias at a version; return the number it pointed at before."""
        before = self._number(model, alias)
        statement = _POINT if before is None else _POINT_ANEW
        statement.run(self._connection, model=model, alias=alias, number=number)
        return before

    def remove(self, model: ModelName, alias: str) -> int | None:
        """Take the alias away; return the number it pointed at, None when there was none."""
        before = self._number(model, alias)
        if before is not None:
            place = (t.aliases.c.model == model, t.aliases.c.alias == alias)
            self._connection.execute(delete(t.aliases).where(*place))
        return before

    def of_model(self, model: ModelName) -> Mapping[str, int]:
        """Return all set aliases of the model with their numbers."""
        query = (
            select(t.aliases.c.alias, t.aliases.c.number)
            .where(t.aliases.c.model == model)
            .order_by(t.aliases.c.alias)
        )
        return dict(self._connection.execute(query).all())

    def _number(self, model: ModelName, alias: str) -> int | None:
        row = _POINTED_AT.first(self._connection, model=model, alias=alias)
        return None if row is None else row[0]
