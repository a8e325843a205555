"""Models and their versions, as the registry knows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from assay.core.ci_runs import CiRun
from assay.core.digests import Digest, FileEntry, Manifest
from assay.core.names import ModelName
from assay.core.provenance import Provenance
from assay.core.semver import SemVer
from assay.core.signatures import Signature
from assay.core.stages import Stage


@dataclass(frozen=True, slots=True)
class Model:
    """A named task of a team; its versions are kept apart.

    Attributes:
        known_as: the name by which clients of other registries know it; unique, and may change.
        changed_at: when its name or description last changed, or which versions and stages it has.
    """

    name: ModelName
    created_at: datetime
    created_by: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    known_as: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where the files of a version were taken from when it was registered; empty where not said.

    Attributes:
        uri: in the words of whoever registered it, e.g. ``runs:/<run>/model``.
        run_id: the tracked run that made the model.
        logged_model_id: the logged model that it is.
    """

    uri: str = ""
    run_id: str = ""
    logged_model_id: str = ""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What the content of a file was recognised as, without executing it.

    Attributes:
        path: of the file.
        format: e.g. ``skops``, ``joblib``, ``onnx``; ``unclassified`` when nothing recognised it.
        risk: ``data``, ``effects`` or ``code`` (DESIGN law 9; reference page file-security).
        detail: why, in a few words.
    """

    path: str
    format: str
    risk: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version.

    Everything down to ``formats`` never changes once registered (law 1). The rest is the
    present state: stage, ungated, description, tags, labels, aliases.

    Attributes:
        number: counts up per model, never reused.
        digest: root digest of the files; the identity.
        entrypoint: path of the file that a loader opens; "" when none was recognised.
        bump_reasons: why the version number had to move as it did.
        source: where the files were taken from.
        external: URI of bytes that nobody has read; "" for a version whose bytes are stored here. Such
            a version can never enter Staging or Production.
        ungated: names of the gates that do not hold although the version stands in Staging or
            Production; empty in every other stage, and where all gates hold.
        published: the job of a CI service that registered it, as its provider signed; None for others.
    """

    model: ModelName
    number: int
    semver: SemVer
    digest: Digest
    size_bytes: int
    files: tuple[FileEntry, ...]
    formats: tuple[FileFormat, ...]
    entrypoint: str
    signature: Signature | None
    provenance: Provenance
    bump_reasons: tuple[str, ...]
    registered_at: datetime
    registered_by: str
    stage: Stage = Stage.DEVELOPMENT
    stage_since: datetime | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    source: Source = field(default_factory=Source)
    external: str = ""
    changed_at: datetime | None = None
    ungated: tuple[str, ...] = ()
    published: CiRun | None = None

    @property
    def address(self) -> str:
        """``team/task/vX.Y.Z``."""
        return f"{self.model}/{self.semver}"

    @property
    def manifest(self) -> Manifest:
        """The files as a manifest."""
        return Manifest(self.files)

    @property
    def format(self) -> str:
        """Format of the entry point, or ``unclassified``."""
        return next((each.format for each in self.formats if each.path == self.entrypoint), "unclassified")
