"""What the use cases ask of the outside: records, blobs, time and chance.

Each port is at the level of the question. One contract suite holds every implementation
(``tests/contracts``). Methods that write take part in the transaction they were reached through.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from assay.core.ports.answers import Answers
from assay.core.ports.backups import BackupPlace, RecordCopies
from assay.core.ports.blobs import (
    Arrivals,
    Blobs,
    Chores,
    Collecting,
    KnownBlobs,
    Lying,
    Shelf,
    TransferParts,
    Transfers,
)
from assay.core.ports.chance import Chance, Clock
from assay.core.ports.evaluations import EvaluationRecords, EvaluationSets, Scorers
from assay.core.ports.figures import Tallies
from assay.core.ports.governance import (
    AuditHeads,
    AuditLog,
    EvidenceLog,
    HeadSigner,
    Policies,
    Promotions,
    RegistryKeys,
)
from assay.core.ports.moving import MovedThings
from assay.core.ports.people import Groups, Jobs, Passwords, Principals, Teams, Tokens
from assay.core.ports.quotas import Quotas
from assay.core.ports.records import Records
from assay.core.ports.registry_search import RegistrySearch
from assay.core.ports.sign_in import SignInRecords
from assay.core.ports.traces import Assessments, Spans, Traces
from assay.core.ports.tracking import Experiments, Files, KeptFiles, LoggedModels, Owners, RunLogs, Runs
from assay.core.ports.uploads import PartialUploads, Parts, SigningKeys
from assay.core.ports.versions import Aliases, BlobHolders, Catalogue, Models, Stages, Versions
from assay.core.ports.webhooks import Deliveries, Post, Seal, Webhooks

__all__ = [
    "Aliases",
    "Answers",
    "Arrivals",
    "Assessments",
    "AuditHeads",
    "AuditLog",
    "BackupPlace",
    "BlobHolders",
    "Blobs",
    "Catalogue",
    "Chance",
    "Chores",
    "Clock",
    "Collecting",
    "Database",
    "Deliveries",
    "EvaluationRecords",
    "EvaluationSets",
    "EvidenceLog",
    "Experiments",
    "Files",
    "Groups",
    "HeadSigner",
    "Jobs",
    "KeptFiles",
    "KnownBlobs",
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
    "Quotas",
    "RecordCopies",
    "Records",
    "RegistryKeys",
    "RegistrySearch",
    "RunLogs",
    "Runs",
    "Scorers",
    "Seal",
    "Shelf",
    "SignInRecords",
    "SigningKeys",
    "Spans",
    "Stages",
    "Tallies",
    "Teams",
    "Tokens",
    "Traces",
    "TransferParts",
    "Transfers",
    "Versions",
    "Webhooks",
]


class Database(Protocol):
    """Where records live."""

    @property
    def embedded(self) -> bool:
        """Whether they are in a file of this machine."""
        ...

    def view(self) -> AbstractContextManager[None]:
        """Let every :meth:`read` of this thread inside the block share one view; nothing is written there.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        ...

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

    def connections(self) -> tuple[int, int]:
        """Return how many connections are in use by this process, and how many there may be."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
