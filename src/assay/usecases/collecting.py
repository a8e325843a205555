"""Collecting: bytes that nothing names any more are taken away, without ever racing whoever sends them.

Bytes are removed only within a transaction that finds them marked as being removed and forgets them; they
count again only within a transaction that sees them in the store. As writers take turns, whatever happens
at the same time comes wholly before or wholly after. That they were to be removed was committed before: so
a collection that dies at any point is finished by the next one, and any number may run at once.

A collection that pauses may have lost its transaction, and its turn, when it wakes. So the database is asked
for each blob right before its bytes go, and the store is told beforehand that they may: whoever sends them
meanwhile has to send them again (``usecases.storing.receive``), and no other collection takes them up.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import islice
from typing import Final

from assay.core.access import Action, Caller, require
from assay.core.digests import digest_of
from assay.core.errors import BadInputError, ConflictError
from assay.core.keeping import KnownBlob, check_grace
from assay.core.ports import Records
from assay.usecases.means import Act, Means
from assay.usecases.once import aside
from assay.usecases.own_store import check_own_store
from assay.usecases.transferring import clear_transfers
from assay.usecases.unknown_blobs import count_unknown
from assay.wire.upkeep import Collect, Collected

VERB: Final = "blob.collect"
SUBJECT: Final = "blobs:collected"
BACKUP: Final = "backup"
_LOOKED_AT: Final = 2000
_DOOMED_AT_ONCE: Final = 50
# Everybody who writes waits for these; a far store takes some tenths of a second for each.
_REMOVED_AT_ONCE: Final = 10
_CLEARED_AT_ONCE: Final = 1000
# A far store is asked for each of them within a transaction, which may not pause for long.
_ADOPTED_AT_ONCE: Final = 50


class Collecting:
    """Takes stored bytes away that nothing names."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def collect(self, caller: Caller, wanted: Collect) -> Collected:
        """Finish what was begun before, condemn what nothing keeps, remove what was condemned long enough.

        Returns:
            What was done, or with ``dry_run`` what would be.

        Raises:
            BadInputError: the grace period is none.
            ConflictError: a backup is being made.
            DeniedError: the caller may not.
            UnavailableError: the store failed (the next collection goes on), or is not the registry's own.
        """
        require(caller, Action.MANAGE_STORAGE)
        grace = _grace(wanted.grace_s)
        check_own_store(self._means)
        if wanted.dry_run:
            return self._foresee(grace)
        with self._means.database.read() as records:
            check_no_backup(self._means, records)
        begun = self._remove(caller)
        adopted = adopt_unknown(self._means)
        uploads = self._drop_uploads()
        condemned = self._condemn(grace)
        removed = [begun]
        while self._doom(grace):
            removed.append(self._remove(caller))
        return Collected(
            dry_run=False,
            adopted=adopted,
            condemned=condemned,
            removed=sum(count for count, _ in removed),
            removed_bytes=sum(size for _, size in removed),
            uploads=uploads,
        )

    def _foresee(self, grace: timedelta) -> Collected:
        now = self._means.clock.now()
        unknown = count_unknown(self._means, now - grace)
        with self._means.database.read() as records:
            fresh, fresh_bytes = records.collecting.unnamed(now - grace, now)
            ripe, ripe_bytes = records.collecting.condemned(now - grace, now)
        return Collected(
            dry_run=True,
            adopted=unknown.count,
            condemned=fresh + unknown.ripe,
            condemned_bytes=fresh_bytes + unknown.ripe_bytes,
            removed=ripe,
            removed_bytes=ripe_bytes,
        )

    def _drop_uploads(self) -> int:
        """Drop files whose time is over, and what is left of files that nobody knows of any more."""
        blobs, dropped = self._means.blobs, 0
        with aside():
            while count := clear_transfers(self._means, _CLEARED_AT_ONCE):
                dropped += count
            dropped += self._drop_parts()
            for upload_id in sorted({*blobs.arrivals.waiting(), *blobs.parts.waiting()}):
                if not self._is_on_its_way(upload_id):
                    blobs.arrivals.drop(upload_id)
                    blobs.parts.drop(upload_id)
                    dropped += 1
        return dropped

    def _is_on_its_way(self, upload_id: str) -> bool:
        # Who begins one notes it before anything of it lies anywhere, and an id is given once. So what was
        # seen to lie there and is not known now never will be.
        with self._means.database.read() as records:
            known = records.transfers.get(upload_id) or records.partial_uploads.get(upload_id)
        return known is not None

    def _drop_parts(self) -> int:
        """Drop files of tracking clients that came in parts and were forgotten."""
        now, dropped = self._means.clock.now(), 0
        while True:
            with self._means.database.write() as records:
                ended = records.partial_uploads.ended(now, _CLEARED_AT_ONCE)
                for upload_id in ended:
                    records.partial_uploads.remove(upload_id)
            for upload_id in ended:
                self._means.blobs.parts.drop(upload_id)
            dropped += len(ended)
            if not ended:
                return dropped

    def _condemn(self, grace: timedelta) -> int:
        condemned, after = 0, ""
        while True:
            now = self._means.clock.now()
            with self._means.database.write() as records:
                count, after = records.collecting.condemn(now - grace, now, after, _LOOKED_AT)
            condemned += count
            if not after:
                return condemned

    def _doom(self, grace: timedelta) -> int:
        """Commit that some are to be removed, before any of them is."""
        now = self._means.clock.now()
        with self._means.database.write() as records:
            check_no_backup(self._means, records)
            return records.collecting.doom(now - grace, now, _DOOMED_AT_ONCE)

    def _remove(self, caller: Caller) -> tuple[int, int]:
        """Remove everything that is marked so, but for what another collection is at.

        Returns:
            How many blobs of how many bytes.
        """
        count = size_bytes = 0
        after: KnownBlob | None = None
        while True:
            with self._means.database.read() as records:
                doomed = records.collecting.doomed(_REMOVED_AT_ONCE, after)
            if not doomed:
                return count, size_bytes
            gone = self._remove_some(caller, doomed)
            count, size_bytes = count + len(gone), size_bytes + sum(each.size_bytes for each in gone)
            after = doomed[-1]

    def _remove_some(self, caller: Caller, doomed: Sequence[KnownBlob]) -> list[KnownBlob]:
        """Remove those that still are marked so and that nobody else is at; return which they were."""
        shelf, gone = self._means.blobs.shelf, list[KnownBlob]()
        with ExitStack() as announced:
            ours = [each for each in doomed if announced.enter_context(shelf.going(each.digest))]
            with self._means.database.write() as records:
                check_no_backup(self._means, records)
                for each in ours:
                    # Asked for each one: it fails when the transaction is gone, and keeps it from being
                    # cut off because the store is slow.
                    if records.collecting.forget(each.digest):
                        shelf.remove(each.digest)
                        gone.append(each)
                if gone:
                    act = Act(records, caller.name, self._means.clock.now())
                    act.note(VERB, SUBJECT, before=_essence(gone))
        return gone


def adopt_unknown(means: Means, meanwhile: Callable[[], None] = lambda: None) -> int:
    """Note what lies in the store and nobody knows of: from then on it is as every other blob.

    Args:
        means: of the registry.
        meanwhile: called again and again.

    Returns:
        How many blobs that were.

    Raises:
        UnavailableError: the store cannot be read.
    """
    lying, adopted = means.blobs.shelf.all(), 0
    while batch := list(islice(lying, _LOOKED_AT)):
        meanwhile()
        with means.database.read() as records:
            unknown = sorted(records.known_blobs.unknown([each.digest for each in batch]))
        for start in range(0, len(unknown), _ADOPTED_AT_ONCE):
            with means.database.write() as records:
                # It may have gone since it was listed; only what is there is noted.
                there = map(means.blobs.shelf.find, unknown[start : start + _ADOPTED_AT_ONCE])
                now = means.clock.now()
                adopted += records.known_blobs.adopt([each for each in there if each], now)
    return adopted


def check_no_backup(means: Means, records: Records) -> None:
    """Let nothing be removed while a backup copies it.

    Raises:
        ConflictError: one is being made.
    """
    now = means.clock.now()
    chore = next((each for each in records.chores.begun(BACKUP) if each.until > now), None)
    if chore is not None:
        hint = "collect again afterwards"
        words = f"a backup is being made by {chore.owner}, until {chore.until:%H:%M} UTC at the latest"
        raise ConflictError(words, hint=hint)


def _grace(seconds: float) -> timedelta:
    try:
        return check_grace(timedelta(seconds=seconds))
    except (OverflowError, ValueError):
        raise BadInputError.of("grace_s", "must be a number of seconds", str(seconds)) from None


def _essence(gone: list[KnownBlob]) -> dict[str, object]:
    digests = sorted(each.digest for each in gone)
    return {
        "blobs": len(gone),
        "size_bytes": sum(each.size_bytes for each in gone),
        "digests": digests,
        "digest_of_digests": digest_of("\n".join(digests).encode()),
    }
