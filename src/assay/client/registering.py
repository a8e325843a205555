"""Registering: everything about a model on this machine, brought into one request."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict

from assay.client.capture_code import capture_code, given_code
from assay.client.capture_data import Source, capture_data
from assay.client.capture_environment import capture_environment
from assay.client.capture_hardware import capture_hardware
from assay.client.capture_model import capture_architecture, capture_hyperparameters
from assay.client.capture_signature import (
    input_fields,
    input_table,
    label_field,
    labels_in,
    onnx_signature,
    output_field,
)
from assay.client.golden import record_golden
from assay.client.local_model import OnnxModel, find_model_file, open_model, predict
from assay.client.tables import Table, as_table
from assay.client.uploading import LocalFile, Progress, collect_files, no_progress
from assay.core.digests import Manifest
from assay.core.errors import BadInputError
from assay.core.provenance import Code, DataReference, DataRole, Environment, Provenance, Scalar
from assay.core.signatures import Signature
from assay.core.versions import Version
from assay.wire.requests import AUTO, NewVersion

Sources = Source | Sequence[Source]


class Details(TypedDict, total=False):
    """What may be told about a version; all of it optional.

    Attributes:
        version: ``auto`` (the smallest step the bump law allows) or ``v1.2.0``.
        data, validation, evaluation: files with training, validation and held-out data; paths, or
            ``DataReference`` for data that lies elsewhere.
        golden: a table of inputs and a column ``prediction``; recorded from the sample when left out.
        label: column with the true outcome in those tables.
        upload_data: False keeps the digests only; checks then cannot read the data.
        sample: a DataFrame, array, or CSV or Parquet file as the model takes it. The model file is
            loaded in this process and asked to predict it, unless ``estimator`` is given.
        predictions: what the model says about the sample, where it shall not be asked.
        estimator: the live model; then no file is loaded.
        load: True loads the model file here even without a sample, to read its hyperparameters.
        signature, hyperparameters, metrics: what is known already; nothing is inferred then.
        environment: frozen elsewhere; else that of ``python``, an interpreter, or of this process.
        source: training source, file or folder, whose bytes are digested.
        commit, repository: of the code, where git is not at hand.
        include: further files or folders of the version, for instance its tests.
        entrypoint: path of the model file in the version, where its content does not make it plain.
        description, tags, labels: for people.
        progress: called with (bytes done, bytes in all, file name).
    """

    version: str
    data: Sources
    validation: Sources
    evaluation: Sources
    golden: Sources
    label: str
    upload_data: bool
    sample: Any
    predictions: Any
    estimator: Any
    load: bool
    signature: Signature
    hyperparameters: Mapping[str, Scalar]
    metrics: Mapping[str, float]
    environment: Environment
    python: str | PathLike[str]
    source: str | PathLike[str]
    commit: str
    repository: str
    include: Sequence[str | PathLike[str]]
    entrypoint: str
    description: str
    tags: Mapping[str, str]
    labels: Sequence[str]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent: files first, then ``wanted``."""

    uploads: tuple[LocalFile, ...]
    wanted: NewVersion
    notes: tuple[str, ...]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered version; ``is_new`` is false when exactly it was there already.

    ``notes`` say what could not be captured and is therefore absent.
    """

    version: Version
    is_new: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sampled:
    """What sample and model gave."""

    signature: Signature | None
    hyperparameters: Mapping[str, Scalar] | None
    architecture: str
    golden: Path | None


@contextmanager
def prepare(path: Path, details: Details) -> Iterator[Plan]:
    """Hash, capture and infer; nothing is sent. Recorded golden predictions live until the block ends.

    Raises:
        BadInputError: a file cannot be read, or something given does not fit.
        TypeError: an unknown detail.
    """
    unknown = sorted(set(details) - Details.__optional_keys__)
    if unknown:
        raise TypeError(f"register() has no detail {', '.join(unknown)}")
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        files = _version_files(path, details)
        sampled = _sample(path, details, Path(folder), notes)
        data = _data(details, sampled.golden, notes)
        wanted = NewVersion(
            files=tuple(file.entry for file in files),
            version=details.get("version", AUTO),
            signature=sampled.signature,
            provenance=_provenance(details, sampled, [reference for reference, _ in data], notes),
            entrypoint=details.get("entrypoint", ""),
            description=details.get("description", ""),
            tags=dict(details.get("tags", {})),
            labels=tuple(details.get("labels", ())),
        )
        Manifest(wanted.files)
        sent = [file for _, file in data if file is not None] if details.get("upload_data", True) else []
        unique = {file.digest: file for file in (*files, *sent)}
        yield Plan(tuple(unique.values()), wanted, tuple(notes), details.get("progress", no_progress))


def _version_files(path: Path, details: Details) -> list[LocalFile]:
    files = list(collect_files(path))
    for extra in map(Path, details.get("include", ())):
        prefix = f"{extra.resolve().name}/" if extra.is_dir() else ""
        files += [
            LocalFile(file.path, prefix + file.name, file.digest, file.size_bytes)
            for file in collect_files(extra)
        ]
    return files


def _sample(path: Path, details: Details, folder: Path, notes: list[str]) -> _Sampled:
    """Look at the sample and at the model, where either is given."""
    model = _live_model(path, details, notes)
    hyperparameters = details.get("hyperparameters")
    if hyperparameters is None and model is not None:
        hyperparameters = capture_hyperparameters(model, notes)
    elif hyperparameters is None:
        notes.append(
            "hyperparameters: not told; give --sample or --load (loads the model here), or --param NAME=VALUE"
        )
    architecture = capture_architecture(model) if model is not None else ""
    signature, golden = details.get("signature"), None
    if details.get("sample") is not None:
        inferred, golden = _from_sample(details, model, folder, notes)
        signature = signature or inferred
    elif signature is None and isinstance(model, OnnxModel):
        signature = onnx_signature(model, notes)
    if signature is None:
        notes.append("signature: not told; give a sample of the input (--sample FILE)")
    return _Sampled(signature, hyperparameters, architecture, golden)


def _live_model(path: Path, details: Details, notes: list[str]) -> Any:
    if details.get("estimator") is not None:
        return details["estimator"]
    asked = details.get("sample") is not None and details.get("predictions") is None
    if not (asked or details.get("load")):
        return None
    file = find_model_file(path, details.get("entrypoint", ""))
    if file is None:
        notes.append("model: there is not exactly one file here that joblib, skops or ONNX Runtime opens")
        return None
    return open_model(file)


def _from_sample(
    details: Details, model: Any, folder: Path, notes: list[str]
) -> tuple[Signature | None, Path | None]:
    whole = as_table(details["sample"])
    label = details.get("label", "")
    table = input_table(whole, model, label)
    predictions = details.get("predictions")
    if predictions is None and model is not None:
        predictions = predict(model, table)
    if predictions is None:
        field = label_field(whole, label) if label else None
        if field is None:
            notes.append("signature: without model, predictions or label column the output is unknown")
            return None, None
        return Signature(input_fields(table), (field,)), None
    output = output_field(predictions, model, labels_in(whole, label), notes)
    if table.array_column is not None:
        notes.append(
            "signature: an array has no column names; give a DataFrame or file, so that checks can feed it"
        )
    golden = None
    if "golden" not in details:
        golden = _golden(table, predictions, folder, notes)
    return Signature(input_fields(table), (output,)), golden


def _golden(table: Table, predictions: Any, folder: Path, notes: list[str]) -> Path | None:
    input_fields(table)
    return record_golden(table, predictions, folder, notes)


def _data(
    details: Details, golden: Path | None, notes: list[str]
) -> list[tuple[DataReference, LocalFile | None]]:
    label = details.get("label", "")
    found = []
    for role, given in (
        (DataRole.TRAINING, details.get("data")),
        (DataRole.VALIDATION, details.get("validation")),
        (DataRole.EVALUATION, details.get("evaluation")),
        (DataRole.GOLDEN, details.get("golden", golden)),
    ):
        outcome = "" if role is DataRole.GOLDEN else label
        found += capture_data(role, _listed(given), outcome, notes)
    if not any(reference.role is DataRole.TRAINING for reference, _ in found):
        notes.append("data: no training data was named (--training-data FILE)")
    return found


def _listed(given: Sources | None) -> Sequence[Source]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str | PathLike | DataReference) else given


def _provenance(
    details: Details, sampled: _Sampled, data: Sequence[DataReference], notes: list[str]
) -> Provenance:
    source = Path(details["source"]) if "source" in details else None
    if details.get("commit") or details.get("repository"):
        code: Code | None = given_code(details.get("commit", ""), details.get("repository", ""), source)
    else:
        code = capture_code(notes, source)
    environment = details.get("environment")
    if environment is None:
        python = details.get("python")
        environment = capture_environment(notes, Path(python) if python else None)
    metrics = details.get("metrics", {})
    if not metrics:
        notes.append("metrics: no held-out metrics were given (--metric NAME=NUMBER)")
    for name, number in metrics.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise BadInputError.of(f"metrics.{name}", "must be a number", repr(number)[:100])
    return Provenance(
        data=tuple(data),
        code=code,
        hyperparameters=sampled.hyperparameters,
        metrics=dict(metrics),
        environment=environment,
        hardware=capture_hardware(notes),
        architecture=sampled.architecture,
    )
