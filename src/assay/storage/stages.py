"""Stages in SQL: the compare-and-set, the mark of ungated versions, and the history of moves."""

from typing import NoReturn

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError, Reason
from assay.core.names import ModelName
from assay.core.promotions import StageMove
from assay.core.stages import Stage
from assay.storage import tables as t
from assay.storage.engines import by_itself
from assay.wire.codec import decode, encode

v = t.versions.c


class SqlStages:
    """Implements ``core.ports.Stages``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def move(self, move: StageMove) -> None:
        """Change stage and mark by compare-and-set and keep the move in the history.

        Raises:
            ConflictError: the version is not in ``move.source`` (any more), or another holds Production.
        """
        place = (
            v.model == move.model,
            v.number == move.number,
            v.stage == move.source.value,
            v.deleted_at.is_(None),
        )
        change = {
            "stage": move.target.value,
            "stage_since": move.at,
            "ungated": write_mark(move.ungated),
        }
        try:
            with by_itself(self._connection):
                changed = self._connection.execute(update(t.versions).where(*place), change).rowcount
        except IntegrityError as error:
            raise self._held(move) from error
        if changed != 1:
            self._missed(move)
        document = encode(move).decode()
        row = {"model": move.model, "number": move.number, "document": document}
        self._connection.execute(insert(t.stage_moves), row)

    def mark(self, model: ModelName, number: int, ungated: tuple[str, ...]) -> None:
        """Replace the mark: the gates that do not hold although the version stands in its stage."""
        place = (v.model == model, v.number == number, v.deleted_at.is_(None))
        self._connection.execute(update(t.versions).where(*place), {"ungated": write_mark(ungated)})

    def holder(self, model: ModelName) -> int | None:
        """Return the number of the version in Production."""
        query = select(v.number).where(
            v.model == model, v.stage == Stage.PRODUCTION.value, v.deleted_at.is_(None)
        )
        return self._connection.execute(query).scalar()

    def history(self, model: ModelName) -> tuple[StageMove, ...]:
        """Return every move of the model's versions, oldest first."""
        m = t.stage_moves.c
        query = select(m.document).where(m.model == model).order_by(m.id)
        return tuple(decode(document, StageMove) for document in self._connection.execute(query).scalars())

    def _held(self, move: StageMove) -> ConflictError:
        query = select(v.major, v.minor, v.patch, v.stage_since).where(
            v.model == move.model, v.stage == Stage.PRODUCTION.value
        )
        row = self._connection.execute(query).first()
        name = (
            f"v{row[0]}.{row[1]}.{row[2]} since {row[3]:%Y-%m-%d %H:%M:%S} UTC" if row else "another version"
        )
        reason = Reason("stage", "Production is held by one version at a time", f"{move.model}: {name}")
        return ConflictError(f"{move.model} has {name} in Production", [reason])

    def _missed(self, move: StageMove) -> NoReturn:
        query = select(v.stage).where(v.model == move.model, v.number == move.number, v.deleted_at.is_(None))
        found = self._connection.execute(query).scalar() or "gone"
        address = f"{move.model}/{move.semver}"
        reason = Reason("stage", f"was expected to be {move.source}", f"is {found}")
        raise ConflictError(f"{address} is not in {move.source} any more: {found}", [reason])


def write_mark(ungated: tuple[str, ...]) -> str:
    """Return the names of gates as the column keeps them; no gate's name has a comma."""
    return ",".join(ungated)


def read_mark(text: str) -> tuple[str, ...]:
    """Return the names of gates that the column keeps."""
    return tuple(text.split(",")) if text else ()
