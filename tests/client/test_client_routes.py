"""One method per route: each asks exactly what the protocol says."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from assay.client import Client
from assay.core.digests import digest_of
from assay.core.errors import AssayError, BadInputError
from assay.core.names import Address, ModelName
from assay.core.search import Comparison, MetricCondition, ModelQuery, VersionQuery
from assay.core.stages import Stage
from assay.wire.requests import (
    Annotation,
    HookChange,
    NewEvidence,
    NewGrant,
    NewHook,
    NewModel,
    NewPrincipal,
    NewToken,
    NewVersion,
    PrincipalChange,
)
from assay.wire.sign_in import NewPublisher

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
D = digest_of(b"d")
M = "fraud/transactions"
V = f"{M}/v1.2.0"
MODEL = f"/api/v1/models/{M}"
VERSION = f"{MODEL}/versions/v1.2.0"

CALLS = [
    ("GET", "/healthz", lambda c: c.health()),
    ("GET", "/api/v1/whoami", lambda c: c.whoami()),
    ("POST", "/api/v1/models", lambda c: c.create_model(NewModel(ModelName(M)))),
    ("GET", "/api/v1/models?limit=50", lambda c: c.models()),
    ("GET", MODEL, lambda c: c.model(M)),
    ("PATCH", MODEL, lambda c: c.annotate_model(M, Annotation("d"))),
    ("HEAD", MODEL, lambda c: c.model_tag(M)),
    ("HEAD", VERSION, lambda c: c.version_tag(V)),
    ("HEAD", f"{MODEL}/aliases/champion", lambda c: c.alias_tag(M, "champion")),
    ("HEAD", "/api/v1/policies/current?pattern=*", lambda c: c.policy_tag("*")),
    ("GET", f"{MODEL}/history", lambda c: c.history(M)),
    ("PUT", f"{MODEL}/aliases/champion", lambda c: c.set_alias(M, "champion", "v1.2.0")),
    ("DELETE", f"{MODEL}/aliases/champion", lambda c: c.remove_alias(M, "champion")),
    ("POST", f"{MODEL}/versions", lambda c: c.register_version(M, NewVersion(()))),
    ("GET", VERSION, lambda c: c.version(V)),
    ("GET", f"{MODEL}/versions/12", lambda c: c.version(f"{M}/12")),
    ("GET", f"{MODEL}/versions/@production", lambda c: c.version(f"{M}@Production")),
    ("GET", VERSION, lambda c: c.version(Address.parse(V))),
    ("PATCH", VERSION, lambda c: c.annotate_version(V, Annotation("d"))),
    ("DELETE", VERSION, lambda c: c.delete_version(V)),
    ("GET", f"{VERSION}/evidence", lambda c: c.evidence(V)),
    ("POST", f"{VERSION}/evidence", lambda c: c.report_evidence(V, NewEvidence("metrics", D, NOON))),
    ("POST", f"{VERSION}/checks", lambda c: c.run_check(V, "metrics")),
    ("GET", f"{VERSION}/checks", lambda c: c.checks(V)),
    ("POST", f"{VERSION}/promotions", lambda c: c.promote(V, "staging")),
    ("POST", f"{VERSION}/demote", lambda c: c.demote(V)),
    ("POST", f"{VERSION}/archive", lambda c: c.archive(V)),
    ("POST", f"{VERSION}/restore", lambda c: c.restore(V)),
    ("POST", f"{MODEL}/rollback", lambda c: c.roll_back(M)),
    ("GET", "/api/v1/promotions", lambda c: c.promotions()),
    ("GET", f"/api/v1/promotions?model={M}&open=true", lambda c: c.promotions(M, only_open=True)),
    ("GET", "/api/v1/promotions/prm_1", lambda c: c.promotion("prm_1")),
    ("POST", "/api/v1/promotions/prm_1/approve", lambda c: c.approve("prm_1")),
    ("POST", "/api/v1/promotions/prm_1/reject", lambda c: c.reject("prm_1")),
    ("POST", "/api/v1/promotions/prm_1/cancel", lambda c: c.cancel("prm_1")),
    ("GET", "/api/v1/versions?limit=50", lambda c: c.versions()),
    ("GET", f"/api/v1/resolve?address={M}@production", lambda c: c.resolve(f"{M}@production")),
    ("GET", f"/api/v1/diff?left={V}&right={M}/13", lambda c: c.diff(V, f"{M}/13")),
    ("HEAD", f"/api/v1/blobs/{D}", lambda c: c.blob_size(D)),
    ("GET", "/api/v1/policies", lambda c: c.policies()),
    ("GET", f"/api/v1/policies/applying?model={M}", lambda c: c.applying_policy(M)),
    ("GET", "/api/v1/policies/history?pattern=fraud/*", lambda c: c.policy_history("fraud/*")),
    ("PUT", "/api/v1/policies", lambda c: c.set_policy("applies_to: '*'")),
    ("POST", "/api/v1/policies/switch", lambda c: c.switch_policy("fraud/*", "observe")),
    ("GET", "/api/v1/audit?after=0&limit=1000", lambda c: c.audit()),
    ("GET", f"/api/v1/audit?after=3&limit=5&subject={M}", lambda c: c.audit(after=3, limit=5, subject=M)),
    ("GET", "/api/v1/audit/verify", lambda c: c.verify_audit()),
    ("GET", "/api/v1/audit/head", lambda c: c.audit_head()),
    ("GET", "/api/v1/audit/heads?after=3&limit=1000", lambda c: c.audit_heads(after=3)),
    ("GET", "/api/v1/audit/key", lambda c: c.audit_key()),
    ("GET", "/api/v1/audit/consistency?first=1&second=2", lambda c: c.audit_consistency(1, 2)),
    ("GET", "/api/v1/audit/proof?seq=3", lambda c: c.audit_proof(3)),
    ("GET", "/api/v1/audit/export", lambda c: list(c.export_audit())),
    ("POST", "/api/v1/principals", lambda c: c.create_principal(NewPrincipal("ann"))),
    ("GET", "/api/v1/principals", lambda c: c.principals()),
    ("GET", "/auth/offer", lambda c: c.sign_in_offer()),
    ("POST", "/auth/token", lambda c: c.redeem_code("c", "v")),
    ("GET", "/auth/ci/audience", lambda c: c.ci_audience()),
    ("POST", "/auth/ci/mint-token", lambda c: c.mint_token("t")),
    ("POST", "/api/v1/principals/ann/identities", lambda c: c.link_identity("ann", "https://i", "s")),
    ("GET", "/api/v1/principals/ann/identities", lambda c: c.identities("ann")),
    (
        "DELETE",
        "/api/v1/principals/ann/identities?issuer=https%3A%2F%2Fi&subject=s",
        lambda c: c.unlink_identity("ann", "https://i", "s"),
    ),
    ("DELETE", "/api/v1/principals/ann/sessions", lambda c: c.end_sessions("ann")),
    ("PUT", "/api/v1/sign-in/groups", lambda c: c.map_group("g", "fraud", "reader")),
    ("GET", "/api/v1/sign-in/groups", lambda c: c.group_roles()),
    ("DELETE", "/api/v1/sign-in/groups?group=g&pattern=fraud", lambda c: c.unmap_group("g", "fraud")),
    ("POST", "/api/v1/publishers", lambda c: c.add_publisher(NewPublisher("fraud", "github"))),
    ("GET", "/api/v1/publishers", lambda c: c.publishers()),
    ("DELETE", "/api/v1/publishers/p1", lambda c: c.remove_publisher("p1")),
    ("PATCH", "/api/v1/principals/ann", lambda c: c.change_principal("ann", PrincipalChange(True))),
    ("PUT", "/api/v1/principals/ann/password", lambda c: c.set_password("ann", "correct horse battery")),
    ("GET", "/api/v1/grants", lambda c: c.grants()),
    ("GET", "/api/v1/grants?principal=ann", lambda c: c.grants("ann")),
    ("PUT", "/api/v1/grants", lambda c: c.grant(NewGrant("ann", "reader", "*"))),
    ("DELETE", "/api/v1/grants?principal=ann&pattern=*", lambda c: c.revoke_grant("ann", "*")),
    ("POST", "/api/v1/tokens", lambda c: c.create_token(NewToken(("read",)))),
    ("GET", "/api/v1/tokens?principal=ann", lambda c: c.tokens("ann")),
    ("DELETE", "/api/v1/tokens/0123", lambda c: c.revoke_token("0123")),
    ("POST", "/api/v1/webhooks", lambda c: c.create_webhook(NewHook("a", "https://x", ("prompt.created",)))),
    ("GET", "/api/v1/webhooks?limit=50", lambda c: c.webhooks()),
    ("GET", "/api/v1/webhooks?limit=5&cursor=x", lambda c: c.webhooks(limit=5, cursor="x")),
    ("GET", "/api/v1/webhooks/0123", lambda c: c.webhook("0123")),
    ("PATCH", "/api/v1/webhooks/0123", lambda c: c.change_webhook("0123", HookChange(name="b"))),
    ("GET", "/api/v1/uploads", lambda c: c.uploads()),
    ("GET", "/api/v1/uploads/tr_1", lambda c: c.upload_parts("tr_1")),
    ("DELETE", "/api/v1/uploads/tr_1", lambda c: c.remove_upload("tr_1")),
    ("POST", "/api/v1/gc", lambda c: c.collect(dry_run=True)),
    ("GET", "/api/v1/quotas", lambda c: c.quotas()),
    ("GET", "/api/v1/quotas?team=fraud", lambda c: c.quotas("fraud")),
    ("PUT", "/api/v1/quotas", lambda c: c.set_quota("fraud", 10)),
    ("DELETE", "/api/v1/quotas?owner=fraud%2Fx", lambda c: c.remove_quota("fraud/x")),
    ("POST", "/api/v1/quotas/recount", lambda c: c.recount_quotas()),
    ("DELETE", "/api/v1/webhooks/0123", lambda c: c.remove_webhook("0123")),
    ("POST", "/api/v1/webhooks/0123/test", lambda c: c.test_webhook("0123", "prompt.created")),
    ("GET", "/api/v1/webhooks/0123/deliveries?limit=50", lambda c: c.webhook_deliveries("0123")),
]
NOT_ROUTES = {"all_models", "all_versions", "all_audit", "all_webhooks", "close", "register", "url"}
ELSEWHERE = {"download", "download_file", "download_attachment", "upload_blob"}


@pytest.fixture
def recorded():
    """Give a client and the list of what it sends; every answer is a server that is down."""
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(503)

    with Client("http://registry.test", "", transport=httpx.MockTransport(answer)) as client:
        yield client, sent


@pytest.mark.parametrize(("method", "target", "call"), CALLS, ids=[f"{m} {t}" for m, t, _ in CALLS])
def test_each_method_asks_its_route(method, target, call, recorded):
    client, sent = recorded
    with pytest.raises(AssayError):
        call(client)
    # What has a key may be sent again, and is the same each time.
    assert {(each.method, each.url) for each in sent} == {(method, sent[0].url)}
    assert len(sent) == 1 or len({each.headers["Idempotency-Key"] for each in sent}) == 1
    expected = httpx.URL("http://registry.test" + target)
    assert sent[0].url.path == expected.path
    assert sorted(sent[0].url.params.multi_items()) == sorted(expected.params.multi_items())


def test_every_public_method_is_in_the_table_above():
    offered = {name for name in dir(Client) if not name.startswith("_")}
    called = {name for _, _, call in CALLS for name in call.__code__.co_names}
    assert offered - called == NOT_ROUTES | ELSEWHERE


def test_a_search_sends_every_condition(recorded):
    client, sent = recorded
    query = VersionQuery(
        team="fraud",
        task="transactions",
        stage=Stage.PRODUCTION,
        tags={"owner": "ann", "risk": None},
        label="tabular",
        metrics=(
            MetricCondition("accuracy", Comparison.AT_LEAST, 0.1),
            MetricCondition("mae", Comparison.BELOW, 3.0),
        ),
        text="two words",
        digest=D,
        registered_after=NOON,
        limit=7,
        cursor="c&d",
    )
    with pytest.raises(AssayError):
        client.versions(query)
    assert sorted(sent[0].url.params.multi_items()) == sorted(
        [
            ("team", "fraud"),
            ("task", "transactions"),
            ("stage", "Production"),
            ("tag", "owner=ann"),
            ("tag", "risk"),
            ("label", "tabular"),
            ("metric", "accuracy>=0.1"),
            ("metric", "mae<3.0"),
            ("text", "two words"),
            ("digest", D),
            ("registered_after", "2026-01-02T12:00:00+00:00"),
            ("limit", "7"),
            ("cursor", "c&d"),
        ]
    )


def test_pages_are_followed_until_the_cursor_is_empty():
    pages = {"": '{"items":[],"next_cursor":"b"}', "b": '{"items":[],"next_cursor":""}'}
    asked = []

    def answer(request):
        asked.append(request.url.params.get("cursor", ""))
        return httpx.Response(200, content=pages[asked[-1]])

    with Client("http://registry.test", "", transport=httpx.MockTransport(answer)) as client:
        assert list(client.all_models(ModelQuery(limit=1))) == []
        assert list(client.all_versions(VersionQuery(limit=1))) == []
    assert asked == ["", "b", "", "b"]


def test_a_decision_carries_the_digest_that_was_looked_at(recorded):
    client, sent = recorded
    with pytest.raises(AssayError):
        client.approve("prm_1", "fine", request_digest=D)
    assert json.loads(sent[0].content) == {"comment": "fine", "request_digest": D}


@pytest.mark.parametrize("promotion_id", ["../models", "a/b", "a?b", "a#b", "ü"])
def test_an_id_cannot_leave_its_segment_of_the_route(promotion_id, recorded):
    client, sent = recorded
    with pytest.raises(AssayError):
        client.promotion(promotion_id)
    raw = sent[0].url.raw_path.decode()
    assert raw.startswith("/api/v1/promotions/")
    assert raw.count("/") == 4
    assert "?" not in raw


@pytest.mark.parametrize("name", ["..", "fraud", "fraud/../x", "Fraud/x", "a/b/c", "a b/c", ""])
def test_a_bad_model_name_is_refused_before_anything_is_sent(name, recorded):
    client, sent = recorded
    with pytest.raises(BadInputError):
        client.model(name)
    assert sent == []
