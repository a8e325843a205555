"""Scrubbing: everything at rest is read anew, and what is not what its digest says is told of and kept away.

A damaged blob is given to nobody, nor said to be there, until its bytes are sent again, or are found right
(somebody brought them back, or it was the reading that failed). One that cannot be read is told of, and
nothing is noted: nobody knows. The work goes on where it stopped, and does one blob at a time: whoever runs
it decides how fast.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from assay.core.access import Action, Caller, require
from assay.core.digests import Digest
from assay.core.errors import NotFoundError, UnavailableError
from assay.core.keeping import Chore
from assay.core.ports import Lying
from assay.usecases.damage import VERB as DAMAGED
from assay.usecases.means import Act, Means
from assay.usecases.own_store import check_own_store
from assay.usecases.storing import found_damaged, is_named

MISSING: Final = "blob.missing"
MENDED: Final = "blob.mended"
CHORE: Final = "scrub"
_REMEMBERED_EVERY: Final = 64
_NAMED_AT_ONCE: Final = 500
_STAYS: Final = timedelta(days=3650)
# Bytes may be sent anew while they are read; then they are read once more.
_LOOKS: Final = 3


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One blob that was looked at.

    Attributes:
        size_bytes: that were read.
        problem: ``damaged``, ``missing``, ``unreadable``, or "" for none.
    """

    digest: Digest
    size_bytes: int
    problem: str = ""


class Scrubbing:
    """Reads everything at rest anew."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def scrub(self, caller: Caller, *, anew: bool = False) -> Iterator[Scrubbed]:
        """Look at every blob, each when the next is asked for; then at what is named and not there.

        Args:
            caller: who asks.
            anew: begin at the beginning, wherever a former one stopped.

        Raises:
            DeniedError: the caller may not.
            UnavailableError: the store does not answer (any more), or is not the registry's own.
        """
        require(caller, Action.MANAGE_STORAGE)
        check_own_store(self._means)
        after = "" if anew else self._place()
        for count, lying in enumerate(self._lying(after), 1):
            yield self._look_at(caller, lying)
            if count % _REMEMBERED_EVERY == 0:
                self._remember(caller, lying.digest)
        yield from self._missing(caller)
        with self._means.database.write() as records:
            records.chores.remove(CHORE)

    def _lying(self, after: str) -> Iterator[Lying]:
        return (each for each in self._means.blobs.shelf.all() if each.digest > after)

    def _look_at(self, caller: Caller, lying: Lying) -> Scrubbed:
        shelf, found, problem = self._means.blobs.shelf, lying, ""
        for _ in range(_LOOKS):
            try:
                right = shelf.check(found.digest)
            except NotFoundError:  # collected since it was listed
                return Scrubbed(lying.digest, 0)
            except UnavailableError:
                problem = "unreadable"
            else:
                problem = "" if right else "damaged"
                if self._note(caller, found, right=right):
                    break
            again = shelf.find(found.digest)  # fails when the whole store is away
            if again is None:
                return Scrubbed(lying.digest, 0)
            if again == found and problem == "unreadable":
                break
            found = again
        return Scrubbed(found.digest, found.size_bytes, problem)

    def _note(self, caller: Caller, read: Lying, *, right: bool) -> bool:
        """Note what was found of bytes that were read; False, and nothing, when others lie there by now."""
        if right and not self._is_marked(read.digest):
            return True
        now = self._means.clock.now()
        with self._means.database.write() as records:
            # Within the transaction: who sends them again notes it in one, too, after they lie there.
            if self._means.blobs.shelf.find(read.digest) != read:
                return False
            act, subject = Act(records, caller.name, now), f"blob:{read.digest}"
            known = records.known_blobs.get(read.digest)
            marked = known is not None and known.damaged_at is not None
            if right and known is not None and marked:
                records.known_blobs.put(replace(known, size_bytes=read.size_bytes, damaged_at=None))
                act.note(MENDED, subject, after={"size_bytes": read.size_bytes, "found": "scrub"})
            elif not right and not marked:
                found_damaged(records, read.digest, now)
                after = {"problem": "the bytes at rest are not those of the digest", "found": "scrub"}
                act.note(DAMAGED, subject, after=after)
        return True

    def _is_marked(self, digest: Digest) -> bool:
        with self._means.database.read() as records:
            return records.known_blobs.damaged(digest)

    def _missing(self, caller: Caller) -> Iterator[Scrubbed]:
        after = ""
        while True:
            with self._means.database.read() as records:
                named = records.known_blobs.named(after, _NAMED_AT_ONCE)
            if not named:
                return
            for digest in named:
                if self._means.blobs.shelf.find(digest) is None and self._note_missing(caller, digest):
                    yield Scrubbed(digest, 0, "missing")
            after = named[-1]

    def _note_missing(self, caller: Caller, digest: Digest) -> bool:
        """Note that named bytes are gone; False when they were sent again, or their name went, meanwhile."""
        now = self._means.clock.now()
        with self._means.database.write() as records:
            if not is_named(records, digest) or self._means.blobs.shelf.find(digest) is not None:
                return False
            known = records.known_blobs.get(digest)
            if known is None or known.damaged_at is None:
                found_damaged(records, digest, now)
                after = {"problem": "the bytes are gone", "found": "scrub"}
                Act(records, caller.name, now).note(MISSING, f"blob:{digest}", after=after)
        return True

    def _place(self) -> str:
        with self._means.database.read() as records:
            chore = records.chores.get(CHORE)
        return chore.place if chore is not None else ""

    def _remember(self, caller: Caller, place: str) -> None:
        until: datetime = self._means.clock.now() + _STAYS
        with self._means.database.write() as records:
            records.chores.put(Chore(CHORE, caller.name, until, place))
