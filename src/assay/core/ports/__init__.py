"""What the use cases ask of the outside: records, blobs, time and chance.

Each port is at the level of the question. One contract suite holds every implementation
(``tests/contracts``). Methods that write take part in the transaction they were reached through.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from assay.core.digests import Digest
from assay.core.ports.blobs import Lying, Shelf
from assay.core.ports.evaluations import EvaluationRecords, EvaluationSets, Scorers
from assay.core.ports.governance import AuditLog, EvidenceLog, Policies, Promotions
from assay.core.ports.moving import MovedThings
from assay.core.ports.people import Groups, Jobs, Passwords, Principals, Teams, Tokens
from assay.core.ports.registry_search import RegistrySearch
from assay.core.ports.traces import Assessments, Spans, Traces
from assay.core.ports.tracking import Experiments, Files, KeptFiles, LoggedModels, Owners, RunLogs, Runs
from assay.core.ports.uploads import PartialUploads, Parts, SigningKeys
from assay.core.ports.versions import Aliases, BlobHolders, Catalogue, Models, Stages, Versions
from assay.core.ports.webhooks import Deliveries, Post, Seal, Webhooks

__all__ = [
    "Aliases",
    "Assessments",
    "AuditLog",
    "BlobHolders",
    "Blobs",
    "Catalogue",
    "Chance",
    "Clock",
    "Database",
    "Deliveries",
    "EvaluationRecords",
    "EvaluationSets",
    "EvidenceLog",
    "Experiments",
    "Files",
    "Groups",
    "Jobs",
    "KeptFiles",
    "LoggedModels",
    "Lying",
    "Models",
    "MovedThings",
    "Owners",
    "PartialUploads",
    "Parts",
    "Passwords",
    "Policies",
    "Post",
    "Principals",
    "Promotions",
    "Records",
    "RegistrySearch",
    "RunLogs",
    "Runs",
    "Scorers",
    "Seal",
    "Shelf",
    "SigningKeys",
    "Spans",
    "Stages",
    "Teams",
    "Tokens",
    "Traces",
    "Versions",
    "Webhooks",
]


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...


class Chance(Protocol):
    """Randomness."""

    def identifier(self, prefix: str) -> str:
        """Return a fresh id: the prefix, ``_`` and 20 letters and digits that sort by time of making."""
        ...

    def token_parts(self) -> tuple[str, str]:
        """Return (16 hex digits, 43 unguessable letters and digits)."""
        ...


class Records(Protocol):
    """Everything reachable inside one transaction."""

    @property
    def models(self) -> Models:
        """Models."""
        ...

    @property
    def versions(self) -> Versions:
        """Versions."""
        ...

    @property
    def blob_holders(self) -> BlobHolders:
        """BlobHolders."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """Catalogue."""
        ...

    @property
    def aliases(self) -> Aliases:
        """Aliases."""
        ...

    @property
    def stages(self) -> Stages:
        """Stages."""
        ...

    @property
    def evidence(self) -> EvidenceLog:
        """EvidenceLog."""
        ...

    @property
    def policies(self) -> Policies:
        """Policies."""
        ...

    @property
    def promotions(self) -> Promotions:
        """Promotions."""
        ...

    @property
    def audit(self) -> AuditLog:
        """AuditLog."""
        ...

    @property
    def principals(self) -> Principals:
        """Principals."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Tokens."""
        ...

    @property
    def passwords(self) -> Passwords:
        """Passwords."""
        ...

    @property
    def groups(self) -> Groups:
        """Groups."""
        ...

    @property
    def teams(self) -> Teams:
        """Teams."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Jobs."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """Webhooks."""
        ...

    @property
    def deliveries(self) -> Deliveries:
        """Deliveries."""
        ...

    @property
    def registry_search(self) -> RegistrySearch:
        """RegistrySearch."""
        ...

    @property
    def experiments(self) -> Experiments:
        """Experiments."""
        ...

    @property
    def owners(self) -> Owners:
        """Owners."""
        ...

    @property
    def runs(self) -> Runs:
        """Runs."""
        ...

    @property
    def run_logs(self) -> RunLogs:
        """RunLogs."""
        ...

    @property
    def logged_models(self) -> LoggedModels:
        """LoggedModels."""
        ...

    @property
    def files(self) -> Files:
        """Files."""
        ...

    @property
    def kept_files(self) -> KeptFiles:
        """KeptFiles."""
        ...

    @property
    def partial_uploads(self) -> PartialUploads:
        """PartialUploads."""
        ...

    @property
    def signing_keys(self) -> SigningKeys:
        """SigningKeys."""
        ...

    @property
    def traces(self) -> Traces:
        """Traces."""
        ...

    @property
    def spans(self) -> Spans:
        """Spans."""
        ...

    @property
    def assessments(self) -> Assessments:
        """Assessments."""
        ...

    @property
    def evaluation_sets(self) -> EvaluationSets:
        """EvaluationSets."""
        ...

    @property
    def evaluation_records(self) -> EvaluationRecords:
        """EvaluationRecords."""
        ...

    @property
    def scorers(self) -> Scorers:
        """Scorers."""
        ...

    @property
    def moved_things(self) -> MovedThings:
        """MovedThings."""
        ...


class Database(Protocol):
    """Where records live."""

    def read(self) -> AbstractContextManager[Records]:
        """Open one consistent view.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        ...

    def write(self) -> AbstractContextManager[Records]:
        """Open a transaction: committed and durable when the block ends, undone when it raises.

        Writers are serialised, so that what was read inside the block still holds at its end.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class Blobs(Protocol):
    """Bytes by digest."""

    @property
    def parts(self) -> Parts:
        """The bytes of blobs that come in parts and are not whole yet."""
        ...

    @property
    def shelf(self) -> Shelf:
        """What lies in the store, for those who look after it."""
        ...

    def put(
        self, chunks: Iterable[bytes], expected: Digest | None = None, size_bytes: int | None = None
    ) -> tuple[Digest, int]:
        """Store a stream; returns only when the bytes are durable.

        Args:
            chunks: the bytes, in pieces of any size; memory stays flat.
            expected: the digest announced; None takes what comes.
            size_bytes: the size announced.

        Returns:
            Digest and size. Storing the same bytes again keeps one copy.

        Raises:
            BadInputError: digest or size is not what was announced (nothing is kept).
            UnavailableError: no space, or the disk failed.
        """
        ...

    def size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a stored blob, None when it is not there."""
        ...

    def read(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, stop), verified: nothing of a damaged blob is served as whole.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more.
        """
        ...

    def open_path(self, digest: Digest) -> Path:
        """Return a local read-only path of a verified blob, for inspection beside the store.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more.
        """
        ...

    def address(self, digest: Digest, name: str, seconds: int) -> str | None:
        """Return an address from which anybody can fetch the whole blob for so many seconds.

        It leads past this server; None where the store has none to give. The answer names the file ``name``
        (content-disposition) where the store can.
        """
        ...
