"""Everything that can be asked of the records, in one bundle: one attribute for each port."""

from typing import Protocol

from assay.core.ports.answers import Answers
from assay.core.ports.backups import RecordCopies
from assay.core.ports.blobs import Chores, Collecting, KnownBlobs, TransferParts, Transfers
from assay.core.ports.chance import Clock
from assay.core.ports.evaluations import EvaluationRecords, EvaluationSets, Scorers
from assay.core.ports.figures import Tallies
from assay.core.ports.governance import AuditHeads, AuditLog, EvidenceLog, Policies, Promotions, RegistryKeys
from assay.core.ports.moving import MovedThings
from assay.core.ports.people import Groups, Jobs, Passwords, Principals, Teams, Tokens
from assay.core.ports.quotas import Quotas
from assay.core.ports.registry_search import RegistrySearch
from assay.core.ports.sign_in import SignInRecords
from assay.core.ports.traces import Assessments, Spans, Traces
from assay.core.ports.tracking import Experiments, Files, KeptFiles, LoggedModels, Owners, RunLogs, Runs
from assay.core.ports.uploads import PartialUploads, SigningKeys
from assay.core.ports.versions import Aliases, BlobHolders, Catalogue, Models, Stages, Versions
from assay.core.ports.webhooks import Deliveries, Webhooks


class Records(Protocol):
    """Everything reachable inside one transaction."""

    @property
    def clock(self) -> Clock:
        """The database's own clock, by which leases are judged: it is the same for all its users."""
        ...

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
    def known_blobs(self) -> KnownBlobs:
        """KnownBlobs."""
        ...

    @property
    def collecting(self) -> Collecting:
        """Collecting."""
        ...

    @property
    def chores(self) -> Chores:
        """Chores."""
        ...

    @property
    def quotas(self) -> Quotas:
        """Quotas."""
        ...

    @property
    def copies(self) -> RecordCopies:
        """RecordCopies."""
        ...

    @property
    def transfers(self) -> Transfers:
        """Transfers."""
        ...

    @property
    def transfer_parts(self) -> TransferParts:
        """TransferParts."""
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
    def audit_heads(self) -> AuditHeads:
        """AuditHeads."""
        ...

    @property
    def keys(self) -> RegistryKeys:
        """RegistryKeys."""
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
    def sign_in(self) -> SignInRecords:
        """SignInRecords."""
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

    @property
    def answers(self) -> Answers:
        """Answers."""
        ...

    @property
    def tallies(self) -> Tallies:
        """Tallies."""
        ...
