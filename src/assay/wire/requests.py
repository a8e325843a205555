"""What users send: one dataclass per request body of the native protocol.

The door reads them strictly, the SDK writes them; the use cases take them as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assay.core.digests import Digest, FileEntry
from assay.core.evidence import Measurement
from assay.core.names import ModelName
from assay.core.provenance import Provenance
from assay.core.signatures import Signature
from assay.core.versions import Source

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class NewModel:
    """Create a model; ``known_as`` is its name for clients of other registries, "" for the usual one."""

    name: ModelName
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    known_as: str = ""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """Register a version from blobs already stored.

    Attributes:
        files: every file of the version.
        version: the semantic version wanted, or ``auto`` for the smallest that the bump law allows.
        entrypoint: path of the model file, where its content does not make it plain.
        source: where the files were taken from.
        external: URI of the bytes, when the files only name it and nobody has read it.
        repeat: make a new version also of exactly what the newest one is.
    """

    files: tuple[FileEntry, ...]
    version: str = AUTO
    signature: Signature | None = None
    provenance: Provenance = field(default_factory=Provenance)
    entrypoint: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    source: Source = field(default_factory=Source)
    external: str = ""
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Annotation:
    """Change what people wrote about a model or version; what is not named stays.

    Attributes:
        description: new text; None keeps the old one.
        tags: set these; a value of None removes the tag.
        add_labels, remove_labels: labels to add and to take away.
    """

    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AliasTarget:
    """Point an alias at a version: ``v1.2.0``, a number, or ``@other``."""

    version: str


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """Report what was measured elsewhere.

    Attributes:
        check: name of the check.
        subject: digest of the version that was measured.
        measured_at: when; aware.
        junit: instead of facts, for ``unit_tests``: the digest of an uploaded JUnit XML.
        commit: the commit that a JUnit report speaks of.
    """

    check: str
    subject: Digest
    measured_at: datetime
    measurement: Measurement = field(default_factory=Measurement)
    settings: Mapping[str, Any] = field(default_factory=dict)
    junit: Digest | None = None
    commit: str = ""


@dataclass(frozen=True, slots=True)
class RunCheck:
    """Ask a worker to run a check; without settings those of the applying policy are taken."""

    check: str
    settings: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewPromotion:
    """Request a change of stage."""

    stage: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A comment that goes with a decision.

    ``request_digest``, where given, must still be what is asked for.
    """

    comment: str = ""
    request_digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Rollback:
    """Bring the previous Production version back, or the one named by ``to``."""

    to: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class PolicySwitch:
    """Put the policy for ``*``, ``team/*`` or ``team/task`` into mode ``enforce`` or ``observe``."""

    pattern: str
    mode: str


@dataclass(frozen=True, slots=True)
class NewPrincipal:
    """Make a person or service account known."""

    name: str
    kind: str = "person"
    owner: str = ""
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class NewPassword:
    """Set a password: somebody else's as an admin, one's own with the one before as ``current``."""

    password: str = field(repr=False)
    current: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PrincipalChange:
    """Disable or enable a principal."""

    disabled: bool


@dataclass(frozen=True, slots=True)
class NewGrant:
    """Give a role on ``*``, ``team/*`` or ``team/task``; ``stages`` None means all."""

    principal: str
    role: str
    pattern: str
    stages: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """Make a token; ``principal`` empty means the caller's own."""

    scopes: tuple[str, ...]
    principal: str = ""
    pattern: str = "*"
    lifetime_days: float = 90.0
    description: str = ""


@dataclass(frozen=True, slots=True)
class NewHook:
    """Have somebody told of what happens.

    Attributes:
        url: where to.
        events: kinds of events, e.g. ``model_version.created``.
        secret: what messages are signed with; "" for unsigned ones. Never shown again.
        status: ``ACTIVE`` or ``DISABLED``.
    """

    name: str
    url: str = field(repr=False)
    events: tuple[str, ...]
    description: str = ""
    secret: str = field(default="", repr=False)
    status: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class HookChange:
    """Change a webhook; None leaves what is there, an empty secret takes it away."""

    name: str | None = None
    url: str | None = field(default=None, repr=False)
    events: tuple[str, ...] | None = None
    description: str | None = None
    secret: str | None = field(default=None, repr=False)
    status: str | None = None


@dataclass(frozen=True, slots=True)
class HookTrial:
    """Send an example to a webhook: of this kind of event, or of the first that it is told of."""

    event: str = ""
