"""People say yes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.digests import digest_of
from assay.core.dossier import Decision
from assay.core.verdicts import Outcome

PEOPLE = ("ann", "rob", "grace", "hal", "ida", "eve")  # ann registered, rob asks, eve may not approve


def decided(bench, *words, count=1, **changes):
    """``words``: (person, approve) in the order of time, or whole decisions."""
    decisions = tuple(
        word
        if isinstance(word, Decision)
        else Decision(word[0], word[1], bench.now + timedelta(hours=index), bench.request)
        for index, word in enumerate(words)
    )
    return bench.gate("approval", count=count).judge(bench.dossier(decisions=decisions, **changes))


def test_nobody_yet_is_inconclusive_and_says_how_many_are_missing(bench):
    assert "waiting for 1 approval" in decided(bench).reasons[0]
    verdict = decided(bench, ("grace", True), count=3)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "waiting for 2 approvals" in verdict.reasons[0]
    assert "grace" in verdict.reasons[0]


@pytest.mark.parametrize("person", ["ann", "rob", "eve"])
def test_registrar_requester_and_people_without_the_right_do_not_count(person, bench):
    verdict = decided(bench, (person, True))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "does not count" in verdict.reasons[0]
    assert decided(bench, (person, False)).outcome is Outcome.INCONCLUSIVE


def test_approvals_must_come_from_different_people(bench):
    assert not decided(bench, ("grace", True), ("grace", True), count=2).holds
    assert decided(bench, ("grace", True), ("hal", True), count=2).outcome is Outcome.PASS


def test_one_rejection_outweighs_all_approvals(bench):
    verdict = decided(bench, ("grace", True), ("hal", False), ("ida", True))
    assert verdict.outcome is Outcome.FAIL
    assert "hal" in verdict.reasons[0]


def test_the_newest_word_of_a_person_counts(bench):
    assert decided(bench, ("grace", False), ("grace", True)).outcome is Outcome.PASS
    assert decided(bench, ("grace", True), ("grace", False)).outcome is Outcome.FAIL


def test_of_two_words_at_one_instant_the_no_counts(bench):
    yes = Decision("grace", True, bench.now, bench.request)
    no = replace(yes, approve=False)
    assert decided(bench, yes, no).outcome is Outcome.FAIL
    assert decided(bench, no, yes).outcome is Outcome.FAIL


def test_a_word_on_another_request_counts_for_nothing(bench):
    stale = Decision("grace", True, bench.now, digest_of(b"before the evidence changed"))
    assert decided(bench, stale).outcome is Outcome.INCONCLUSIVE
    no = Decision("hal", False, bench.now, bench.request)
    later = Decision("hal", True, bench.now + timedelta(hours=1), stale.request_digest)
    assert decided(bench, no, later).outcome is Outcome.FAIL


def test_without_a_request_nobody_has_approved_anything(bench):
    assert decided(bench, ("grace", True), request_digest=None).outcome is Outcome.INCONCLUSIVE


def test_a_right_that_was_lost_since_does_not_count(bench):
    assert not decided(bench, ("grace", True), eligible=frozenset({"hal"})).holds


WORDS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.booleans(), st.integers(0, 3), st.booleans()), max_size=8
)


@given(words=WORDS, count=st.integers(1, 3), data=st.data())
def test_the_order_in_which_decisions_are_listed_does_not_matter(words, count, data, bench):
    decisions = [_decision(bench, *word) for word in words]
    mixed = data.draw(st.permutations(decisions))
    assert decided(bench, *decisions, count=count) == decided(bench, *mixed, count=count)


@given(words=WORDS, count=st.integers(1, 3))
def test_it_passes_only_with_enough_different_people_who_may_and_no_standing_no(words, count, bench):
    verdict = decided(bench, *[_decision(bench, *word) for word in words], count=count)
    last = {}
    for person in ("grace", "hal", "ida"):
        said = [(hour, not yes) for who, yes, hour, bound in words if who == person and bound]
        if said:
            last[person] = not max(said)[1]
    expected = all(last.values()) and len(last) >= count
    assert verdict.holds is expected


def _decision(bench, person, approve, hour, bound):
    about = bench.request if bound else digest_of(b"something else")
    return Decision(person, approve, bench.now + timedelta(hours=hour), about)
