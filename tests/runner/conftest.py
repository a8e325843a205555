"""One real environment for the session, built from what is installed here, and models to open in it."""

import importlib.metadata
import json
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from packaging.requirements import Requirement

from assay.core.digests import FileEntry, Manifest, digest_of
from assay.core.names import ModelName
from assay.core.provenance import Environment, Provenance
from assay.core.semver import SemVer
from assay.core.signatures import Signature
from assay.core.versions import FileFormat, Version
from assay.runner.environments import Environments
from assay.runner.host import Limits, SandboxHost
from assay.runner.sandbox import Confined, run_confined

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def freeze(*names: str) -> tuple[str, ...]:
    """The packages and all they need, as installed here."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        distribution = importlib.metadata.distribution(waiting.pop())
        name = distribution.metadata["Name"]
        if name in found:
            continue
        found[name] = distribution.version
        needs = [Requirement(each) for each in distribution.requires or []]
        waiting += [each.name for each in needs if each.marker is None or each.marker.evaluate({"extra": ""})]
    return tuple(f"{name}=={version}" for name, version in found.items())


@dataclass
class CodeModel:
    """Pickles to something that runs ``source`` on load; it must define ``Model``."""

    source: str

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"(lambda space: (exec({self.source!r}, space), space['Model']())[1])({{}})",)


@pytest.fixture(scope="session")
def frozen() -> Environment:
    return Environment(
        platform.python_version(), "", freeze("scikit-learn", "pandas", "skops", "onnxruntime")
    )


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Environments:
    base = tmp_path_factory.getbasetemp()
    return Environments((base if worker_id == "master" else base.parent) / "environments")


@pytest.fixture
def host_of(tmp_path, environments, frozen):
    """Lay out a version with these files and give its host."""

    def build(
        files: dict[str, bytes],
        kind: str = "joblib",
        *,
        signature: Signature | None = None,
        environment: Environment | None = frozen,
        entrypoint: str = "",
        **limits: Any,
    ) -> SandboxHost:
        folder = tmp_path / "files"
        entries = []
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            entries.append(FileEntry(path, digest_of(content), len(content)))
        entrypoint = entrypoint or next(iter(files))
        manifest = Manifest(entries)
        version = Version(
            model=ModelName("team/task"),
            number=1,
            semver=SemVer.parse("v1.0.0"),
            digest=manifest.digest,
            size_bytes=manifest.size_bytes,
            files=manifest.entries,
            formats=(FileFormat(entrypoint, kind, "code"),),
            entrypoint=entrypoint,
            signature=signature,
            provenance=Provenance(environment=environment),
            bump_reasons=(),
            registered_at=NOON,
            registered_by="ann",
        )
        return SandboxHost(version, folder, environments, tmp_path / "scratch", Limits(**limits))

    return build


@pytest.fixture
def pickled(tmp_path):
    """The bytes of a joblib file with this object in it."""

    def build(model: Any) -> bytes:
        path = tmp_path / "pickled.joblib"
        joblib.dump(model, path)
        return path.read_bytes()

    return build


@pytest.fixture
def code_host(host_of, pickled):
    """The host of a joblib model whose file runs this code."""
    return lambda source, **limits: host_of({"model.joblib": pickled(CodeModel(source))}, **limits)


@pytest.fixture
def features(tmp_path):
    """Write a column file: name -> (dtype, values, mask or None)."""

    def write(**columns: tuple[str, Any, Any]) -> Path:
        arrays, described = {}, []
        for index, (name, (dtype, values, mask)) in enumerate(columns.items()):
            arrays[f"c{index}"] = np.asarray(values)
            if mask is not None:
                arrays[f"m{index}"] = np.asarray(mask)
            described.append({"name": name, "dtype": dtype})
        arrays["meta"] = np.array(json.dumps({"rows": len(arrays["c0"]), "columns": described}))
        path = tmp_path / "features.npz"
        with path.open("wb") as file:
            np.savez(file, **arrays)
        return path

    return write


@pytest.fixture
def outputs():
    """Read a column file of predictions: name -> values."""

    def read(path: Path) -> dict[str, Any]:
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(str(archive["meta"]))
            return {each["name"]: archive[f"c{i}"] for i, each in enumerate(meta["columns"])}

    return read


@pytest.fixture
def confined_python(tmp_path):
    """Run a program text of Python in the sandbox."""

    def run(program: str, *, timeout_s: float = 30.0, **limits: Any):
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        python = str(Path(sys.executable).resolve())
        argv = (python, "-I", "-B", "-c", program)
        confined = Confined(argv, scratch, (Path(sys.base_prefix),), Limits(**limits))
        return run_confined(confined, timeout_s=timeout_s)

    return run
