"""The client against the registry itself, in a process of its own on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from assay.client import Client
from assay.core.digests import digest_of
from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError, UnavailableError
from assay.core.evidence import Measurement, Origin
from assay.core.names import ModelName
from assay.core.promotions import PromotionState
from assay.core.search import MetricCondition, ModelQuery, VersionQuery
from assay.core.signatures import DType, Field, Signature
from assay.core.stages import Stage
from assay.wire.requests import (
    Annotation,
    NewEvidence,
    NewGrant,
    NewModel,
    NewPrincipal,
    NewToken,
    PrincipalChange,
)

POLICY = """
applies_to: {name}
description: for tests of the client
gates:
  staging: [signature]
  production: [signature]
"""
SIGNATURE = Signature((Field("age", DType.FLOAT64),), (Field("prediction", DType.INT64, classes=(0, 1)),))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Address of a running registry without workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("registry")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    words = [sys.executable, "-m", "assay.cli", "serve", "--port", str(port), "--data", str(folder / "data")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*words, "--workers", "0"], stdout=log, stderr=log, cwd=folder, env=environment
        )
    try:
        with Client(f"http://127.0.0.1:{port}", "") as probe_client:
            for _ in range(600):
                try:
                    probe_client.health()
                    break
                except UnavailableError:
                    assert process.poll() is None, (folder / "log").read_text()
                    time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def live(url):
    with Client(url, "") as client:
        yield client


@pytest.fixture
def make(live, tmp_path):
    """Register a version of a model with this content."""

    def register(model, content, **details):
        path = tmp_path / "model.bin"
        path.write_bytes(content)
        details = {"signature": SIGNATURE, "hyperparameters": {"c": 1}, "commit": "a" * 40, **details}
        return live.register(model, path, **details)

    return register


def test_the_registry_is_well_and_knows_who_asks(live):
    assert live.health().status == "ok"
    assert live.whoami().principal.name == "local"


def test_a_version_comes_back_as_it_went_in(live, make, tmp_path):
    done = make("round/trip", b"weights" * 1000, metrics={"accuracy": 0.5}, tags={"a": "b"}, labels=["x"])
    assert done.is_new
    version = live.version("round/trip/v1.0.0")
    assert version == done.version
    assert version.signature == SIGNATURE
    assert version.provenance.environment.packages
    assert live.download("round/trip@latest", tmp_path / "out").digest == version.digest
    assert (tmp_path / "out/model.bin").read_bytes() == b"weights" * 1000


def test_a_download_is_resumed_by_the_registry(live, make, tmp_path):
    content = os.urandom(300_000)
    make("round/resume", content)
    (tmp_path / f".copy.{digest_of(content).short}.partial").write_bytes(content[:123_456])
    seen = []
    live.download_file(
        "round/resume/1", "model.bin", tmp_path / "copy", progress=lambda *report: seen.append(report)
    )
    assert seen[0][0] == 123_456
    assert (tmp_path / "copy").read_bytes() == content


def test_the_same_again_is_not_a_new_version(make):
    assert make("round/again", b"same").is_new
    assert not make("round/again", b"same").is_new


def test_versions_are_found_by_everything_they_are_described_with(live, make):
    make("find/me", b"one", metrics={"accuracy": 0.9}, tags={"owner": "ann"}, labels=["gold"])
    make("find/me", b"two", metrics={"accuracy": 0.5})
    query = VersionQuery(
        team="find",
        task="me",
        stage=Stage.DEVELOPMENT,
        tags={"owner": "ann"},
        label="gold",
        metrics=(MetricCondition.parse("accuracy>=0.8"),),
        registered_after=datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert [each.number for each in live.versions(query).items] == [1]
    assert [each.number for each in live.all_versions(VersionQuery(team="find", limit=1))] == [2, 1]
    assert [each.name for each in live.all_models(ModelQuery(team="find", limit=1))] == ["find/me"]
    assert [
        each.number for each in live.versions(VersionQuery(digest=live.resolve("find/me/1").digest)).items
    ] == [1]


def test_descriptions_tags_labels_and_aliases_change(live, make):
    live.create_model(NewModel(ModelName("words/here"), "first"))
    make("words/here", b"one")
    assert live.annotate_model("words/here", Annotation("second", {"a": "b"})).description == "second"
    version = live.annotate_version("words/here/1", Annotation(tags={"c": "d"}, add_labels=("x",)))
    assert (dict(version.tags), version.labels) == ({"c": "d"}, ("x",))
    assert str(live.set_alias("words/here", "champion", "1")) == "words/here/v1.0.0"
    assert live.resolve("words/here@champion").number == 1
    live.remove_alias("words/here", "champion")
    with pytest.raises(NotFoundError):
        live.resolve("words/here@champion")
    with pytest.raises(BadInputError, match="promotion"):
        live.set_alias("words/here", "production", "1")


def test_two_versions_are_compared(live, make):
    make("diff/two", b"one", metrics={"accuracy": 0.5})
    make("diff/two", b"two", metrics={"accuracy": 0.75})
    diff = live.diff("diff/two/1", "diff/two/2")
    assert [(each.name, each.before, each.after) for each in diff.metrics] == [("accuracy", 0.5, 0.75)]
    assert [each.name for each in diff.files] == ["model.bin"]


def test_a_model_goes_up_is_replaced_and_rolled_back(live, make):
    live.set_policy(POLICY.format(name="up/down"))
    assert live.applying_policy("up/down").applies_to == "up/down"
    assert [each.revision for each in live.policy_history("up/down")] == [1]
    assert {"*", "up/down"} <= {each.applies_to for each in live.policies()}
    for content in (b"one", b"two"):
        address = make("up/down", content, version="auto").version.address
        for stage in ("staging", "production"):
            promotion = live.promote(address, stage, "go")
            assert promotion.state is PromotionState.PROMOTED, promotion.outcome
            assert live.promotion(promotion.id) == promotion
    assert live.resolve("up/down@production").number == 2
    assert live.roll_back("up/down", comment="bad").number == 1
    assert live.resolve("up/down@production").number == 1
    assert {move.verb for move in live.history("up/down")} >= {"promote", "roll_back", "replaced"}
    assert {each.state for each in live.promotions("up/down")} == {PromotionState.PROMOTED}
    live.restore("up/down/2")
    assert live.version("up/down/2").stage is Stage.DEVELOPMENT
    live.promote("up/down/2", "staging")
    assert live.demote("up/down/2").target is Stage.DEVELOPMENT
    assert live.archive("up/down/2").target is Stage.ARCHIVED


def test_a_promotion_that_waits_for_checks_can_be_cancelled(live, make):
    make("wait/here", b"one")
    promotion = live.promote("wait/here/1", "staging")
    assert promotion.state is PromotionState.CHECKING
    assert {job.check for job in live.checks("wait/here/1")} >= {"unit_tests", "metrics"}
    assert promotion.id in {each.id for each in live.promotions(only_open=True)}
    assert live.cancel(promotion.id, "never mind").state is PromotionState.CANCELLED
    with pytest.raises(ConflictError):
        live.cancel(promotion.id)


def test_evidence_is_reported_with_its_files(live, make, tmp_path):
    version = make("proof/here", b"one").version
    junit = tmp_path / "junit.xml"
    junit.write_text(
        '<testsuite name="x" tests="1" failures="0" errors="0" skipped="0"><testcase name="t"/></testsuite>'
    )
    report = live.upload_blob(junit)
    assert live.blob_size(report.digest) == report.size_bytes
    assert live.blob_size(digest_of(b"not there")) is None
    sent = NewEvidence("unit_tests", version.digest, datetime.now(UTC), junit=report.digest, commit="a" * 40)
    filed = live.report_evidence(version.address, sent)
    assert filed.evidence.origin is Origin.REPORTED
    assert filed.evidence.measurement.facts["passed"] == 1
    assert [each.digest for each in live.evidence(version.address)] == [filed.digest]
    live.download_attachment(version.address, filed.digest, "junit.xml", tmp_path / "back.xml")
    assert (tmp_path / "back.xml").read_bytes() == junit.read_bytes()
    with pytest.raises(NotFoundError):
        live.download_attachment(version.address, filed.digest, "other", tmp_path / "other")
    other = NewEvidence("metrics", digest_of(b"another"), datetime.now(UTC), Measurement({"rows": 1}))
    with pytest.raises(BadInputError):
        live.report_evidence(version.address, other)


def test_a_check_is_queued(live, make):
    make("check/here", b"one")
    job = live.run_check("check/here/1", "scan")
    assert [each.id for each in live.checks("check/here/1")] == [job.id]
    with pytest.raises(BadInputError):
        live.run_check("check/here/1", "nonsense")


def test_a_version_is_deleted_and_its_number_never_comes_back(live, make):
    make("gone/here", b"one")
    make("gone/here", b"two")
    live.delete_version("gone/here/2")
    with pytest.raises(NotFoundError):
        live.version("gone/here/2")
    assert make("gone/here", b"three").version.number == 3


def test_people_get_rights_and_tokens(url, live):
    live.create_principal(NewPrincipal("ann", display_name="Ann"))
    live.grant(NewGrant("ann", "reader", "open/*"))
    created = live.create_token(NewToken(("read", "write"), principal="ann", lifetime_days=1.0))
    assert created.text.startswith("assay_")
    with Client(url, created.text) as ann:
        assert ann.whoami().principal.name == "ann"
        with pytest.raises(DeniedError):
            ann.principals()
        live.change_principal("ann", PrincipalChange(disabled=True))
        with pytest.raises(DeniedError) as caught:
            ann.whoami()
        assert caught.value.authenticate
    live.change_principal("ann", PrincipalChange(disabled=False))
    assert [each.pattern for each in live.grants("ann")] == ["open/*"]
    assert created.token.id in {each.id for each in live.tokens("ann")}
    live.revoke_token(created.token.id)
    live.revoke_grant("ann", "open/*")
    assert live.grants("ann") == ()
    with Client(url, created.text) as ann, pytest.raises(DeniedError, match="revoked"):
        ann.whoami()
    assert "ann" in {each.name for each in live.principals()}


def test_a_token_that_is_none_is_denied_with_the_way_on(url):
    with Client(url, "assay_nonsense") as nobody, pytest.raises(DeniedError) as caught:
        nobody.whoami()
    assert caught.value.authenticate
    assert caught.value.hint


def test_the_log_holds_everything_and_verifies_on_both_sides(live, make):
    make("log/here", b"one")
    report = live.verify_audit()
    assert report.whole
    events = list(live.all_audit())
    assert [each.seq for each in events] == list(range(1, len(events) + 1))
    assert events[-1].hash == report.head
    assert {each.verb for each in live.all_audit(subject="log/here")} >= {"model.create"}


@pytest.mark.parametrize("metrics", ["minimum: {accuracy: 2", "[]", "applies_to: '*'"])
def test_a_policy_that_breaks_rules_is_refused_with_them(live, metrics):
    with pytest.raises(BadInputError):
        live.set_policy(metrics)
