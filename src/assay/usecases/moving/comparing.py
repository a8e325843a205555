"""Comparing what was said there with what is here, thing by thing, right after it moved."""

from collections.abc import Mapping

from assay.usecases.moving.ledger import Move

_SHOWN = 5


def compare(
    move: Move, kind: str, name: str, said: Mapping[str, tuple[object, object]], *, fresh: bool
) -> bool:
    """Compare pairs of (there, here) by name; note the outcome and tell whether all are equal.

    What differs although this import brought nothing was changed here since it moved in, which explains
    it. NaN equals NaN.
    """
    different = [key for key, (there, here) in said.items() if repr(there) != repr(here)]
    if not different:
        move.ledger.here(kind)
        return True
    shown = "; ".join(_shown(key, *said[key]) for key in different[:_SHOWN])
    if len(different) > _SHOWN:
        shown += f"; and {len(different) - _SHOWN} more"
    words = shown if fresh else f"changed here since it moved in: {shown}"
    move.ledger.differs(kind, name, words, explained=not fresh)
    return False


def _shown(key: str, there: object, here: object) -> str:
    return f"{key[:80]}: {str(there)[:60]!r} there, {str(here)[:60]!r} here"
