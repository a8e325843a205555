"""All use cases over the same means, for whoever opens a door."""

from dataclasses import dataclass

from assay.usecases.access import Access
from assay.usecases.annotation import Annotating
from assay.usecases.browsing import Browsing
from assay.usecases.checking import Checking
from assay.usecases.means import Means
from assay.usecases.policies import PolicyBook
from assay.usecases.promotion import Promoting
from assay.usecases.registration import Registration
from assay.usecases.reporting import Reporting
from assay.usecases.stage_change import StageChange


@dataclass(frozen=True, slots=True)
class UseCases:
    """One attribute per activity."""

    access: Access
    registration: Registration
    annotating: Annotating
    browsing: Browsing
    reporting: Reporting
    policies: PolicyBook
    promoting: Promoting
    changing: StageChange
    checking: Checking

    @classmethod
    def over(cls, means: Means) -> "UseCases":
        """Build all of them."""
        return cls(
            access=Access(means),
            registration=Registration(means),
            annotating=Annotating(means),
            browsing=Browsing(means),
            reporting=Reporting(means),
            policies=PolicyBook(means),
            promoting=Promoting(means),
            changing=StageChange(means),
            checking=Checking(means),
        )
