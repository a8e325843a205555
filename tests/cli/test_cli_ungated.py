"""Ungated versions are marked wherever they are shown, and the mode of a policy is said and switched."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from assay.core.digests import digest_of
from assay.core.names import ModelName
from assay.core.promotions import PromotionState, StageMove
from assay.core.search import Page, VersionSummary
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.versions import Version
from assay.wire import codec
from assay.wire.views import PolicyView

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)

M = ModelName("fraud/transactions")
A = f"{M}/v1.2.0"
V = f"/models/{M}/versions/v1.2.0"
MARK = "Production (ungated: bias, load)"
GATES = ("bias", "load")


def summary(**changes):
    one = VersionSummary(
        M, 12, SemVer(1, 2, 0), digest_of(b"x"), 7, "onnx", Stage.PRODUCTION, NOON, "ann", ungated=GATES
    )
    return replace(one, **changes)


@pytest.fixture
def marked(stocked):
    """A server whose version stands ungated in Production."""
    version = codec.decode(stocked.answers["GET", f"/api/v1{V}"][0][1], Version)
    move = StageMove(M, 12, SemVer(1, 2, 0), Stage.DEVELOPMENT, Stage.PRODUCTION, "observe", "ann", NOON)
    left = replace(move, source=Stage.PRODUCTION, target=Stage.ARCHIVED, verb="replaced", left_ungated=GATES)
    stocked.put("GET", "/versions", Page((summary(),)))
    stocked.put("GET", "/resolve", summary())
    stocked.put("GET", V, replace(version, stage=Stage.PRODUCTION, ungated=GATES))
    stocked.put("GET", f"/models/{M}/history", (replace(move, ungated=GATES), left))
    return stocked


@pytest.mark.parametrize(
    "line", [["list", M], ["search", "fraud"], ["resolve", A], ["show", A], ["show", M], ["history", M]]
)
def test_the_mark_is_shown_wherever_the_version_is(line, marked, assay):
    assert MARK in assay(*line).out


@pytest.mark.parametrize("line", [["list", M], ["resolve", A], ["show", A]])
def test_the_document_has_the_gates_by_name(line, marked, assay):
    assert '"ungated": [' in assay(*line, "--json").out
    assert '"bias"' in assay(*line, "--json").out


def test_a_version_whose_gates_hold_has_no_mark(stocked, assay):
    for line in (["list", M], ["show", A], ["history", M], ["promote", A, "--stage", "production"]):
        assert "ungated" not in assay(*line).out


def test_a_rollback_to_what_never_passed_says_so(stocked, assay):
    move = StageMove(M, 12, SemVer(1, 2, 0), Stage.ARCHIVED, Stage.PRODUCTION, "roll_back", "ann", NOON)
    stocked.put("POST", f"/models/{M}/rollback", replace(move, ungated=GATES))
    answer = assay("rollback", M)
    assert f"Archived -> {MARK}" in answer.out
    assert "never passed" in answer.err
    stocked.put("POST", f"/models/{M}/rollback", move)
    assert "never passed" not in assay("rollback", M).err


def test_history_says_with_which_mark_a_version_came_and_left(marked, assay):
    out = assay("history", M).out
    assert f"Development -> {MARK}" in out
    assert f"{MARK} -> Archived" in out
    assert "observe" in out


@pytest.mark.parametrize("state", [each for each in PromotionState if each is not PromotionState.SUPERSEDED])
def test_a_promotion_that_observes_says_that_the_version_moved(state, marked, assay, promotion_in):
    marked.put("GET", "/promotions/prm_1", replace(promotion_in(state), observed=True))
    out = assay("promotions", "show", "prm_1").out
    assert "Staging -> Production, observed" in out
    assert ("is in Production all the same" in out) == (state is not PromotionState.PROMOTED)


def test_a_registration_is_shown_as_one(stocked, assay, promotion_in):
    asked = replace(promotion_in(PromotionState.CHECKING), source=Stage.DEVELOPMENT, target=Stage.DEVELOPMENT)
    stocked.put("GET", "/promotions/prm_1", asked)
    assert f"{A}: registration" in assay("promotions", "show", "prm_1").out


def test_a_no_of_a_person_is_not_told_as_one_of_gates(stocked, assay, promotion_in):
    refused = replace(promotion_in(PromotionState.REFUSED), verdicts=(), outcome="rejected by eve")
    stocked.put("GET", "/promotions/prm_1", refused)
    out = assay("promotions", "show", "prm_1").out
    assert "refused: rejected by eve" in out
    assert "0 gates" not in out


def test_external_bytes_are_named_as_unread(stocked, assay):
    version = codec.decode(stocked.answers["GET", f"/api/v1{V}"][0][1], Version)
    stocked.put("GET", V, replace(version, external="s3://bucket/m"))
    assert "external, unverified: s3://bucket/m" in assay("show", A).out


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        (["enforce"], {"pattern": "default/*", "mode": "enforce"}),
        (["enforce", "risk/*"], {"pattern": "risk/*", "mode": "enforce"}),
        (["observe", "risk/*"], {"pattern": "risk/*", "mode": "observe"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_switch_sends_pattern_and_mode(line, sent, stocked, assay):
    assert assay("policy", *line).code == 0
    assert stocked.body_of("POST", "/policies/switch") == sent


def test_observe_wants_to_be_told_for_whom(stocked, assay):
    assert assay("policy", "observe").code == 2
    assert stocked.asked == []


def test_policies_are_shown_with_mode_stage_aliases_and_gates_of_registration(stocked, assay):
    view = codec.decode(stocked.answers["GET", "/api/v1/policies/applying"][0][1], PolicyView)
    assert "enforce" in assay("policy", "show", M).out
    document = {
        **view.document,
        "mode": "observe",
        "stage_aliases": {"champion": "production"},
        "gates": {"development": [{"signature": {}}], **view.document["gates"]},
    }
    stocked.put("GET", "/policies/applying", replace(view, document=document))
    stocked.put("GET", "/policies", (replace(view, document=document),))
    stocked.put("POST", "/policies/switch", replace(view, document=document))
    out = assay("policy", "show", M).out
    for text in ("observe", "@champion is production", "-> development", "signature"):
        assert text in out, text
    assert "observe" in assay("policy", "list").out
    assert "observes now" in assay("policy", "observe", "*").out
