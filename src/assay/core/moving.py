"""Moving in: what another registry keeps, in its own numbers and words, and what came of it here.

Values that the tracking rules know already (points, data sets, traces) are those of ``core.tracking``;
what has another id, place or form over there is foreign until a use case has found its place here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.logged_models import LoggedModel
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import ModelOutput, RunStatus
from assay.core.tracking.spans import Span
from assay.core.tracking.traces import Trace

# The kinds of things that are counted, in the order in which they move.
KINDS: Final = ("experiment", "logged_model", "run", "point", "file", "trace", "model", "version", "alias")
DELETED: Final = "deleted"


@dataclass(frozen=True, slots=True)
class ForeignExperiment:
    """An experiment as it is kept elsewhere; ``artifact_root`` is a place in that registry's words."""

    id: str
    name: str
    artifact_root: str
    created_at_ms: int
    updated_at_ms: int
    deleted: bool
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """A run as it is kept elsewhere, without the points of its metrics.

    Attributes:
        latest: of each metric the point that counts.
        point_count: of all its metrics; None where the source does not tell before they are read.
        deleted_at_ms: None where the source does not tell, or the run is active.
    """

    id: str
    experiment_id: str
    name: str
    user: str
    status: RunStatus
    started_at_ms: int
    ended_at_ms: int | None
    artifact_root: str
    deleted: bool
    deleted_at_ms: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[str, ...] = ()
    model_outputs: tuple[ModelOutput, ...] = ()
    latest: Mapping[str, Point] = field(default_factory=dict)
    point_count: int | None = None


@dataclass(frozen=True, slots=True)
class ForeignLoggedModel:
    """A logged model as it is kept elsewhere: ``model`` has the foreign place, no experiment of ours."""

    model: LoggedModel
    experiment_id: str


@dataclass(frozen=True, slots=True)
class ForeignTrace:
    """A trace as it is kept elsewhere, with its spans; ``trace`` names no experiment of ours yet.

    Attributes:
        run_ids: of the runs it is linked to.
        problem: why its spans could not be read; "" when they could.
    """

    trace: Trace
    experiment_id: str
    spans: tuple[Span, ...] = ()
    run_ids: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A registered model as it is kept elsewhere; ``aliases`` point at version numbers."""

    name: str
    created_at_ms: int
    updated_at_ms: int
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignVersion:
    """A version of a registered model as it is kept elsewhere.

    Attributes:
        stage: in the source's words, ``None`` for none, :data:`DELETED` for a number that is taken only.
        place: where the source says that the files are; "" when it does not know better than ``source``.
        user: who registered it; "" where that was not kept.
    """

    name: str
    number: int
    created_at_ms: int
    updated_at_ms: int
    source: str
    place: str = ""
    run_id: str = ""
    model_id: str = ""
    user: str = ""
    stage: str = "None"
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    run_link: str = ""


@dataclass(frozen=True, slots=True)
class ForeignPlace:
    """Where files are: the place in the source's words, and whose it is (one of the ids, or neither)."""

    root: str
    run_id: str = ""
    model_id: str = ""


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file below a place.

    Attributes:
        path: relative to the place, ``/`` between folders; not checked by anybody yet.
        size_bytes: None where the source does not tell.
        modified_at_ms: None where the source does not tell.
        problem: why it cannot be read, such as a link that leads elsewhere; "" when it can.
        curable: whether the problem is none of its nature: with other rights, or later, it can be read.
    """

    path: str
    size_bytes: int | None = None
    modified_at_ms: int | None = None
    problem: str = ""
    curable: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """That one thing of one source was moved in.

    Attributes:
        source: which source, without credentials.
        kind: one of :data:`KINDS`.
        id: over there.
        here: what it is called here.
        mark: digest of what was read and found to be equal here, so that the next import sees what has
            changed; "" until it was found to be equal.
        point_count: for a run, how many points the source had.
    """

    source: str
    kind: str
    id: str
    here: str
    mark: str
    point_count: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not here as it is there.

    Attributes:
        kind: one of :data:`KINDS`.
        name: of the thing, as the source calls it.
        what: what is different, and why.
        explained: whether a rule of this registry or of the source makes it so. What is not explained
            is a fault: the import is not complete.
        advice: what to do about it; "" for nothing.
    """

    kind: str
    name: str
    what: str
    explained: bool
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many things of a kind there are.

    Attributes:
        found: at the source.
        here: of those, in this registry now, as they are there.
        added, changed: by this import.
        excused: of those found, not here or different, each with an explained finding.
    """

    found: int = 0
    here: int = 0
    added: int = 0
    changed: int = 0
    excused: int = 0


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What an import did and what its verification found.

    Attributes:
        source: where from, without credentials.
        verified_files, verified_bytes: read again at the source and here, and compared.
        finding_count: of all findings; ``findings`` holds at most as many as a report may have.
    """

    source: str
    team: str
    started_at: datetime
    finished_at: datetime
    counts: Mapping[str, Count]
    findings: tuple[Finding, ...]
    finding_count: int
    unexplained_count: int
    verified_files: int
    verified_bytes: int

    @property
    def complete(self) -> bool:
        """Whether everything is here as it is there, or it is explained why not."""
        whole = all(each.here + each.excused >= each.found for each in self.counts.values())
        return whole and not self.unexplained_count


def mark_of(value: Any) -> str:
    """Return a short digest of a value made of dataclasses, mappings, texts and numbers.

    Equal values have equal marks, NaN included, whatever the order of their mappings.
    """
    return hashlib.sha256(repr(_ordered(value)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return sorted((str(key), _ordered(item)) for key, item in value.items())
    if isinstance(value, tuple | list):
        return [_ordered(item) for item in value]
    names = getattr(value, "__dataclass_fields__", None)
    return [(name, _ordered(getattr(value, name))) for name in names] if names else repr(value)
