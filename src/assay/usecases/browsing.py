"""Browsing: everything that only looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from assay.core.access import Action, Caller, readable, require
from assay.core.audit import AuditEvent
from assay.core.comparison import VersionDiff, diff_versions
from assay.core.digests import Digest
from assay.core.errors import BadInputError, NotFoundError
from assay.core.evidence import Evidence
from assay.core.names import Address, ModelName
from assay.core.ports import Database
from assay.core.promotions import StageMove
from assay.core.search import ModelQuery, ModelSummary, Page, VersionQuery, VersionSummary, check_limit
from assay.core.versions import Model, Version
from assay.usecases.damage import ADDRESS_S, read_watched
from assay.usecases.means import Means, find, load

# Teams of the first registries could have these names too; subjects made since have a colon, which none has.
_OF_ALL: Final = ("principal/", "policy/")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file about to be sent: its name, digest, size and media type, and how to read a range."""

    name: str
    digest: Digest
    size_bytes: int
    media_type: str = "application/octet-stream"


class Browsing:
    """Resolves, lists, shows, compares, reads."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def resolve(self, caller: Caller, address: Address) -> VersionSummary:
        """Say which version an address means, with its digest.

        Raises:
            NotFoundError: it does not exist, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return find(records, caller, address)

    def model(self, caller: Caller, name: ModelName) -> Model:
        """Show one model.

        Raises:
            NotFoundError: it does not exist, or the caller may not know of it.
        """
        require(caller, Action.READ, name)
        with self._means.database.read() as records:
            model = records.models.get(name)
        if model is None:
            raise NotFoundError(f"there is no model {name}", hint="assay list")
        return model

    def version(self, caller: Caller, address: Address) -> Version:
        """Show all of one version.

        Raises:
            NotFoundError: it does not exist, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return load(records, caller, address, Action.READ)

    def models(self, caller: Caller, query: ModelQuery) -> Page[ModelSummary]:
        """List the models the caller may see, by name.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        with self._means.database.read() as records:
            return records.catalogue.models(query, readable(caller))

    def versions(self, caller: Caller, query: VersionQuery) -> Page[VersionSummary]:
        """Search the versions the caller may see, newest first.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        with self._means.database.read() as records:
            return records.catalogue.versions(query, readable(caller))

    def diff(self, caller: Caller, left: Address, right: Address) -> VersionDiff:
        """Say what changed between two versions.

        Raises:
            NotFoundError: one does not exist, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            old = load(records, caller, left, Action.READ)
            new = load(records, caller, right, Action.READ)
        return diff_versions(old, new)

    def history(self, caller: Caller, name: ModelName) -> tuple[StageMove, ...]:
        """Tell every change of stage of a model, oldest first: who had Production when, and why.

        Raises:
            NotFoundError: there is no such model, or the caller may not know of it.
        """
        self.model(caller, name)
        with self._means.database.read() as records:
            return records.stages.history(name)

    def evidence(self, caller: Caller, address: Address) -> tuple[Evidence, ...]:
        """List everything measured or reported about a version, oldest first.

        Raises:
            NotFoundError: it does not exist, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            summary = find(records, caller, address)
            return records.evidence.of_version(summary.model, summary.number)

    def file(self, caller: Caller, address: Address, path: str) -> StoredFile:
        """Find a file of a version.

        Raises:
            NotFoundError: no such version or file.
        """
        entry = self.version(caller, address).manifest.find(path)
        if entry is None:
            raise NotFoundError(f"{address} has no file {path!r}", hint=f"assay show {address}")
        return StoredFile(entry.path, entry.digest, entry.size_bytes)

    def attachment(self, caller: Caller, address: Address, evidence: Digest, name: str) -> StoredFile:
        """Find a file attached to evidence of a version.

        Raises:
            NotFoundError: no such version, evidence or attachment.
        """
        for each in self.evidence(caller, address):
            if each.digest == evidence:
                for kept in each.measurement.attachments:
                    if kept.name == name:
                        return StoredFile(kept.name, kept.digest, kept.size_bytes, kept.media_type)
        raise NotFoundError(f"{address} has no evidence {evidence} with an attachment {name!r}")

    def read(self, stored: StoredFile, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, stop) of a file found before, verified.

        Raises:
            UnavailableError: the stored bytes are damaged.
        """
        return read_watched(self._means, stored.digest, start, stop)

    def address(self, stored: StoredFile) -> str | None:
        """Return where the store gives out a file found before, for some minutes; None where it does not."""
        return self._means.blobs.address(stored.digest, stored.name.rpartition("/")[2], ADDRESS_S)

    def audit(
        self, caller: Caller, after_seq: int = 0, limit: int = 1000, subject: str = ""
    ) -> tuple[AuditEvent, ...]:
        """Read the audit log, oldest first; about one model for its readers, all of it for admins.

        Raises:
            BadInputError: the limit is outside 1..1000.
            NotFoundError, DeniedError: the caller may not.
        """
        check_limit(limit)
        if after_seq < 0:
            raise BadInputError.of("after", "must not be negative", str(after_seq))
        if subject and not _belongs_to_no_model(subject):
            require(caller, Action.READ, _model_of(subject))
        else:
            require(caller, Action.READ_AUDIT)
        with self._means.database.read() as records:
            return records.audit.read(after_seq, limit, subject)


def all_events(database: Database) -> Iterator[AuditEvent]:
    """Yield the whole log in order, a page at a time."""
    seq = 0
    while True:
        with database.read() as records:
            events = records.audit.read(seq)
        if not events:
            return
        yield from events
        seq = events[-1].seq


def subject_model(subject: str) -> ModelName | None:
    """Return the model whose readers may read events about a subject; None where only admins may."""
    try:
        return None if _belongs_to_no_model(subject) else _model_of(subject)
    except BadInputError:
        return None


def _belongs_to_no_model(subject: str) -> bool:
    """Tell whether a subject is one that no right on a model opens: ``run:...``, ``principal/...``."""
    return ":" in subject or subject.startswith(_OF_ALL)


def _model_of(subject: str) -> ModelName:
    name = subject.partition("@")[0]
    return ModelName("/".join(name.split("/")[:2]))
