"""``promote --wait``: when it goes on, when it ends, and with which code."""

import pytest

from assay.cli import patience
from assay.core.digests import digest_of
from assay.core.promotions import PromotionState
from assay.wire import codec
from assay.wire.views import ErrorDocument

A = "fraud/transactions/v1.2.0"
ROUTE = "/models/fraud/transactions/versions/v1.2.0/promotions"
CODES = {
    PromotionState.REQUESTED: 0,
    PromotionState.CHECKING: 0,
    PromotionState.AWAITING_APPROVAL: 0,
    PromotionState.PROMOTED: 0,
    PromotionState.REFUSED: 3,
    PromotionState.EXPIRED: 3,
    PromotionState.CANCELLED: 4,
    PromotionState.SUPERSEDED: 4,
}


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(patience, "POLL_S", 0.001)


@pytest.mark.parametrize("state", PromotionState, ids=lambda state: state.value)
def test_every_state_has_its_exit_code(state, server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(state), status=201)
    done = assay("promote", A, "--stage", "production")
    assert done.code == CODES[state], done.err
    assert state.value in done.out
    assert assay("promote", A, "--stage", "production", "--json").code == CODES[state]


@pytest.mark.parametrize(
    ("last", "code"),
    [(PromotionState.PROMOTED, 0), (PromotionState.REFUSED, 3), (PromotionState.AWAITING_APPROVAL, 0)],
)
def test_waiting_goes_on_until_the_gates_have_judged(last, code, server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(PromotionState.REQUESTED), status=201)
    server.put(
        "GET",
        "/promotions/prm_1",
        *map(promotion_in, (PromotionState.CHECKING, PromotionState.CHECKING, last)),
    )
    done = assay("promote", A, "--stage", "production", "--wait")
    assert done.code == code
    assert last.value in done.out
    assert len([path for _, path, _ in server.asked if path.endswith("prm_1")]) == 3


def test_waiting_for_the_approval_is_asked_for_by_itself(server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(PromotionState.AWAITING_APPROVAL), status=201)
    server.put("GET", "/promotions/prm_1", promotion_in(PromotionState.PROMOTED))
    assert "awaiting_approval" in assay("promote", A, "--stage", "production", "--wait").out
    assert "promoted" in assay("promote", A, "--stage", "production", "--wait-approval").out


def test_a_wait_that_takes_too_long_ends_with_7_and_names_the_promotion(server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(PromotionState.CHECKING), status=201)
    server.put("GET", "/promotions/prm_1", promotion_in(PromotionState.CHECKING))
    done = assay("promote", A, "--stage", "production", "--wait", "--timeout", "0.01")
    assert done.code == 7
    assert "assay promotions show prm_1" in done.err


AWAY = (503, codec.encode(ErrorDocument("unavailable", "the database does not answer")))


def test_a_wait_goes_on_while_the_registry_cannot_answer(server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(PromotionState.CHECKING), status=201)
    promoted = (200, codec.encode(promotion_in(PromotionState.PROMOTED)))
    server.answers["GET", "/api/v1/promotions/prm_1"] = [AWAY, (502, b"<html>"), AWAY, promoted]
    done = assay("promote", A, "--stage", "production", "--wait")
    assert done.code == 0, done.err
    assert "promoted" in done.out
    assert done.err.count("the database does not answer; asking again") == 1


def test_a_registry_that_cannot_answer_until_the_wait_is_over_ends_it_with_7(server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(PromotionState.CHECKING), status=201)
    server.answers["GET", "/api/v1/promotions/prm_1"] = [AWAY]
    done = assay("promote", A, "--stage", "production", "--wait", "--timeout", "0.05")
    assert done.code == 7
    assert "the database does not answer" in done.err
    assert "assay promotions show prm_1" in done.err


def test_an_answer_that_is_an_error_ends_a_wait_at_once(server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(PromotionState.CHECKING), status=201)
    denied = codec.encode(ErrorDocument("denied", "the token has expired"))
    server.answers["GET", "/api/v1/promotions/prm_1"] = [(401, denied)]
    assert assay("promote", A, "--stage", "production", "--wait").code == 6


def test_waiting_for_checks_goes_on_while_the_registry_cannot_answer(stocked, assay):
    route = ("GET", "/api/v1/models/fraud/transactions/versions/v1.2.0/checks")
    stocked.answers[route] = [AWAY, AWAY, *stocked.answers[route]]
    assert assay("check", "run", A, "metrics", "--wait").code == 0


def test_a_refusal_shows_every_gate_with_rule_measured_value_and_advice(server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(PromotionState.REFUSED), status=201)
    done = assay("promote", A, "--stage", "production")
    for text in ("metrics", "fail", "accuracy >= 0.99", "0.97", "train longer", "pass", "refused by 1 gates"):
        assert text in done.out, text


def test_awaiting_approval_says_who_may_approve_and_how(server, assay, promotion_in):
    server.put("POST", ROUTE, promotion_in(PromotionState.AWAITING_APPROVAL), status=201)
    out = assay("promote", A, "--stage", "production", "--wait").out
    assert "assay approve prm_1" in out
    assert "approver" in out
    assert "not ann" in out


def test_an_approval_is_bound_to_what_was_asked_for_when_it_was_given(stocked, assay):
    assert assay("approve", "prm_1", "-m", "fine").code == 0
    assert stocked.body_of("POST", "/approve") == {"comment": "fine", "request_digest": digest_of(b"request")}
    other = digest_of(b"what I looked at")
    assay("approve", "prm_1", "--digest", other)
    assert stocked.body_of("POST", "/approve")["request_digest"] == other


def test_an_approval_that_ends_in_a_refusal_ends_with_3(stocked, assay, promotion_in):
    stocked.put("POST", "/promotions/prm_1/approve", promotion_in(PromotionState.REFUSED))
    assert assay("approve", "prm_1").code == 3
