"""The registry's own store: its files carry a mark of whose they are, so that nobody takes others' for them.

A registry that looks after the files of another one would find nothing of what it knows, and nobody who
names what lies there: it would collect all of it. So the store says which registry it belongs to, by the
name that the audit log of that registry has for good (it is in every backup, and all servers share it); and
the records say that the store has such a mark, so that an empty one is not taken for it either (ADR 19).
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import UnavailableError
from assay.core.ports import Records, Shelf
from assay.usecases.means import Means

STORE: Final = "store"
# By so many blobs a store is recognised that was not marked yet: half of those that are named must be there.
_LOOKED_AT: Final = 50
_SET: Final = "set blobs (ASSAY_BLOBS) to where this registry has its files"


def settle_store(means: Means, *, marks: bool, where: str = "") -> None:
    """See that the store is the registry's own; mark it, if nobody marked it and it is.

    Asking again changes nothing.

    Args:
        means: of the registry, which was founded.
        marks: whether a store without a mark is marked; else it is let pass, and whoever would look after
            it asks :func:`check_own_store`.
        where: the records and the store, for people.

    Raises:
        UnavailableError: it is that of another registry, or none of the registry's own.
    """
    shelf, stored = means.blobs.shelf, means.blobs.mark
    mark = stored.read()
    with means.database.read() as records:
        own, noted = records.audit_heads.origin(), records.keys.fingerprint(STORE)
    if mark == own == noted or (mark is None and not marks):
        return
    if mark not in (None, own):
        raise _another(mark, own, where)
    with means.database.write() as records:
        # Looked at within the transaction: of two servers that begin at once, the second finds the mark.
        if stored.read() is None and (records.keys.fingerprint(STORE) == own or not _fits(records, shelf)):
            raise _unmarked(own, where)
        _mark(means, own, where)
        note_store(means, records)


def check_own_store(means: Means) -> None:
    """Let nobody look after files that are not the registry's own.

    Raises:
        UnavailableError: the store has another registry's mark, or none.
    """
    mark, own = _mark_and_name(means)
    if mark is None:
        raise _unmarked(own, "")
    if mark != own:
        raise _another(mark, own, "")


def store_misfit(means: Means) -> str:
    """Return what is wrong with the store's mark, for everybody; "" for nothing.

    Raises:
        UnavailableError: the records or the store cannot be read.
    """
    mark, own = _mark_and_name(means)
    if mark == own:
        return ""
    return "it has no mark" if mark is None else "it belongs to another registry"


def check_takes(means: Means, own: str, named: Iterable[Digest]) -> None:
    """See that the registry ``own`` can be brought back into this store: nothing else lies there.

    Args:
        means: of the registry that is made.
        own: its name.
        named: the blobs that it names, in any order.

    Raises:
        UnavailableError: it is another registry's, or what lies there is nothing of what this one names.
    """
    shelf, mark = means.blobs.shelf, means.blobs.mark.read()
    if mark is None:
        is_empty = next(shelf.all(), None) is None
        if not is_empty and not _lie_there(shelf, list(islice(named, _LOOKED_AT))):
            raise _unmarked(own, "")
    elif mark != own:
        raise _another(mark, own, "")


def take_store(means: Means, own: str, named: Iterable[Digest]) -> None:
    """Mark a store for the registry ``own`` that is brought back into it (see :func:`check_takes`).

    Raises:
        UnavailableError: it cannot be brought back there.
    """
    check_takes(means, own, named)
    _mark(means, own, "")


def note_store(means: Means, records: Records) -> None:
    """Note that the registry's store has its mark: one without it is none of its own from then on."""
    records.keys.note(STORE, records.audit_heads.origin(), means.clock.now())


def _mark_and_name(means: Means) -> tuple[str | None, str]:
    with means.database.read() as records:
        own = records.audit_heads.origin()
    return means.blobs.mark.read(), own


def _mark(means: Means, own: str, where: str) -> None:
    mark = means.blobs.mark.read() or means.blobs.mark.put(own)
    if mark != own:  # another registry was quicker
        raise _another(mark, own, where)


def _fits(records: Records, shelf: Shelf) -> bool:
    """Tell whether a store that nobody marked can be the registry's, by what lies there and what it names."""
    named = records.known_blobs.named("", _LOOKED_AT)
    if named:
        return _lie_there(shelf, named)
    lying = list(islice(shelf.all(), _LOOKED_AT))
    return not lying or any(records.known_blobs.get(each.digest) is not None for each in lying)


def _lie_there(shelf: Shelf, named: Iterable[Digest]) -> bool:
    there = [shelf.find(each) is not None for each in named]
    # Some files, empty ones say, are in every store; and a few may be lost.
    return any(there) and 2 * sum(there) >= len(there)


def _another(mark: str | None, own: str, where: str) -> UnavailableError:
    words = f"the blob store belongs to the registry {mark}, and the records are those of {own}{where}"
    return UnavailableError(words, hint=f"{_SET}, or database (ASSAY_DATABASE) to the records of {mark}")


def _unmarked(own: str, where: str) -> UnavailableError:
    words = f"the blob store has no mark that it belongs to this registry, {own}{where}"
    hint = f"{_SET}; if it is there, start its server once, or write {own} into a file assay-registry there"
    return UnavailableError(words, hint=hint)
