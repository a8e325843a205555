"""Scrubbing: everything at rest is read anew, and what is not what its digest says is told of and kept away.

A damaged blob is given to nobody, nor said to be there, until its bytes are sent again. The work goes on
where it stopped, and does one blob at a time: whoever runs it decides how fast.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from assay.core.access import Action, Caller, require
from assay.core.digests import Digest
from assay.core.errors import NotFoundError
from assay.core.keeping import Chore
from assay.core.ports import Lying
from assay.usecases.damage import VERB as DAMAGED
from assay.usecases.means import Act, Means
from assay.usecases.own_store import check_own_store
from assay.usecases.storing import found_damaged

MISSING: Final = "blob.missing"
CHORE: Final = "scrub"
_REMEMBERED_EVERY: Final = 64
_NAMED_AT_ONCE: Final = 500
_STAYS: Final = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One blob that was looked at.

    Attributes:
        size_bytes: that were read.
        problem: ``damaged``, ``missing``, or "" for none.
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
            UnavailableError: the store cannot be read, or is not the registry's own.
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
        try:
            right = self._means.blobs.shelf.check(lying.digest)
        except NotFoundError:  # collected since it was listed
            return Scrubbed(lying.digest, 0)
        if right:
            return Scrubbed(lying.digest, lying.size_bytes)
        now = self._means.clock.now()
        with self._means.database.write() as records:
            known = records.known_blobs.get(lying.digest)
            if known is None or known.damaged_at is None:
                found_damaged(records, lying.digest, now)
                after = {"problem": "the bytes at rest are not those of the digest", "found": "scrub"}
                Act(records, caller.name, now).note(DAMAGED, f"blob:{lying.digest}", after=after)
        return Scrubbed(lying.digest, lying.size_bytes, "damaged")

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
            still = digest in records.known_blobs.named(_before(digest), 1)
            if not still or self._means.blobs.shelf.find(digest) is not None:
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


def _before(digest: Digest) -> str:
    """Return a text right before a digest in the order of digests."""
    return digest[:-1] + chr(ord(digest[-1]) - 1) + "~"
