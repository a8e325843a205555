"""A registry in a folder: real database, real blobs, a clock set by hand, chance that repeats itself."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from assay.core.digests import FileEntry, digest_of
from assay.core.evidence import Measurement
from assay.core.names import Address, ModelName
from assay.core.provenance import Code, DataReference, DataRole, Environment, Hardware, Provenance
from assay.core.signatures import DType, Field, Signature
from assay.usecases.browsing import all_events
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewGrant, NewPrincipal, NewPromotion, NewToken, NewVersion, Statement
from usecases.fresh_means import fresh_means

MODEL = ModelName("team/task")
TRAINING, EVALUATION = digest_of(b"training"), digest_of(b"evaluation")
POLICY = {
    "applies_to": "team/*",
    "gates": {
        "staging": [{"metrics": {"minimum": {"accuracy": 0.9}}}],
        "production": [{"metrics": {"minimum": {"accuracy": 0.9}}}, {"approval": {"count": 1}}],
    },
}


class HandClock:
    """A clock that moves when told to."""

    def __init__(self):
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self):
        self.at += timedelta(milliseconds=1)
        return self.at


class CountedChance:
    """Chance that gives the same ids in every run."""

    def __init__(self):
        self._count = itertools.count(1)

    def identifier(self, prefix):
        return f"{prefix}_{next(self._count):020d}"

    def token_parts(self):
        number = next(self._count)
        return f"{number:016x}", f"{number:043d}"


class World:
    """A registry with three people in it."""

    def __init__(self, root):
        self.clock = HandClock()
        self.means = fresh_means(root, self.clock, CountedChance())
        self.use = UseCases.over(self.means)
        self.local = self.use.access.local()
        self.use.policies.set(self.local, "", POLICY)
        self.ada, self.grace, self.ben = (self.person(name, "approver") for name in ("ada", "grace", "ben"))
        self.made = 0

    def person(self, name, role):
        self.use.access.create_principal(self.local, NewPrincipal(name))
        self.use.access.grant(self.local, NewGrant(name, role, "team/*"))
        made = self.use.access.create_token(
            self.local, NewToken(("read", "write", "evidence", "approve"), principal=name)
        )
        return self.use.access.authenticate(made.text)

    def register(self, by=None, **changes):
        self.made += 1
        content = f"model {self.made}".encode()
        digest, size = self.upload(content, by)
        provenance = Provenance(
            data=(
                DataReference(DataRole.TRAINING, TRAINING, 8),
                DataReference(DataRole.EVALUATION, EVALUATION, 10, label="y"),
            ),
            code=Code("a" * 40),
            hyperparameters={"c": self.made},
            metrics={"accuracy": 0.95},
            environment=Environment("3.11.2", packages=("numpy==2.0.0",)),
            hardware=Hardware("cpu", 2, 1),
        )
        signature = Signature((Field("x", DType.FLOAT64),), (Field("y", DType.STRING, classes=("a", "b")),))
        wanted = NewVersion((FileEntry("m.bin", digest, size),), signature=signature, provenance=provenance)
        version, _ = self.use.registration.register(by or self.ada, MODEL, replace(wanted, **changes))
        return version

    def upload(self, content, by=None):
        """Return digest and size of bytes that ada, or somebody else, has stored."""
        digest = digest_of(content)
        return self.use.registration.store_blob(by or self.ada, [content], digest, len(content))

    def promote(self, version, stage, by=None):
        return self.use.promoting.request(by or self.ada, at(version), NewPromotion(stage))

    def work(self, accuracy=0.95, **changes):
        """Do every waiting job as a worker would."""
        while (leased := self.use.checking.lease("worker")) is not None:
            job, version = leased
            data = {"evaluation": version.provenance.data_digest(DataRole.EVALUATION)}
            facts = {
                "task": "classification",
                "rows": 100,
                "metrics": {"accuracy": accuracy},
                "undefined": {},
            }
            measurement = replace(Measurement(facts=facts, data=data), **changes)
            assert self.use.checking.finish(job, "worker", measurement)

    def to_staging(self, version, accuracy=0.95):
        promotion = self.promote(version, "staging")
        self.work(accuracy)
        return self.use.promoting.get(self.ada, promotion.id)

    def to_production(self, version, approver=None):
        self.to_staging(version)
        promotion = self.promote(version, "production")
        return self.use.promoting.approve(approver or self.grace, promotion.id, Statement())

    def stage(self, version):
        return self.use.browsing.version(self.ada, at(version)).stage

    def events(self):
        return list(all_events(self.means.database))


def at(version):
    return Address(MODEL, number=version.number)
