"""Collecting: bytes that nothing names any more are taken away, without ever racing whoever sends them.

Bytes are removed only within a transaction that finds them marked as being removed and forgets them; they
count again only within a transaction that sees them in the store. As writers take turns, whatever happens
at the same time comes wholly before or wholly after. That they were to be removed was committed before: so
a collection that dies at any point is finished by the next one, and any number may run at once.
"""

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
from assay.usecases.transferring import clear_transfers
from assay.wire.upkeep import Collect, Collected

VERB: Final = "blob.collect"
SUBJECT: Final = "blobs:collected"
BACKUP: Final = "backup"
_LOOKED_AT: Final = 2000
_REMOVED_AT_ONCE: Final = 50
_CLEARED_AT_ONCE: Final = 1000


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
            UnavailableError: the store failed; the next collection goes on.
        """
        require(caller, Action.MANAGE_STORAGE)
        grace = _grace(wanted.grace_s)
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
        with self._means.database.read() as records:
            fresh, fresh_bytes = records.collecting.unnamed(now - grace, now)
            ripe, ripe_bytes = records.collecting.condemned(now - grace, now)
        return Collected(
            dry_run=True,
            condemned=fresh,
            condemned_bytes=fresh_bytes,
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
        # As a writer: who begins one makes room for it in the transaction that notes it, and an id is given
        # once. So what is not known now never will be, and can be dropped with nobody waiting.
        with self._means.database.write() as records:
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
            return records.collecting.doom(now - grace, now, _REMOVED_AT_ONCE)

    def _remove(self, caller: Caller) -> tuple[int, int]:
        """Remove everything that is marked so; return how many blobs of how many bytes."""
        count = size_bytes = 0
        while True:
            with self._means.database.write() as records:
                check_no_backup(self._means, records)
                doomed = records.collecting.doomed(_REMOVED_AT_ONCE)
                gone = [each for each in doomed if records.collecting.forget(each.digest)]
                if not gone:
                    return count, size_bytes
                Act(records, caller.name, self._means.clock.now()).note(VERB, SUBJECT, before=_essence(gone))
                for each in gone:
                    self._means.blobs.shelf.remove(each.digest)
            count += len(gone)
            size_bytes += sum(each.size_bytes for each in gone)


def adopt_unknown(means: Means) -> int:
    """Note what lies in the store and nobody knows of: from then on it is as every other blob.

    Returns:
        How many blobs that were.

    Raises:
        UnavailableError: the store cannot be read.
    """
    lying, adopted = means.blobs.shelf.all(), 0
    while batch := list(islice(lying, _LOOKED_AT)):
        with means.database.read() as records:
            unknown = [each for each in batch if records.known_blobs.get(each.digest) is None]
        if not unknown:
            continue
        with means.database.write() as records:
            # It may have gone since it was listed; only what is there is noted.
            there = (means.blobs.shelf.find(each.digest) for each in unknown)
            now = means.clock.now()
            adopted += records.known_blobs.adopt([each for each in there if each], now)
    return adopted


def check_no_backup(means: Means, records: Records) -> None:
    """Let nothing be removed while a backup copies it.

    Raises:
        ConflictError: one is being made.
    """
    chore = records.chores.get(BACKUP)
    if chore is not None and chore.until > means.clock.now():
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
