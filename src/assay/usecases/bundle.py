"""All use cases over the same means, for whoever opens a door."""

from dataclasses import dataclass, replace

from assay.usecases.access import Access
from assay.usecases.annotation import Annotating
from assay.usecases.browsing import Browsing
from assay.usecases.checking import Checking
from assay.usecases.ci_exchange import CiExchange
from assay.usecases.collecting import Collecting
from assay.usecases.delivering import Delivering
from assay.usecases.groups import Groups
from assay.usecases.heads import Heads
from assay.usecases.identities import IdentityBook
from assay.usecases.means import Means
from assay.usecases.once import OnceDatabase, Repeating
from assay.usecases.operating import Operating
from assay.usecases.outside import Outside
from assay.usecases.outside_stages import OutsideStages
from assay.usecases.people import People
from assay.usecases.permissions import Permissions
from assay.usecases.policies import PolicyBook
from assay.usecases.promotion import Promoting
from assay.usecases.publishers import PublisherBook
from assay.usecases.quotas import QuotaBook
from assay.usecases.registration import Registration
from assay.usecases.releasing import Releasing
from assay.usecases.reporting import Reporting
from assay.usecases.scrubbing import Scrubbing
from assay.usecases.sessions import BrowserSessions
from assay.usecases.signing_in import SigningIn
from assay.usecases.stage_change import StageChange
from assay.usecases.teams import Teams
from assay.usecases.tracking.artifacts import Artifacts
from assay.usecases.tracking.assessing import Assessing
from assay.usecases.tracking.evaluating import Evaluating
from assay.usecases.tracking.experiments import Experiments
from assay.usecases.tracking.logged_models import LoggedModels
from assay.usecases.tracking.runs import Runs
from assay.usecases.tracking.scoring import Scoring
from assay.usecases.tracking.traces import Tracing
from assay.usecases.tracking.uploads import Uploading
from assay.usecases.transferring import Transferring
from assay.usecases.webhooks import HookBook


@dataclass(frozen=True, slots=True)
class UseCases:
    """One attribute per activity."""

    access: Access
    people: People
    permissions: Permissions
    groups: Groups
    teams: Teams
    signing_in: SigningIn
    sessions: BrowserSessions
    identities: IdentityBook
    publishers: PublisherBook
    ci_exchange: CiExchange
    registration: Registration
    annotating: Annotating
    browsing: Browsing
    reporting: Reporting
    policies: PolicyBook
    promoting: Promoting
    changing: StageChange
    checking: Checking
    outside: Outside
    outside_stages: OutsideStages
    releasing: Releasing
    experiments: Experiments
    runs: Runs
    logged_models: LoggedModels
    artifacts: Artifacts
    uploading: Uploading
    tracing: Tracing
    assessing: Assessing
    evaluating: Evaluating
    scoring: Scoring
    webhooks: HookBook
    delivering: Delivering
    heads: Heads
    operating: Operating
    repeating: Repeating
    transferring: Transferring
    collecting: Collecting
    quotas: QuotaBook
    scrubbing: Scrubbing

    @classmethod
    def over(cls, means: Means) -> "UseCases":
        """Build all of them."""
        means = replace(means, database=OnceDatabase(means.database))
        access = Access(means)
        return cls(
            access=access,
            people=People(means, access.sign_ins),
            permissions=Permissions(means),
            groups=Groups(means),
            teams=Teams(means),
            signing_in=SigningIn(means),
            sessions=BrowserSessions(means),
            identities=IdentityBook(means),
            publishers=PublisherBook(means),
            ci_exchange=CiExchange(means),
            registration=Registration(means),
            annotating=Annotating(means),
            browsing=Browsing(means),
            reporting=Reporting(means),
            policies=PolicyBook(means),
            promoting=Promoting(means),
            changing=StageChange(means),
            checking=Checking(means),
            outside=Outside(means),
            outside_stages=OutsideStages(means),
            releasing=Releasing(means),
            experiments=Experiments(means),
            runs=Runs(means),
            logged_models=LoggedModels(means),
            artifacts=Artifacts(means),
            uploading=Uploading(means),
            tracing=Tracing(means),
            assessing=Assessing(means),
            evaluating=Evaluating(means),
            scoring=Scoring(means),
            webhooks=HookBook(means),
            delivering=Delivering(means),
            heads=Heads(means),
            operating=Operating(means),
            repeating=Repeating(means),
            transferring=Transferring(means),
            collecting=Collecting(means),
            quotas=QuotaBook(means),
            scrubbing=Scrubbing(means),
        )
