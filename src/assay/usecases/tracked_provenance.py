"""What a tracked run and the files beside its model say, as the provenance of a version. Pure."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.provenance import Code, DataReference, DataRole, Provenance, Scalar
from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.runs import LoggedRun
from assay.formats.freezes import read_freeze
from assay.formats.mlmodel import PackedModel

COMMIT_TAG: Final = "mlflow.source.git.commit"
REPOSITORY_TAG: Final = "mlflow.source.git.repoURL"
DIRTY_TAG: Final = "mlflow.source.git.dirty"
DATA_HASH_TAG: Final = "data.hash"
DATA_VERSION_TAG: Final = "data.version"
_SHA256: Final = re.compile(r"sha256:[0-9a-f]{64}")
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
    environment = read_freeze(freeze, packed.python)
    if run is None:
        return Provenance(environment=environment, architecture=packed.architecture)
    return Provenance(
        data=_data(run),
        code=_code(run.tags),
        hyperparameters=dict(_parameters(run)) if run.params else None,
        metrics=_metrics(run),
        environment=environment,
        architecture=packed.architecture,
    )


def reported_metrics(run: LoggedRun, model_id: str) -> dict[str, Any]:  # noqa: ARG001
    """Return the facts of the evidence that a run's own metrics are; empty when it logged none."""
    metrics = _metrics(run)
    return {"metrics": metrics} if metrics else {}


def _metrics(run: LoggedRun) -> dict[str, float]:
    """Return the finite ones: NaN and infinity say nothing that could be compared."""
    return {point.key: point.value for point in run.metrics if math.isfinite(point.value)}


def _parameters(run: LoggedRun) -> Mapping[str, Scalar]:
    return {key: value[:10_000] for key, value in run.params.items()}


def _code(tags: Mapping[str, str]) -> Code | None:
    try:
        dirty = tags.get(DIRTY_TAG, "").lower() == "true"
        return (
            Code(tags[COMMIT_TAG].lower(), dirty, tags.get(REPOSITORY_TAG, ""))
            if COMMIT_TAG in tags
            else None
        )
    except BadInputError:
        return None  # no full commit: it names no code


def _data(run: LoggedRun) -> tuple[DataReference, ...]:
    found = [_reference(each) for each in run.datasets]
    said = run.tags.get(DATA_HASH_TAG, "")
    if _SHA256.fullmatch(said):
        name = run.tags.get(DATA_VERSION_TAG, "")
        found.append(DataReference(DataRole.TRAINING, Digest(said), 0, name))
    return tuple(found)


def _reference(each: DatasetInput) -> DataReference:
    """Name a data set by what the client said of it: its own digest is not one of bytes."""
    data = each.dataset
    said = {"name": data.name, "digest": data.digest, "source_type": data.source_type, "source": data.source}
    role = _ROLES.get(each.context.lower(), DataRole.TRAINING)
    return DataReference(role, canonical_digest(said), 0, f"{data.name} (declared {data.digest})"[:1000])
