"""A version laid out on disk, and a host that runs a real estimator in this process.

The fake host speaks column files on its own: it shares no code with what it is used to test.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from assay.core.digests import FileEntry, Manifest, digest_of
from assay.core.evidence import Attachment
from assay.core.measuring import CheckCase, DataFile, ModelProblem
from assay.core.names import ModelName
from assay.core.provenance import Code, DataReference, DataRole, Provenance, TableFormat
from assay.core.semver import SemVer
from assay.core.signatures import DType, Field, Signature
from assay.core.versions import FileFormat, Version

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
COMMIT = "c" * 40
_NAMES = {"bool": "boolean", "str": "string"}


def read_column_file(path: Path) -> pd.DataFrame:
    """A column file as the frame that an estimator is given."""
    with np.load(path, allow_pickle=False) as archive:
        meta = json.loads(str(archive["meta"]))
        frame = {}
        for index, column in enumerate(meta["columns"]):
            values = archive[f"c{index}"]
            if column["dtype"] in ("date", "datetime"):
                values = values.astype("datetime64[us]")
            if f"m{index}" in archive:
                mask = archive[f"m{index}"]
                values = np.where(mask, np.nan, values.astype(object if values.dtype.kind == "U" else float))
            frame[column["name"]] = values
        return pd.DataFrame(frame, index=range(meta["rows"]))


def write_column_file(path: Path, columns: dict[str, Any]) -> Path:
    """Arrays without missing values as a column file."""
    arrays, described = {}, []
    for index, (name, values) in enumerate(columns.items()):
        array = np.asarray(values)
        array = array.astype(str) if array.dtype.kind in "OU" else array
        arrays[f"c{index}"] = array
        dtype = "string" if array.dtype.kind == "U" else _NAMES.get(array.dtype.name, array.dtype.name)
        described.append({"name": name, "dtype": dtype})
    arrays["meta"] = np.array(json.dumps({"rows": len(arrays["c0"]), "columns": described}))
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


@dataclass
class FakeModel:
    """Answers in this process; one thread answers single rows, in the order they were asked."""

    estimator: Any
    folder: Path
    facts: dict[str, Any]
    seen: list[pd.DataFrame] = field(default_factory=list)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    rows: pd.DataFrame | None = None
    dead: bool = False

    def predict(self, features: Path, *, timeout_s: float = 300.0) -> Path:
        frame = read_column_file(features)
        self.seen.append(frame)
        columns = {"prediction": self._ask(lambda: self.estimator.predict(frame))}
        if hasattr(self.estimator, "predict_proba"):
            shares = self._ask(lambda: self.estimator.predict_proba(frame))
            columns |= {f"probability:{name}": shares[:, i] for i, name in enumerate(self.estimator.classes_)}
        return write_column_file(self.folder / f"out-{len(self.seen)}.npz", columns)

    def preload(self, features: Path) -> None:
        self.rows = read_column_file(features)

    def submit(self, row: int) -> "Future[Any]":
        return self.pool.submit(self._row, row)

    def _row(self, row: int) -> Any:
        value = self._ask(lambda: self.estimator.predict(self.rows.iloc[row : row + 1]))[0]
        return value.item() if hasattr(value, "item") else value

    def _ask(self, question: Callable[[], Any]) -> Any:
        if self.dead:
            raise ModelProblem("the model process is gone")
        try:
            return question()
        except SystemExit as end:
            self.dead = True
            raise ModelProblem("the model process ended with exit code 1") from end
        except (ValueError, TypeError, KeyError) as error:
            raise ModelProblem(f"{type(error).__name__}: {error}") from error


@dataclass
class FakeHost:
    """Opens ``estimator``; ``problem`` is raised instead when set; ``junit`` is what tests answer."""

    estimator: Any
    folder: Path
    problem: ModelProblem | None = None
    junit: bytes = b""
    opened: list[FakeModel] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[FakeModel]:
        if self.problem is not None:
            raise self.problem
        built = {"digest": "sha256:" + "e" * 64, "build_seconds": 1.5}
        model = FakeModel(self.estimator, self.folder, {"load_ms": 12.5, "environment": built})
        self.opened.append(model)
        try:
            yield model
        finally:
            model.pool.shutdown(cancel_futures=True)

    def run_tests(self, directory: str, *, timeout_s: float = 600.0) -> bytes:
        if self.problem is not None:
            raise self.problem
        return self.junit


@dataclass
class Bench:
    """Builds cases; keeps what a check attached."""

    folder: Path
    attached: dict[str, bytes] = field(default_factory=dict)
    host: FakeHost | None = None

    def table(self, name: str, table: pl.DataFrame | str | bytes) -> Path:
        """Write a table: Parquet, or CSV when the name says so; texts and bytes as they are."""
        path = self.folder / name
        if isinstance(table, bytes | str):
            path.write_bytes(table if isinstance(table, bytes) else table.encode())
        elif path.suffix == ".csv":
            table.write_csv(path)
        else:
            table.write_parquet(path)
        return path

    def case(
        self,
        estimator: Any = None,
        signature: Signature | None = None,
        *,
        settings: dict[str, Any] | None = None,
        label: str = "",
        files: Sequence[str] = ("model.joblib",),
        stored: bool = True,
        problem: ModelProblem | None = None,
        junit: bytes = b"",
        **data: Path | Sequence[Path],
    ) -> CheckCase:
        """A case; ``data`` are files by role."""
        placed: dict[DataRole, tuple[DataFile, ...]] = {}
        for name, paths in data.items():
            role = DataRole(name)
            several = [paths] if isinstance(paths, Path) else list(paths)
            placed[role] = tuple(self._data(role, path, label, stored) for path in several)
        entries = [FileEntry(path, digest_of(path.encode()), 1) for path in files]
        manifest = Manifest(entries)
        version = Version(
            model=ModelName("team/task"),
            number=1,
            semver=SemVer.parse("v1.0.0"),
            digest=manifest.digest,
            size_bytes=manifest.size_bytes,
            files=manifest.entries,
            formats=(FileFormat("model.joblib", "joblib", "code"),),
            entrypoint="model.joblib",
            signature=signature,
            provenance=Provenance(
                data=tuple(each.reference for several in placed.values() for each in several),
                code=Code(COMMIT),
            ),
            bump_reasons=(),
            registered_at=NOON,
            registered_by="ann",
        )
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        self.host = FakeHost(estimator, scratch, problem, junit)
        return CheckCase(version, settings or {}, self.folder, placed, scratch, self.host, self._attach)

    def _data(self, role: DataRole, path: Path, label: str, stored: bool) -> DataFile:
        kind = {".csv": TableFormat.CSV, ".parquet": TableFormat.PARQUET}.get(path.suffix)
        content = path.read_bytes()
        reference = DataReference(role, digest_of(content), len(content), path.name, kind, label)
        return DataFile(reference, path if stored else None)

    def _attach(self, name: str, content: bytes, media_type: str) -> Attachment:
        self.attached[name] = content
        return Attachment(name, digest_of(content), len(content), media_type)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def signature(inputs: dict[str, str], output: str, classes: Sequence[Any] = (), **more: Any) -> Signature:
    """Columns by dtype name; a ``?`` behind it makes the input optional."""
    fields = [
        Field(name, DType(dtype.rstrip("?")), required=not dtype.endswith("?"))
        for name, dtype in inputs.items()
    ]
    return Signature(tuple(fields), (Field("prediction", DType(output), classes=tuple(classes), **more),))


@pytest.fixture(name="signature")
def _signature() -> Callable[..., Signature]:
    return signature


@dataclass(frozen=True)
class Trained:
    """A fitted estimator, its signature, and rows it has not seen with their true ``outcome``."""

    estimator: Any
    signature: Signature
    table: pl.DataFrame


def people(count: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.integers(18, 80, count), "income": rng.normal(3.0, 1.0, count)})
    score = frame["income"] + 0.02 * frame["age"] + rng.normal(0, 1, count)
    frame["good"] = score > 4
    frame["sex"] = rng.choice(["f", "m"], count)
    frame["race"] = rng.choice(["a", "b", "c"], count)
    return frame


@pytest.fixture
def classifier() -> Callable[..., Trained]:
    """A classifier whose classes are these two values, the second meaning good."""

    def train(classes: Sequence[Any] = ("bad", "good"), *, declare: bool = True) -> Trained:
        learned, held = people(400, 1), people(300, 2)
        outcome = np.array(classes)[learned["good"].astype(int)]
        fitted = LogisticRegression().fit(learned[["age", "income"]], outcome)
        kind = {"U": "string", "i": "int64", "b": "boolean", "f": "float64"}[outcome.dtype.kind]
        declared = [each.item() if hasattr(each, "item") else each for each in fitted.classes_]
        sig = signature({"age": "int64", "income": "float64"}, kind, declared if declare else ())
        held["outcome"] = np.array(classes)[held.pop("good").astype(int)]
        return Trained(fitted, sig, pl.from_pandas(held))

    return train


@pytest.fixture
def regressor() -> Trained:
    learned, held = people(400, 1), people(300, 2)
    fitted = LinearRegression().fit(learned[["age"]], learned["income"])
    table = pl.from_pandas(held[["age", "income"]]).rename({"income": "outcome"})
    return Trained(fitted, signature({"age": "int64"}, "float64"), table)
