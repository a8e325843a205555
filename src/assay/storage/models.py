"""Models and aliases in SQL."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.names import ModelName
from assay.core.versions import Model
from assay.storage import tables as t
from assay.storage.rows import read_labels, read_tags, write_words


class SqlModels:
    """Implements ``core.ports.Models``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, model: Model) -> None:
        """Store a new model.

        Raises:
            ConflictError: the name is taken.
        """
        values = {
            "name": model.name,
            "team": model.name.team,
            "created_at": model.created_at,
            "created_by": model.created_by,
            "description": model.description,
        }
        try:
            self._connection.execute(insert(t.models), values)
        except IntegrityError as error:
            raise ConflictError(f"there is a model {model.name} already") from error
        write_words(self._connection, model.name, 0, model.tags, model.labels)

    def get(self, name: ModelName) -> Model | None:
        """Return the model of that name."""
        row = self._connection.execute(select(t.models).where(t.models.c.name == name)).mappings().first()
        if row is None:
            return None
        return Model(
            name=name,
            created_at=row["created_at"],
            created_by=row["created_by"],
            description=row["description"],
            tags=read_tags(self._connection, name, 0),
            labels=read_labels(self._connection, name, 0),
        )

    def annotate(self, model: Model) -> None:
        """Replace description, tags and labels."""
        change = {"description": model.description}
        self._connection.execute(update(t.models).where(t.models.c.name == model.name), change)
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
