"""Models and aliases in SQL."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.names import ModelName
from assay.core.outside_names import known_as
from assay.core.versions import Model
from assay.storage import tables as t
from assay.storage.engines import by_itself
from assay.storage.rows import read_labels, read_tags, write_words


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
        return self._one(t.models.c.name == name)

    def known(self, outside_name: str) -> Model | None:
        """Return the model known by that name outside."""
        return self._one(t.models.c.known_as == outside_name)

    def taken(self, name: ModelName) -> bool:
        """Tell whether the name was ever given, also to a model that was put away."""
        query = select(t.models.c.name).where(t.models.c.name == name)
        return self._connection.execute(query).first() is not None

    def touch(self, name: ModelName, at: datetime, number: int | None = None) -> None:
        """Note that the model, or one of its versions, has changed."""
        self._connection.execute(update(t.models).where(t.models.c.name == name), {"changed_at": at})
        if number is not None:
            place = (t.versions.c.model == name, t.versions.c.number == number)
            self._connection.execute(update(t.versions).where(*place), {"changed_at": at})

    def put_away(self, name: ModelName, at: datetime) -> None:
        """Hide a model until one of that name is added again; nobody knows it outside any more."""
        gone = {"deleted_at": at, "known_as": f"/{name}"}
        self._connection.execute(update(t.models).where(t.models.c.name == name), gone)

    def _one(self, condition: ColumnElement[bool]) -> Model | None:
        query = select(t.models).where(condition, t.models.c.deleted_at.is_(None))
        row = self._connection.execute(query).mappings().first()
        if row is None:
            return None
        name = ModelName(row["name"])
        return Model(
            name=name,
            created_at=row["created_at"],
            created_by=row["created_by"],
            description=row["description"],
            tags=read_tags(self._connection, name, 0),
            labels=read_labels(self._connection, name, 0),
            known_as=row["known_as"],
            changed_at=row["changed_at"],
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
        before = self.remove(model, alias)
        self._connection.execute(insert(t.aliases), {"model": model, "alias": alias, "number": number})
        return before

    def remove(self, model: ModelName, alias: str) -> int | None:
        """Take the alias away; return the number it pointed at, None when there was none."""
        place = (t.aliases.c.model == model, t.aliases.c.alias == alias)
        before = self._connection.execute(select(t.aliases.c.number).where(*place)).scalar()
        if before is not None:
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
