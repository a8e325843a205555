"""What a tracked run and the files beside its model say, as the provenance of a version. Pure."""

import json
import math
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.provenance import MAX_ITEMS, Code, DataReference, DataRole, Provenance, Scalar
from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.logged_models import LoggedModel
from assay.core.tracking.runs import LoggedRun
from assay.formats.freezes import read_freeze
from assay.formats.mlmodel import PackedModel

COMMIT_TAG: Final = "mlflow.source.git.commit"
REPOSITORY_TAG: Final = "mlflow.source.git.repoURL"
DIRTY_TAG: Final = "mlflow.source.git.dirty"
DATA_HASH_TAG: Final = "data.hash"
DATA_VERSION_TAG: Final = "data.version"
_SHA256: Final = re.compile(r"sha256:[0-9a-f]{64}")
_MANY: Final = 2**53  # beyond, a number of JSON is not exact
_ROLES: Final = {
    "train": DataRole.TRAINING,
    "training": DataRole.TRAINING,
    "validation": DataRole.VALIDATION,
    "val": DataRole.VALIDATION,
    "eval": DataRole.EVALUATION,
    "evaluation": DataRole.EVALUATION,
    "test": DataRole.EVALUATION,
    "testing": DataRole.EVALUATION,
}


def provenance_of(run: LoggedRun | None, packed: PackedModel, freeze: Mapping[str, bytes]) -> Provenance:
    """Put together what is known; what nobody said stays missing."""
    environment, architecture = read_freeze(freeze, packed.python), _brief(packed.architecture)
    if run is None:
        return Provenance(environment=environment, architecture=architecture)
    return Provenance(
        data=_data(run),
        code=_code(run.tags),
        hyperparameters=dict(_parameters(run)) if run.params else None,
        metrics=_metrics(run),
        environment=environment,
        architecture=architecture,
    )


def reported_metrics(run: LoggedRun | None, model: LoggedModel | None) -> dict[str, Any]:
    """Return the facts of the evidence that what was logged of a model is; empty when nothing was.

    Beside the metrics of the run that made it, those count that other runs (an evaluation, say) logged
    about the model; of each name that the run does not say, the last point.
    """
    about = sorted(
        (each.point for each in (model.metrics if model else ())),
        key=lambda point: (point.step, point.timestamp_ms),
    )
    told = {point.key: point.value for point in about if math.isfinite(point.value)}
    metrics = told | (_metrics(run) if run else {})
    rows = _rows(run, metrics)
    return {"metrics": metrics, **({"rows": rows} if rows else {})} if metrics else {}


def _rows(run: LoggedRun | None, metrics: Mapping[str, float]) -> int:
    """Return on how many rows a model was evaluated; 0 where nobody said.

    MLflow's evaluator counts them; else the profiles of the evaluation data say how long it is.
    """
    counted = metrics.get("example_count", 0.0)
    if 0 < counted < _MANY:
        return int(counted)
    profiles = [
        each.dataset.profile
        for each in (run.datasets if run else ())
        if _ROLES.get(each.context.lower()) is DataRole.EVALUATION
    ]
    rows = sum(map(_length, profiles))
    return rows if rows < _MANY else 0


def _length(profile: str) -> int:
    try:
        told = json.loads(profile or "{}")
    except (ValueError, RecursionError):
        return 0
    rows = told.get("num_rows") if isinstance(told, dict) else None
    return rows if isinstance(rows, int) and not isinstance(rows, bool) and rows > 0 else 0


def _metrics(run: LoggedRun) -> dict[str, float]:
    """Return the finite ones: NaN and infinity say nothing that could be compared."""
    finite = (point for point in run.metrics if math.isfinite(point.value) and _fits(point.key, 250))
    return {point.key: point.value for point in islice(finite, MAX_ITEMS)}


def _parameters(run: LoggedRun) -> Mapping[str, Scalar]:
    fitting = ((key, value) for key, value in run.params.items() if _fits(key, 500))
    return {key: value[:10_000] for key, value in islice(fitting, MAX_ITEMS)}


def _code(tags: Mapping[str, str]) -> Code | None:
    try:
        dirty = tags.get(DIRTY_TAG, "").lower() == "true"
        return (
            Code(tags[COMMIT_TAG].lower(), dirty, _brief(tags.get(REPOSITORY_TAG, "")))
            if COMMIT_TAG in tags
            else None
        )
    except BadInputError:
        return None  # no full commit: it names no code


def _data(run: LoggedRun) -> tuple[DataReference, ...]:
    found = [_reference(each) for each in run.datasets[: MAX_ITEMS - 1]]
    said = run.tags.get(DATA_HASH_TAG, "")
    if _SHA256.fullmatch(said):
        name = _brief(run.tags.get(DATA_VERSION_TAG, ""))
        found.append(DataReference(DataRole.TRAINING, Digest(said), 0, name))
    return tuple(found)


def _reference(each: DatasetInput) -> DataReference:
    """Name a data set by what the client said of it: its own digest is not one of bytes."""
    data = each.dataset
    said = {"name": data.name, "digest": data.digest, "source_type": data.source_type, "source": data.source}
    role = _ROLES.get(each.context.lower(), DataRole.TRAINING)
    return DataReference(role, canonical_digest(said), 0, _brief(f"{data.name} (declared {data.digest})"))


def _fits(key: str, limit_bytes: int) -> bool:
    """Tell whether provenance can hold a name; tracking counts letters, and holds more of them."""
    return len(key.encode()) <= limit_bytes


def _brief(text: str) -> str:
    """Return the beginning of a text that says for people where something is from, of at most 1000 bytes."""
    return text.replace("\0", "")[:250]
