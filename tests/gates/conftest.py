"""A version that could pass every gate, evidence for it, and dossiers around both."""

import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assay.core.digests import Digest, FileEntry, Manifest, digest_of
from assay.core.dossier import Decision, Dossier
from assay.core.evidence import Evidence, Measurement, Origin
from assay.core.names import ModelName
from assay.core.policies import GateRule
from assay.core.provenance import Code, DataReference, DataRole, Environment, Hardware, Provenance
from assay.core.semver import SemVer
from assay.core.signatures import DType, Field, Signature
from assay.core.stages import Stage
from assay.core.verdicts import Verdict
from assay.core.versions import FileFormat, Version
from assay.gates import Gate, build

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
COMMIT = "a" * 40
REQUEST = digest_of(b"request")


def reference(role: DataRole, content: bytes = b"") -> DataReference:
    return DataReference(role, digest_of(content or role.value.encode()), 7, f"{role.value}.csv")


DATA = tuple(reference(role) for role in DataRole)
MANIFEST = Manifest(
    [FileEntry("model.skops", digest_of(b"m"), 7), FileEntry("tests/test_m.py", digest_of(b"t"), 3)]
)
VERSION = Version(
    model=ModelName("clinic/follow-up"),
    number=3,
    semver=SemVer(1, 2, 0),
    digest=MANIFEST.digest,
    size_bytes=MANIFEST.size_bytes,
    files=MANIFEST.entries,
    formats=(FileFormat("model.skops", "skops", "data"),),
    entrypoint="model.skops",
    signature=Signature((Field("age", DType.FLOAT64),), (Field("prediction", DType.STRING),)),
    provenance=Provenance(
        data=DATA,
        code=Code(COMMIT),
        hyperparameters={"C": 0.5},
        metrics={"accuracy": 0.97},
        environment=Environment("3.11.4", "linux", ("numpy==2.1.0", "scikit-learn==1.7.0")),
        hardware=Hardware("CPU", 8, 2**34),
    ),
    bump_reasons=(),
    registered_at=NOW - timedelta(days=1),
    registered_by="ann",
)


def cell(
    group: str, count: int, selected: int, positives: int = 0, true_positives: int = 0
) -> dict[str, Any]:
    return {
        "group": group,
        "count": count,
        "selected": selected,
        "positives": positives,
        "true_positives": true_positives,
        "negatives": count - positives,
        "false_positives": selected - true_positives,
    }


def axis_facts(
    *cells: dict[str, Any], columns: tuple[str, ...] = ("sex",), unknown: int = 0
) -> dict[str, Any]:
    total = sum(each["count"] for each in cells) + unknown
    axis = {"axis": " x ".join(columns), "columns": list(columns), "unknown": unknown, "cells": list(cells)}
    return {"rows": total, "favourable": "yes", "axes": [axis]}


def file_facts(*files: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    scanned = [
        {"path": path, "format": kind, "risk": risk, "detail": "", "findings": [], "globals": [], **more}
        for path, kind, risk in files
    ]
    return {"files": scanned, "risk": "data", "rules": "1"}


# gate -> settings and facts with which it passes
PASSING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "unit_tests": (
        {"min_tests": 2},
        {
            "tests": 4,
            "passed": 3,
            "failed": 0,
            "errors": 0,
            "skipped": 1,
            "failures": [],
            "commit": COMMIT,
            "source": "pytest",
        },
    ),
    "metrics": (
        {"minimum": {"accuracy": 0.95}, "maximum": {"log_loss": 0.5}, "min_rows": 10},
        {
            "task": "classification",
            "rows": 200,
            "metrics": {"accuracy": 0.96, "log_loss": 0.2},
            "undefined": {"roc_auc": "one class only"},
        },
    ),
    "leakage": (
        {"max_duplicate_rows": 2},
        {
            "training_rows": 100,
            "evaluation_rows": 50,
            "same_digest": False,
            "feature_duplicates": 2,
            "labelled_duplicates": 1,
            "conflicting_duplicates": 1,
            "evaluation_inside_training": False,
            "duplicates_within_evaluation": 0,
            "columns": ["age"],
            "examples": [3, 8],
        },
    ),
    "bias": (
        {
            "groups": [["sex"]],
            "favourable": "yes",
            "min_impact_ratio": "4/5",
            "max_equal_opportunity_difference": 0.2,
        },
        axis_facts(cell("female", 100, 46, 50, 40), cell("male", 100, 50, 60, 45)),
    ),
    "integration": (
        {"min_golden_rows": 5},
        {
            "steps": [
                {"name": name, "passed": True, "detail": "fine"}
                for name in ("environment", "load", "signature", "wrong_input", "golden")
            ],
            "environment_digest": digest_of(b"environment"),
            "build_seconds": 3.5,
            "load_ms": 80.0,
            "golden_rows": 5,
            "golden_mismatches": 0,
        },
    ),
    "load": (
        {"duration_s": 10, "bound_ms": 100},
        {
            "request_count": 1001,
            "over_bound_count": 3,
            "error_count": 0,
            "mismatch_count": 0,
            "scheduled_rate_per_s": 100.1,
            "achieved_rate_per_s": 100.1,
            "issue_delay_p99_ms": 0.4,
            "duration_s": 10.0,
            "warmup_count": 50,
            "latency_ms": {"p50": 2.0, "p99": 40.0, "max": 120.0, "mean": 3.0},
            "hardware": {"cpu": "CPU", "cpu_count": 8, "memory_bytes": 2**34},
        },
    ),
    "file_security": (
        {},
        file_facts(("model.skops", "skops", "data"), ("tests/test_m.py", "text", "data")),
    ),
    "approval": ({}, {}),
    "provenance": ({}, {}),
    "signature": ({}, {}),
    "environment": ({}, {}),
    "size_budget": ({}, {}),
}
# facts that a gate may do without: they inform, and decide nothing
INFORMING = {
    "unit_tests": {"failures", "source"},
    "metrics": {"task", "undefined"},
    "leakage": {"duplicates_within_evaluation", "columns", "examples"},
    "bias": {"favourable"},
    "integration": {"environment_digest", "build_seconds", "load_ms"},
    "load": {"warmup_count", "latency_ms", "hardware"},
    "file_security": {"risk", "rules"},
}


@dataclass(frozen=True)
class Bench:
    """Builds what a gate looks at; every call returns something new."""

    now: datetime = NOW
    commit: str = COMMIT
    version: Version = VERSION
    request: Digest = REQUEST

    def gate(self, gate: str, /, **settings: Any) -> Gate:
        return build(GateRule(gate, settings), "policy.gates.staging[0]")

    def passing_gate(self, name: str) -> Gate:
        return self.gate(name, **PASSING[name][0])

    def facts(self, name: str, /, **changes: Any) -> dict[str, Any]:
        return {**copy.deepcopy(PASSING[name][1]), **changes}

    def with_provenance(self, **changes: Any) -> Version:
        return replace(self.version, provenance=replace(self.version.provenance, **changes))

    def with_data(self, *references: DataReference) -> Version:
        return self.with_provenance(data=references)

    def evidence(self, gate: Gate, facts: Any, *, version: Version | None = None, **changes: Any) -> Evidence:
        """Evidence that answers the gate's need, unless changed; ``problem`` and ``data`` may be given."""
        about = version or self.version
        need = gate.need(about)
        assert need is not None
        measured_at = changes.pop("measured_at", self.now - timedelta(hours=1))
        measurement = Measurement(
            facts=facts,
            data=changes.pop("data", dict(need.data)),
            problem=changes.pop("problem", ""),
        )
        plain: dict[str, Any] = {
            "model": about.model,
            "number": about.number,
            "subject": about.digest,
            "check": need.check,
            "origin": Origin.MEASURED,
            "reporter": "worker",
            "measured_at": measured_at,
            "recorded_at": measured_at,
            "measurement": measurement,
            "settings": dict(need.settings),
        }
        return Evidence(**{**plain, **changes})

    def dossier(self, *evidence: Evidence, version: Version | None = None, **changes: Any) -> Dossier:
        plain: dict[str, Any] = {
            "version": version or self.version,
            "target": Stage.PRODUCTION,
            "evidence": evidence,
            "now": self.now,
            "requester": "rob",
            "request_digest": self.request,
            "decisions": (Decision("grace", True, self.now, self.request),),
            "eligible": frozenset({"ann", "rob", "grace", "hal", "ida"}),
        }
        return Dossier(**{**plain, **changes})

    def judge(self, gate: Gate, facts: Any, *, version: Version | None = None, **changes: Any) -> Verdict:
        """What the gate says of one piece of evidence with these facts."""
        evidence = self.evidence(gate, facts, version=version, **changes)
        return gate.judge(self.dossier(evidence, version=version))

    def judge_passing(self, name: str) -> Verdict:
        """What the gate says where everything is as it should be."""
        gate = self.passing_gate(name)
        if gate.check is None:
            return gate.judge(self.dossier())
        return self.judge(gate, self.facts(name))

    reference = staticmethod(reference)
    cell = staticmethod(cell)
    axis_facts = staticmethod(axis_facts)
    file_facts = staticmethod(file_facts)


@pytest.fixture(scope="session")
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="session")
def informing() -> dict[str, set[str]]:
    """Facts by gate that decide nothing."""
    return INFORMING
