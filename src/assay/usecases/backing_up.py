"""Backups: all records in one view, every blob that something names, and the way back, verified.

While a backup is made nothing is collected; everything else goes on. What is named in the view is copied
and verified on the way; what an earlier backup copied is not copied again. To restore is one transaction
after all bytes are there: until it ends the new registry holds nothing, and afterwards all of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from assay import __version__
from assay.core.audit import GENESIS, AuditEvent, verify_chain
from assay.core.digests import Digest
from assay.core.errors import BadInputError, ConflictError, NotFoundError, Reason, UnavailableError
from assay.core.keeping import LEASE, Chore
from assay.core.ports import Blobs, Lying, Records
from assay.core.ports.backups import FORMAT, BackupManifest, BackupPlace
from assay.usecases.collecting import BACKUP, adopt_unknown
from assay.usecases.means import Means
from assay.usecases.own_store import check_own_store, check_takes, note_store, take_store
from assay.usecases.registry_keys import forget_keys
from assay.wire.codec import decode, encode

HOLD: Final = timedelta(minutes=10)
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
        self._owner = owner

    def back_up(self, *, secrets: bool, progress: Progress = lambda _done, _size: None) -> BackedUp:
        """Make a backup.

        Args:
            secrets: also the keys that addresses are signed with.
            progress: called with (blobs done, bytes copied).

        Returns:
            What it holds; ``missing`` names blobs that are gone or damaged and so are not in it.

        Raises:
            UnavailableError: no space, a disk failed, or the store is not the registry's own; the place
                holds the former backup still.
        """
        check_own_store(self._means)
        self._hold()
        try:
            adopt_unknown(self._means)  # of data that is only declared, what is known to be there is copied
            manifest = self._write(secrets=secrets)
            copied, copied_bytes, size_bytes, missing = self._copy(manifest, progress)
            manifest = replace(manifest, size_bytes=size_bytes, missing=tuple(missing))
            self._place.finish(encode(manifest), (manifest.records.name, manifest.blobs.name))
        finally:
            self._release()
        return BackedUp(manifest, copied, copied_bytes)

    def _write(self, *, secrets: bool) -> BackupManifest:
        """Write rows and the list of blobs as they are at one moment."""
        with self._means.database.read() as records:
            head = _newest(records)
            return BackupManifest(
                format=FORMAT,
                program=__version__,
                revision=records.copies.revision,
                created_at=self._means.clock.now(),
                records=self._place.write("records", records.copies.dump(secrets=secrets)),
                blobs=self._place.write("blobs", (f"{each}\n".encode() for each in _named(records))),
                size_bytes=0,
                audit_seq=head.seq if head else 0,
                audit_head=head.hash if head else GENESIS,
                secrets=secrets,
                registry=records.audit_heads.origin(),
            )

    def _copy(self, manifest: BackupManifest, progress: Progress) -> tuple[int, int, int, list[Digest]]:
        copied = copied_bytes = all_bytes = 0
        missing: list[Digest] = []
        held_at = self._means.clock.now()
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
            if self._means.clock.now() - held_at > HOLD / 4:
                held_at = self._hold()
        return copied, copied_bytes, all_bytes, missing

    def _copy_one(self, digest: Digest) -> int | None:
        """Copy a blob; None when it is gone or damaged."""
        if self._means.blobs.size(digest) is None:
            return None
        watched = _Watched(self._means.blobs.read(digest))
        try:
            return self._place.put(digest, watched)
        except (NotFoundError, BadInputError):
            return None
        except UnavailableError:
            if watched.failed:  # the bytes are damaged, not the place
                return None
            raise

    def _hold(self) -> datetime:
        now = self._means.clock.now()
        with self._means.database.write() as records:
            records.chores.put(Chore(BACKUP, self._owner, now + HOLD))
        return now

    def _release(self) -> None:
        with self._means.database.write() as records:
            chore = records.chores.get(BACKUP)
            if chore is not None and chore.owner == self._owner:
                records.chores.remove(BACKUP)


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
        missing = frozenset(manifest.missing)
        for digest in _digests(self._place, manifest):
            if digest not in missing:
                _bring(self._means.blobs, self._place, digest)
        with self._means.database.write() as records:
            self._check(records, manifest, accept_missing=accept_missing)
            records.copies.load(self._place.lines(manifest.records))
            take_store(self._means, records.audit_heads.origin(), _digests(self._place, manifest))
            note_store(self._means, records)
            self._adopt(records, manifest)
            if not manifest.secrets:
                forget_keys(self._means, records)
            check_restored(records, self._means.blobs, manifest)
        return manifest

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

    def _adopt(self, records: Records, manifest: BackupManifest) -> None:
        """Note the blobs that came, with a lease each."""
        now, batch = self._means.clock.now(), list[Lying]()
        for digest in _digests(self._place, manifest):
            size_bytes = self._means.blobs.size(digest)
            if size_bytes is not None:
                batch.append(Lying(digest, size_bytes, now))
            if len(batch) == _ADOPTED_AT_ONCE:
                records.known_blobs.adopt(batch, now + LEASE)
                batch = []
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


def check_restored(records: Records, blobs: Blobs, manifest: BackupManifest) -> None:
    """Let a restored registry begin only if it is what was backed up.

    Raises:
        BadInputError: the audit log is not whole, or not that of the manifest; or named blobs are not there.
    """
    heads = {manifest.audit_seq: manifest.audit_head} if manifest.audit_seq else {}
    report = verify_chain(_events(records), heads)
    if not report.whole or report.event_count != manifest.audit_seq:
        problem = report.problem or f"has {report.event_count} events, not {manifest.audit_seq}"
        raise BadInputError.of("audit log", "must be whole, and end as the manifest says", problem)
    missing = frozenset(manifest.missing)
    for digest in _named(records):
        if digest not in missing and blobs.size(digest) is None:
            raise BadInputError.of(digest, "is named by a record, and must be in the backup")


class _Watched:
    """Passes bytes on, and remembers when it was they that failed."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.failed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except UnavailableError:
            self.failed = True
            raise


def _bring(blobs: Blobs, place: BackupPlace, digest: Digest) -> None:
    try:
        blobs.put(place.read(digest), digest)
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
    newest: AuditEvent | None = None
    for event in _events(records):
        newest = event
    return newest
