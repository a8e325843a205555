"""Gate: it is recorded where the version comes from."""

from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct, field

from assay.core.dossier import Dossier
from assay.core.errors import BadInputError
from assay.core.evidence import Need
from assay.core.provenance import Provenance
from assay.core.verdicts import Finding, Verdict, conclude
from assay.core.versions import Version
from assay.gates.settings import Name
from assay.gates.weighing import met

ITEMS: Final = Provenance().missing
_ADVICE: Final = {
    "training data": "register with --training-data FILE",
    "code commit": "register from the git work tree, or with --commit HASH",
    "hyperparameters": "register with --load, or with --param NAME=VALUE",
    "held-out metrics": "register with --metric NAME=VALUE",
    "environment": "register from the training environment, or with --python PATH",
    "hardware": "register on the machine that trained it",
}


class ProvenanceComplete(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when every required item of provenance is recorded.

    Attributes:
        required: which of the six items; all by default.
        allow_dirty: the commit may have been changed locally when the model was trained.
    """

    name: ClassVar[str] = "provenance"
    check: ClassVar[str | None] = None
    required: Annotated[list[Name], Meta(min_length=1, max_length=6)] = field(
        default_factory=lambda: list(ITEMS)
    )
    allow_dirty: bool = False

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            BadInputError: an item that does not exist.
        """
        unknown = [name[:80] for name in self.required if name not in ITEMS]
        if unknown:
            raise BadInputError.of("required", "must be of: " + ", ".join(ITEMS), ", ".join(unknown))

    def need(self, version: Version) -> Need | None:  # noqa: ARG002 - one shape for all gates
        """No evidence: the version itself says it."""
        return None

    def judge(self, dossier: Dossier) -> Verdict:
        """Look for every item at once."""
        provenance = dossier.version.provenance
        findings = []
        for item in self.required:
            there = item not in provenance.missing
            measured, advice = ("recorded", "") if there else ("missing", _ADVICE.get(item, ""))
            findings.append(Finding(f"{item} must be recorded", met(there), measured, advice))
        code = provenance.code
        if code is not None and "code commit" in self.required and not self.allow_dirty:
            state = "changed since commit" if code.dirty else "clean"
            advice = "commit first, then train and register" if code.dirty else ""
            findings.append(Finding("the work tree must be clean", met(not code.dirty), state, advice))
        return conclude(self.name, findings)
