"""The registry part of a MLflow database."""

from collections import defaultdict
from collections.abc import Iterator

from assay.core.moving import DELETED, ForeignModel, ForeignVersion
from assay.storage.moving.mlflow_tables import MlflowTables
from assay.storage.moving.mlflow_words import DELETED_STAGE, text, whole


class DatabaseRegistry:
    """Implements ``core.ports.moving.ForeignRegistry`` over a database."""

    def __init__(self, tables: MlflowTables) -> None:
        """Keep the tables."""
        self._tables = tables

    def models(self) -> Iterator[ForeignModel]:
        """Yield all registered models, prompts among them."""
        if not self._tables.has("registered_models"):
            return
        tags: dict[str, dict[str, str]] = defaultdict(dict)
        query = self._tables.select("registered_model_tags", "name", "key", "value")
        for name, key, value in self._tables.stream(query):
            tags[name][key] = text(value)
        aliases: dict[str, dict[str, int]] = defaultdict(dict)
        if self._tables.has("registered_model_aliases"):
            query = self._tables.select("registered_model_aliases", "name", "alias", "version")
            for name, alias, version in self._tables.stream(query):
                aliases[name][alias] = int(version)
        names = ("name", "creation_time", "last_updated_time", "description")
        query = self._tables.select("registered_models", *names)
        for row in self._tables.rows(query.order_by(self._tables.column("registered_models", "name"))):
            created = whole(row["creation_time"])
            yield ForeignModel(
                name=row["name"],
                created_at_ms=created,
                updated_at_ms=whole(row["last_updated_time"], created),
                description=text(row["description"]),
                tags=dict(sorted(tags[row["name"]].items())),
                aliases=dict(sorted(aliases[row["name"]].items())),
            )

    def versions(self) -> Iterator[ForeignVersion]:
        """Yield all versions of all models, deleted numbers included."""
        if not self._tables.has("model_versions"):
            return
        tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        if self._tables.has("model_version_tags"):
            query = self._tables.select("model_version_tags", "name", "version", "key", "value")
            for name, version, key, value in self._tables.stream(query):
                tags[(name, int(version))][key] = text(value)
        names = ("name", "version", "creation_time", "last_updated_time", "description", "user_id")
        further = ("current_stage", "source", "run_id", "run_link", "storage_location")
        query = self._tables.select("model_versions", *names, *further)
        order = (
            self._tables.column("model_versions", "name"),
            self._tables.column("model_versions", "version"),
        )
        for row in self._tables.rows(query.order_by(*order)):
            created, stage = whole(row["creation_time"]), text(row["current_stage"])
            yield ForeignVersion(
                name=row["name"],
                number=int(row["version"]),
                created_at_ms=created,
                updated_at_ms=whole(row["last_updated_time"], created),
                source=text(row["source"]),
                place=text(row["storage_location"]),
                run_id=text(row["run_id"]),
                user=text(row["user_id"]),
                stage=DELETED if stage == DELETED_STAGE else stage or "None",
                description=text(row["description"]),
                tags=dict(sorted(tags[(row["name"], int(row["version"]))].items())),
                run_link=text(row["run_link"]),
            )
