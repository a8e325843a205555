"""Addresses that carry a right of their own, and uploads that are whole."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.digests import digest_of
from assay.core.errors import BadInputError, DeniedError
from assay.core.tracking.uploads import (
    KEY_LIFETIME,
    MAX_PARTS,
    UPLOAD_LIFETIME,
    Part,
    PartialUpload,
    Signed,
    SigningKey,
    check_part_count,
    check_signed,
    check_whole,
    sign,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = SigningKey("k_1", "secret", NOW)
UNTIL = NOW + timedelta(seconds=60)
terms = st.lists(st.one_of(st.text(max_size=8), st.integers()), max_size=3)
purposes = st.sampled_from(["part", "download", ""])


@given(purposes, terms)
def test_what_was_signed_is_let_through_until_its_time_is_over(purpose, said):
    signed = sign(KEY, UNTIL, purpose, *said)
    assert signed.key_id == KEY.id
    check_signed(KEY, signed, NOW, purpose, *said)
    check_signed(KEY, signed, UNTIL - timedelta(microseconds=1), purpose, *said)
    for late in (UNTIL, UNTIL + timedelta(days=1)):
        with pytest.raises(DeniedError, match="expired"):
            check_signed(KEY, signed, late, purpose, *said)


@given(purposes, terms, purposes, terms)
def test_a_signature_for_one_thing_is_none_for_another(purpose, said, other_purpose, other):
    signed = sign(KEY, UNTIL, purpose, *said)
    if (purpose, said) == (other_purpose, other):
        return
    with pytest.raises(DeniedError, match="not one that the registry gave"):
        check_signed(KEY, signed, NOW, other_purpose, *other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc"), ("ab", "c")),
        (("a", 1), ("a", "1")),
        (("a", "b"), ("b", "a")),
        (("a",), ("a", "")),
        (("up_1", 1), ("up_1", 11)),
        (('a","b',), ("a", "b")),
    ],
)
def test_terms_never_run_into_one_another(one, other):
    assert sign(KEY, UNTIL, "part", *one) != sign(KEY, UNTIL, "part", *other)


@pytest.mark.parametrize(
    "said",
    [
        lambda signed: replace(signed, expires_s=signed.expires_s + 1),
        lambda signed: replace(signed, signature=signed.signature[:-1]),
        lambda signed: replace(signed, signature=signed.signature.upper()),
        lambda signed: replace(signed, signature=""),
        lambda signed: replace(signed, signature="é" * 64),
        lambda signed: replace(signed, expires_s=2**80),
        lambda signed: Signed(0, "k_1", "0" * 64),
    ],
    ids=["later", "shorter", "upper case", "empty", "no ascii", "for ever", "made up"],
)
def test_an_address_that_was_touched_is_refused(said):
    with pytest.raises(DeniedError, match="not one that the registry gave"):
        check_signed(KEY, said(sign(KEY, UNTIL, "part", "up_1", 1)), NOW, "part", "up_1", 1)


def test_another_key_or_none_lets_nothing_through():
    signed = sign(KEY, UNTIL, "part", "up_1", 1)
    for key in (None, SigningKey("k_1", "other", NOW), SigningKey("k_1", "", NOW)):
        with pytest.raises(DeniedError):
            check_signed(key, signed, NOW, "part", "up_1", 1)


def test_secrets_and_signatures_are_not_printed():
    signed = sign(KEY, UNTIL, "part")
    assert "secret" not in repr(KEY).replace("SigningKey", "")
    assert signed.signature not in repr(signed)


def test_a_key_outlives_all_that_was_signed_with_it():
    assert KEY_LIFETIME > UPLOAD_LIFETIME


@pytest.mark.parametrize("count", [0, 1, MAX_PARTS])
def test_numbers_of_parts(count):
    assert check_part_count(count) == count


@pytest.mark.parametrize("count", [-1, MAX_PARTS + 1])
def test_numbers_of_parts_that_are_refused(count):
    with pytest.raises(BadInputError, match="num_parts"):
        check_part_count(count)


def part(number, content="x"):
    return Part(number, digest_of(content.encode()), len(content))


def upload(count):
    return PartialUpload("up_1", "p", count, "ada", NOW, UNTIL)


def test_an_upload_is_whole_when_all_parts_are_there_and_named():
    stored = [part(2), part(1), part(3)]
    check_whole(upload(3), stored, [(each.number, each.digest) for each in reversed(stored)])
    check_whole(upload(0), [], [])


def test_all_that_is_wrong_with_an_upload_is_named_at_once():
    stored = [part(1), part(2), part(3)]
    named = [(1, part(1).digest), (2, part(2, "other").digest), (4, part(4).digest), (9, part(9).digest)]
    with pytest.raises(BadInputError, match="up_1 is not whole") as caught:
        check_whole(upload(5), stored, named)
    assert sorted((each.field, each.rule) for each in caught.value.reasons) == [
        ("part 2", "must be the one that was stored"),
        ("part 3", "must be named"),
        ("part 4", "has not come"),
        ("part 5", "has not come"),
        ("part 9", "was not announced"),
    ]
