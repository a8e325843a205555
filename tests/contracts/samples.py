"""Values to put into stores."""

from datetime import UTC, datetime, timedelta

from assay.core.digests import FileEntry, digest_of
from assay.core.evidence import Evidence, Measurement, Origin
from assay.core.jobs import Job
from assay.core.names import ModelName
from assay.core.policies import Policy, StoredPolicy
from assay.core.promotions import Promotion, StageMove
from assay.core.provenance import Provenance
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.versions import Model, Version

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MODEL = ModelName("team/task")
DIGEST = digest_of(b"x")
GATES = {"staging": ["signature"], "production": ["signature"]}


def later(seconds):
    return NOON + timedelta(seconds=seconds)


def model(name="team/task", **more):
    return Model(ModelName(name), NOON, "ada", **more)


def version(number, semver=None, name="team/task", **more):
    semver = SemVer.parse(semver) if semver else SemVer(1, number, 0)
    return Version(
        model=ModelName(name),
        number=number,
        semver=semver,
        digest=DIGEST,
        size_bytes=1,
        files=(FileEntry("m", DIGEST, 1),),
        formats=(),
        entrypoint="",
        signature=None,
        provenance=more.pop("provenance", Provenance(metrics={"accuracy": number / 10})),
        bump_reasons=(),
        registered_at=more.pop("registered_at", later(number)),
        registered_by="ada",
        **more,
    )


def move(number, source, target, at=60, **more):
    return StageMove(MODEL, number, SemVer(1, number, 0), source, target, "promote", "ada", later(at), **more)


def evidence(number, origin=Origin.MEASURED, accuracy=0.9, at=100, check="metrics"):
    return Evidence(
        model=MODEL,
        number=number,
        subject=DIGEST,
        check=check,
        origin=origin,
        reporter="w",
        measured_at=later(at),
        recorded_at=later(at),
        measurement=Measurement(facts={"metrics": {"accuracy": accuracy}, "rows": 3}),
        settings={"label": "", "positive": None},
    )


def promotion(key="pr_1", number=1, at=200):
    return Promotion(
        id=key,
        model=MODEL,
        number=number,
        semver=SemVer(1, number, 0),
        digest=DIGEST,
        source=Stage.STAGING,
        target=Stage.PRODUCTION,
        policy_digest=DIGEST,
        policy_name="* revision 1",
        replaces=None,
        requested_by="ada",
        requested_at=later(at),
        expires_at=later(at + 1000),
    )


def policy(pattern="*", revision=1):
    one = Policy.parse({"applies_to": pattern, "gates": GATES})
    return StoredPolicy(one, revision, one.digest, later(revision), "ada", "text")


def job(key="job_1", at=0, number=1):
    return Job(key, MODEL, number, "metrics", {"label": ""}, later(at), "ada")


def entry(verb="do", subject="team/task", after=None):
    return {"at": NOON, "actor": "ada", "verb": verb, "subject": subject, "before": None, "after": after}
