"""What a tracked run and the files beside its model say, as the provenance of a version. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.provenance import MAX_ITEMS, Code, DataReference, DataRole, Provenance, Scalar
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


def role_of(each: DatasetInput) -> DataRole:
    """Return what a run says that it used a data set for; one without a word is taken for training data."""
    return _ROLES.get(each.context.lower(), DataRole.TRAINING)


def reference_of(each: DatasetInput) -> DataReference:
    """Name a data set by what the client said of it: its own digest is not one of bytes."""
    data = each.dataset
    said = {"name": data.name, "digest": data.digest, "source_type": data.source_type, "source": data.source}
    return DataReference(
        role_of(each), canonical_digest(said), 0, _brief(f"{data.name} (declared {data.digest})")
    )


def fits(key: str, limit_bytes: int) -> bool:
    """Tell whether provenance can hold a name; tracking counts letters, and holds more of them."""
    return len(key.encode()) <= limit_bytes


def _metrics(run: LoggedRun) -> dict[str, float]:
    """Return the finite ones: NaN and infinity say nothing that could be compared."""
    finite = (point for point in run.metrics if math.isfinite(point.value) and fits(point.key, 250))
    return {point.key: point.value for point in islice(finite, MAX_ITEMS)}


def _parameters(run: LoggedRun) -> Mapping[str, Scalar]:
    fitting = ((key, value) for key, value in run.params.items() if fits(key, 500))
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
    found = [reference_of(each) for each in _declared(run.datasets)[: MAX_ITEMS - 1]]
    said = run.tags.get(DATA_HASH_TAG, "")
    if _SHA256.fullmatch(said):
        name = _brief(run.tags.get(DATA_VERSION_TAG, ""))
        found.append(DataReference(DataRole.TRAINING, Digest(said), 0, name))
    return tuple(found)


def _declared(inputs: Sequence[DatasetInput]) -> Sequence[DatasetInput]:
    """Leave out inputs without a context where others say what they were for.

    ``mlflow.evaluate`` notes the table it looks at without saying so: it would become training data.
    """
    said = [each for each in inputs if each.context]
    trained = any(role_of(each) is DataRole.TRAINING for each in said)
    known = {each.dataset.digest for each in said}
    return [each for each in inputs if each.context or not (trained or each.dataset.digest in known)]


def _brief(text: str) -> str:
    """Return the beginning of a text that says for people where something is from, of at most 1000 bytes."""
    return text.replace("\0", "")[:250]
