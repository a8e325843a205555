"""Where a version comes from: the six items the guide always wants stored.

Training data with its hash, code commit, hyperparameters, held-out metrics, the full frozen
environment, and the hardware. ``missing`` names those that are absent, so that a gate can refuse.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.names import check_text

Scalar = str | int | float | bool | None
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PINNED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[^\s;=<>~!,*]+")
# User information of an address, RFC 3986, 3.2.1; the last @ of an authority ends it.
_LOGIN: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")
MAX_ITEMS: Final = 5_000


def is_commit(text: str) -> bool:
    """Tell whether a text is a full SHA-1 or SHA-256 commit in lower-case hex."""
    return _COMMIT.fullmatch(text) is not None


class DataRole(Enum):
    """What a data file was or is to be used for."""

    TRAINING = "training"
    VALIDATION = "validation"
    EVALUATION = "evaluation"
    GOLDEN = "golden"


class TableFormat(Enum):
    """How a table is stored."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class DataReference:
    """One data file, named by its digest.

    Attributes:
        role: what it is for. ``golden`` holds recorded inputs and the predictions they must give.
        digest: of the file's bytes.
        size_bytes: of the file.
        name: where it came from, for people: a path, URI or data version.
        table: storage format; None when it is not a table.
        label: column with the true outcome, where there is one.
        row_count: if known.
    """

    role: DataRole
    digest: Digest
    size_bytes: int
    name: str = ""
    table: TableFormat | None = None
    label: str = ""
    row_count: int | None = None

    def __post_init__(self) -> None:
        """Check texts and sizes.

        Raises:
            BadInputError: a negative size or an overlong text.
        """
        check_text(self.name, "data.name", limit_bytes=2048)
        check_text(self.label, "data.label", limit_bytes=512)
        if self.size_bytes < 0 or (self.row_count or 0) < 0:
            raise BadInputError.of("data.size_bytes", "must not be negative")


@dataclass(frozen=True, slots=True)
class Code:
    """The training code: git ``commit``, whether the work tree was ``dirty``, where it lives.

    ``source_digest`` names the bytes of the training source itself, where it was captured; two
    versions with equal source digests have the same code whatever else was committed between.
    """

    commit: str
    dirty: bool = False
    repository: str = ""
    source_digest: Digest | None = None

    def __post_init__(self) -> None:
        """Check the commit.

        Raises:
            BadInputError: not a full SHA-1 or SHA-256 commit in lower-case hex.
        """
        if not _COMMIT.fullmatch(self.commit):
            raise BadInputError.of(
                "provenance.code.commit",
                "must be a full commit hash, 40 or 64 hex digits",
                repr(self.commit)[:80],
            )
        check_text(self.repository, "provenance.code.repository", limit_bytes=2048)


@dataclass(frozen=True, slots=True)
class Environment:
    """The frozen environment: Python version, platform, and each package as ``pip freeze`` says it.

    Attributes:
        complete: false where only those packages are named that the model uses itself (as MLflow's
            ``requirements.txt`` does): what these need is found when the environment is built.
    """

    python: str
    platform: str = ""
    packages: tuple[str, ...] = ()
    complete: bool = True

    def __post_init__(self) -> None:
        """Check the texts.

        Raises:
            BadInputError: no ``X.Y.Z`` Python version, or a line that is empty or too long.
        """
        if not re.fullmatch(r"\d+\.\d+\.\d+\S{0,32}", self.python):
            raise BadInputError.of("provenance.environment.python", "must be X.Y.Z", repr(self.python)[:60])
        if len(self.packages) > MAX_ITEMS:
            raise BadInputError.of("provenance.environment.packages", f"must be at most {MAX_ITEMS}")
        for line in self.packages:
            check_text(line, "provenance.environment.packages", limit_bytes=1024, empty=False)
            if "\n" in line or "\r" in line:
                raise BadInputError.of(
                    "provenance.environment.packages", "one requirement a line", repr(line)[:80]
                )

    @property
    def unpinned(self) -> tuple[str, ...]:
        """The lines that do not pin one released version with ``==``."""
        return tuple(line for line in self.packages if not _PINNED.fullmatch(line))

    @property
    def digest(self) -> Digest:
        """Names this environment: equal for equal Python and packages, whatever their order."""
        names = sorted(self.packages, key=str.lower)
        said = {"python": self.python, "platform": self.platform, "packages": names}
        return canonical_digest(said if self.complete else {**said, "complete": False})


def requirement_without_login(line: str) -> str:
    """Return a requirement without the user names and passwords of its addresses."""
    return _LOGIN.sub(r"\1", line)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What it was trained on; ``accelerators`` is empty where there was none."""

    cpu: str
    cpu_count: int
    memory_bytes: int
    accelerators: tuple[str, ...] = ()


def together(digests: Sequence[Digest]) -> Digest | None:
    """Name several data files as one: the digest of the only one, or of the list; None for none."""
    if len(digests) <= 1:
        return digests[0] if digests else None
    return canonical_digest(list(digests))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything known of a version's making; each absent item is None or empty."""

    data: tuple[DataReference, ...] = ()
    code: Code | None = None
    hyperparameters: Mapping[str, Scalar] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    environment: Environment | None = None
    hardware: Hardware | None = None
    architecture: str = ""

    def __post_init__(self) -> None:
        """Check numbers and sizes.

        Raises:
            BadInputError: a metric or hyperparameter that is NaN or infinite, or too many items.
        """
        for name, number in self.metrics.items():
            check_text(name, "provenance.metrics", limit_bytes=250, empty=False)
            if isinstance(number, bool) or not math.isfinite(number):
                raise BadInputError.of(f"provenance.metrics.{name}", "must be a finite number", repr(number))
        for name, value in (self.hyperparameters or {}).items():
            check_text(name, "provenance.hyperparameters", limit_bytes=500, empty=False)
            if isinstance(value, float) and not math.isfinite(value):
                raise BadInputError.of(
                    f"provenance.hyperparameters.{name}", "must be finite; write it as text", repr(value)
                )
        sizes = {"data": self.data, "hyperparameters": self.hyperparameters or (), "metrics": self.metrics}
        for name, items in sizes.items():
            if len(items) > MAX_ITEMS:
                raise BadInputError.of(
                    f"provenance.{name}", f"must be at most {MAX_ITEMS} items", str(len(items))
                )
        check_text(self.architecture, "provenance.architecture", limit_bytes=1024)

    def data_of(self, role: DataRole) -> tuple[DataReference, ...]:
        """Return the data files with that role, in the order given."""
        return tuple(reference for reference in self.data if reference.role is role)

    def data_digest(self, role: DataRole) -> Digest | None:
        """Name all data of a role together: its digest, or the digest of the list of several.

        Returns:
            None when the version declares none.
        """
        return together([reference.digest for reference in self.data_of(role)])

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the guide's six items that are absent."""
        present = {
            "training data": bool(self.data_of(DataRole.TRAINING)),
            "code commit": self.code is not None,
            "hyperparameters": self.hyperparameters is not None,
            "held-out metrics": bool(self.metrics),
            "environment": self.environment is not None and bool(self.environment.packages),
            "hardware": self.hardware is not None,
        }
        return tuple(name for name, there in present.items() if not there)
