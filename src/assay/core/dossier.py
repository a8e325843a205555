"""The dossier: all that a gate may look at when it judges one promotion."""

from dataclasses import dataclass
from datetime import datetime

from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.evidence import Evidence
from assay.core.stages import Stage
from assay.core.versions import Version


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on one request: ``approve`` or reject, with when, why and how they signed in.

    ``request_digest`` binds it to exactly what was asked; on anything else it counts for nothing.
    """

    person: str
    approve: bool
    at: datetime
    request_digest: Digest
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Dossier:
    """Facts about one version on its way to ``target``.

    Attributes:
        version: the version itself: files, signature, provenance, formats.
        target: the stage asked for.
        evidence: everything filed under the version, usable or not.
        decisions: everything people said about this promotion.
        eligible: those of them who hold the approver's right for model and stage at ``now``.
        request_digest: what is to be approved.
        requester: who asked for the promotion.
        now: the one instant this judgement sees.
    """

    version: Version
    target: Stage
    evidence: tuple[Evidence, ...]
    now: datetime
    requester: str = ""
    request_digest: Digest | None = None
    decisions: tuple[Decision, ...] = ()
    eligible: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse naive time.

        Raises:
            BadInputError: ``now`` has no time zone.
        """
        if self.now.tzinfo is None:
            raise BadInputError.of("now", "must be an aware instant")
