"""Promotions in SQL."""

from sqlalchemy import Connection, insert, select, update

from assay.core.errors import ConflictError
from assay.core.names import ModelName
from assay.core.promotions import OPEN_STATES, Promotion, PromotionState
from assay.storage import tables as t
from assay.wire.codec import decode, encode

p = t.promotions.c
_OPEN = sorted(state.value for state in OPEN_STATES)


class SqlPromotions:
    """Implements ``core.ports.Promotions``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, promotion: Promotion) -> None:
        """Store a new promotion."""
        values = {
            "id": promotion.id,
            "model": promotion.model,
            "number": promotion.number,
            "state": promotion.state.value,
            "requested_at": promotion.requested_at,
            "document": encode(promotion).decode(),
        }
        self._connection.execute(insert(t.promotions), values)

    def get(self, promotion_id: str) -> Promotion | None:
        """Return one."""
        document = self._connection.execute(select(p.document).where(p.id == promotion_id)).scalar()
        return None if document is None else decode(document, Promotion)

    def save(self, promotion: Promotion, expected: PromotionState) -> None:
        """Replace it by compare-and-set on its state.

        Raises:
            ConflictError: it is not in state ``expected`` any more.
        """
        change = {"state": promotion.state.value, "document": encode(promotion).decode()}
        place = (p.id == promotion.id, p.state == expected.value)
        if self._connection.execute(update(t.promotions).where(*place), change).rowcount != 1:
            raise ConflictError(f"promotion {promotion.id} is not {expected.value} any more")

    def of_model(self, model: ModelName, *, open_only: bool = False) -> tuple[Promotion, ...]:
        """Return the promotions of a model, newest first."""
        query = select(p.document).where(p.model == model)
        if open_only:
            query = query.where(p.state.in_(_OPEN))
        query = query.order_by(p.requested_at.desc(), p.id.desc())
        return tuple(decode(document, Promotion) for document in self._connection.execute(query).scalars())

    def of_version(self, model: ModelName, number: int) -> tuple[Promotion, ...]:
        """Return the promotions of a version, newest first."""
        query = select(p.document).where(p.model == model, p.number == number)
        query = query.order_by(p.requested_at.desc(), p.id.desc())
        return tuple(decode(document, Promotion) for document in self._connection.execute(query).scalars())

    def open(self, limit: int = 1000) -> tuple[Promotion, ...]:
        """Return open promotions of all models, oldest first."""
        query = select(p.document).where(p.state.in_(_OPEN)).order_by(p.requested_at, p.id).limit(limit)
        return tuple(decode(document, Promotion) for document in self._connection.execute(query).scalars())
