"""Backups: all records in one view, every blob that something names, and the way back, verified.

While a backup is made nothing is collected; everything else goes on. What is named in the view is copied
and verified on the way; what an earlier backup copied is not copied again. To restore is one transaction
after all bytes are there: until it ends the new registry holds nothing, and afterwards all of it.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from assay import __version__
from assay.core.audit import GENESIS, AuditEvent, verify_chain
from assay.core.digests import Digest
from assay.core.errors import BadInputError, ConflictError, NotFoundError, Reason, UnavailableError
from assay.core.keeping import LEASE
from assay.core.ports import Blobs, Lying, Records
from assay.core.ports.backups import FORMAT, BackupManifest, BackupPlace, KeptKey
from assay.usecases.backup_holds import BackupHold
from assay.usecases.collecting import adopt_unknown
from assay.usecases.means import Means
from assay.usecases.own_store import check_own_store, check_takes, note_store, take_store
from assay.usecases.registry_keys import forget_keys
from assay.wire.codec import decode, encode

_NAMED_AT_ONCE: Final = 500
_ADOPTED_AT_ONCE: Final = 500
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds, and how much of it was new."""

    manifest: BackupManifest
    copied: int
    copied_bytes: int


class BackingUp:
    """Copies a registry to a place."""

    def __init__(self, means: Means, place: BackupPlace, owner: str) -> None:
        """Keep the means and the place; ``owner`` is who holds collections off meanwhile."""
        self._means = means
        self._place = place
        self._hold = BackupHold(means, owner)

    def back_up(
        self,
        *,
        secrets: bool,
        keys: tuple[KeptKey, ...] = (),
        progress: Progress = lambda _done, _size: None,
    ) -> BackedUp:
        """Make a backup.

        Args:
            secrets: also the keys that addresses are signed with.
            keys: of the registry, that were put in the place already.
            progress: called with (blobs done, bytes copied).

        Returns:
            What it holds; ``missing`` names blobs that are gone or damaged and so are not in it.

        Raises:
            UnavailableError: no space, a disk failed, a blob cannot be read now, this stood still for longer
                than collections wait, or the store is not the registry's own; the place holds the former
                backup still.
        """
        check_own_store(self._means)
        self._hold.take()
        try:
            # Of data that is only declared, what is known to be there is copied.
            adopt_unknown(self._means, self._hold.go_on)
            manifest = self._write(secrets=secrets)
            copied, copied_bytes, size_bytes, missing = self._copy(manifest, progress)
            manifest = replace(manifest, size_bytes=size_bytes, missing=tuple(missing), keys=keys)
            kept = (manifest.records.name, manifest.blobs.name, *(each.kept_as for each in keys))
            self._hold.prolong()  # of what was named in the view, nothing was taken away until now
            self._place.finish(encode(manifest), kept)
        finally:
            self._hold.release()
        return BackedUp(manifest, copied, copied_bytes)

    def _write(self, *, secrets: bool) -> BackupManifest:
        """Write rows and the list of blobs as they are at one moment."""
        with self._means.database.read() as records:
            head = _newest(records)
            rows = records.copies.dump(secrets=secrets)
            named = (f"{each}\n".encode() for each in _named(records))
            return BackupManifest(
                format=FORMAT,
                program=__version__,
                revision=records.copies.revision,
                created_at=self._means.clock.now(),
                records=self._place.write("records", self._hold.through(rows)),
                blobs=self._place.write("blobs", self._hold.through(named)),
                size_bytes=0,
                audit_seq=head.seq if head else 0,
                audit_head=head.hash if head else GENESIS,
                secrets=secrets,
                registry=records.audit_heads.origin(),
            )

    def _copy(self, manifest: BackupManifest, progress: Progress) -> tuple[int, int, int, list[Digest]]:
        copied = copied_bytes = all_bytes = 0
        missing: list[Digest] = []
        for done, digest in enumerate(_digests(self._place, manifest), 1):
            size_bytes = self._means.blobs.size(digest)
            if size_bytes is not None and self._place.holds(digest, size_bytes):
                all_bytes += size_bytes
            elif (size_bytes := self._copy_one(digest)) is None:
                missing.append(digest)
            else:
                all_bytes += size_bytes
                copied, copied_bytes = copied + 1, copied_bytes + size_bytes
            progress(done, copied_bytes)
            self._hold.go_on()
        return copied, copied_bytes, all_bytes, missing

    def _copy_one(self, digest: Digest) -> int | None:
        """Copy a blob; None when it is gone or damaged."""
        if self._means.blobs.size(digest) is None:
            return None
        try:
            return self._place.put(digest, self._hold.through(self._means.blobs.read(digest)))
        except (NotFoundError, BadInputError):
            return None
        except UnavailableError as error:
            if error.damaged:
                return None
            raise  # the place failed, or the store does not answer: nothing is gone


class Restoring:
    """Brings a registry back from a place."""

    def __init__(self, means: Means, place: BackupPlace) -> None:
        """Keep the means of an empty registry, and the place."""
        self._means = means
        self._place = place

    def check(self, manifest: BackupManifest, *, accept_missing: bool = False) -> None:
        """Check that a backup can be restored here, before anything is copied.

        Raises:
            BadInputError: the backup is incomplete, or of another schema.
            ConflictError: the registry is not empty.
            UnavailableError: the store is another registry's.
        """
        with self._means.database.read() as records:
            self._check(records, manifest, accept_missing=accept_missing)
        if manifest.registry:
            check_takes(self._means, manifest.registry, _digests(self._place, manifest))

    def restore(self, manifest: BackupManifest, *, accept_missing: bool = False) -> BackupManifest:
        """Bring everything back; all of it or nothing, verified before it is said.

        Args:
            manifest: of the backup.
            accept_missing: restore also what lacked blobs when it was backed up.

        Raises:
            BadInputError: the backup is incomplete or was altered; it says what is wrong.
            ConflictError: the registry is not empty.
            UnavailableError: no space, a disk failed, or the store is another registry's.
        """
        self.check(manifest, accept_missing=accept_missing)
        if manifest.registry:  # before anything is put into a store that others may use
            take_store(self._means, manifest.registry, _digests(self._place, manifest))
        sizes = self._bring_all(manifest)
        with self._means.database.write() as records:
            # The store is not asked within the transaction: that may take longer than a database lets one
            # pause. As the registry is still empty, nobody has taken away what was brought.
            self._check(records, manifest, accept_missing=accept_missing)
            records.copies.load(self._place.lines(manifest.records))
            take_store(self._means, records.audit_heads.origin(), _digests(self._place, manifest))
            note_store(self._means, records)
            self._adopt(records, manifest, sizes)
            if not manifest.secrets:
                forget_keys(self._means, records)
            check_restored(records, _digests(self._place, manifest), manifest)
        return manifest

    def _bring_all(self, manifest: BackupManifest) -> "array[int]":
        """Bring the blobs; return their sizes in the order of the list, -1 for one that is missing."""
        missing, sizes = frozenset(manifest.missing), array("q")
        for digest in _digests(self._place, manifest):
            sizes.append(-1 if digest in missing else _bring(self._means.blobs, self._place, digest))
        return sizes

    def _check(self, records: Records, manifest: BackupManifest, *, accept_missing: bool) -> None:
        if not records.copies.is_empty():
            hint = "restore into a data directory that does not exist yet"
            raise ConflictError("the registry is not empty: a backup is restored into a new one", hint=hint)
        if manifest.revision != records.copies.revision:
            rule = f"must be {records.copies.revision}, the schema of this program"
            detail = f"{manifest.revision}: restore it with assay {manifest.program}, then run assay migrate"
            raise BadInputError.of("revision", rule, detail)
        if manifest.missing and not accept_missing:
            reasons = [Reason(each, "was gone or damaged when it was backed up") for each in manifest.missing]
            words = f"the backup lacks {len(reasons)} blobs, among them {manifest.missing[0]}"
            raise BadInputError(words, reasons[:100], hint="accept that with --accept-missing")

    def _adopt(self, records: Records, manifest: BackupManifest, sizes: "array[int]") -> None:
        """Note the blobs that came, with a lease each."""
        now = self._means.clock.now()
        brought = (
            Lying(digest, size_bytes, now)
            for digest, size_bytes in zip(_digests(self._place, manifest), sizes, strict=True)
            if size_bytes >= 0
        )
        while batch := list(islice(brought, _ADOPTED_AT_ONCE)):
            records.known_blobs.adopt(batch, now + LEASE)


def read_manifest(place: BackupPlace) -> BackupManifest:
    """Return the manifest of a whole backup.

    Raises:
        BadInputError: no backup was finished there, or it is of another form.
    """
    content = place.manifest()
    if content is None:
        rule = "must be there: no backup was finished in this folder"
        raise BadInputError.of("manifest.json", rule)
    try:
        manifest = decode(content, BackupManifest)
    except BadInputError as error:
        raise BadInputError.of(
            "manifest.json", "must be what assay backup wrote", str(error)[:300]
        ) from error
    if manifest.format != FORMAT:
        raise BadInputError.of("manifest.json", f"must be of format {FORMAT}", str(manifest.format))
    return manifest


def check_restored(records: Records, listed: Iterator[Digest], manifest: BackupManifest) -> None:
    """Let a restored registry begin only if it is what was backed up.

    Args:
        records: that were put back.
        listed: the blobs of the backup, in the order of digests; those that are not missing are there.
        manifest: of the backup.

    Raises:
        BadInputError: the audit log is not whole, or not that of the manifest; or named blobs are not there.
    """
    heads = {manifest.audit_seq: manifest.audit_head} if manifest.audit_seq else {}
    report = verify_chain(_events(records), heads)
    if not report.whole or report.event_count != manifest.audit_seq:
        problem = report.problem or f"has {report.event_count} events, not {manifest.audit_seq}"
        raise BadInputError.of("audit log", "must be whole, and end as the manifest says", problem)
    for digest in _named(records):
        if digest != next((each for each in listed if each >= digest), None):
            raise BadInputError.of(digest, "is named by a record, and must be in the backup")


def _bring(blobs: Blobs, place: BackupPlace, digest: Digest) -> int:
    """Bring a blob; return its size in bytes."""
    try:
        return blobs.put(place.read(digest), digest)[1]
    except NotFoundError as error:
        raise BadInputError.of(digest, "must be in the backup: its copy is gone") from error
    except BadInputError as error:
        raise BadInputError.of(digest, "must be as it was copied: its copy was altered") from error


def _digests(place: BackupPlace, manifest: BackupManifest) -> Iterator[Digest]:
    for line in place.lines(manifest.blobs):
        yield Digest(line.decode("ascii", "replace").strip())


def _named(records: Records) -> Iterator[Digest]:
    after = ""
    while batch := records.known_blobs.named(after, _NAMED_AT_ONCE):
        yield from batch
        after = batch[-1]


def _events(records: Records) -> Iterator[AuditEvent]:
    seq = 0
    while events := records.audit.read(seq):
        yield from events
        seq = events[-1].seq


def _newest(records: Records) -> AuditEvent | None:
    return next(iter(records.audit.read(records.audit.size() - 1, 1)), None)
