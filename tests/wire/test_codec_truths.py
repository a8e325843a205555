import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.digests import digest_of
from assay.core.errors import BadInputError
from assay.core.names import ModelName
from assay.core.policies import Policy, StoredPolicy
from assay.core.provenance import (
    Code,
    DataReference,
    DataRole,
    Environment,
    Hardware,
    Provenance,
    TableFormat,
)
from assay.core.semver import SemVer
from assay.core.signatures import DType, Field, Signature
from assay.wire.codec import convert_strict, decode, decode_strict, encode

DIGEST = digest_of(b"x")
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
fields = st.builds(
    Field,
    text,
    st.sampled_from(DType),
    st.none() | st.tuples(st.integers(-1, 9)),
    classes=st.just((1, "a", True, 2.5)),
)
signatures = st.builds(Signature, fields.map(lambda f: (f,)), fields.map(lambda f: (f,)))
provenances = st.builds(
    Provenance,
    data=st.just((DataReference(DataRole.TRAINING, DIGEST, 3, "n", TableFormat.CSV, "y", 4),)),
    code=st.none() | st.just(Code("a" * 40, dirty=True, source_digest=DIGEST)),
    hyperparameters=st.none()
    | st.dictionaries(text, st.none() | st.booleans() | st.integers(-9, 9) | text, max_size=4),
    metrics=st.dictionaries(text, st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    environment=st.none() | st.just(Environment("3.11.2", "linux", ("numpy==1",))),
    hardware=st.none() | st.just(Hardware("c", 2, 3, ("gpu",))),
)


@given(signatures)
def test_signatures_come_back(signature):
    assert decode(encode(signature), Signature) == signature
    assert decode_strict(encode(signature), Signature) == signature


@given(provenances)
def test_provenance_comes_back(provenance):
    assert decode_strict(encode(provenance), Provenance) == provenance


def test_policies_come_back():
    gates = {"staging": [{"metrics": {"minimum": {"a": 0.5}}}], "production": ["signature"]}
    policy = Policy.parse({"applies_to": "*", "gates": gates})
    stored = StoredPolicy(policy, 1, policy.digest, datetime(2026, 1, 1, tzinfo=UTC), "ada", "")
    assert decode(encode(stored), StoredPolicy).digest == stored.policy.digest
    assert decode(encode(stored), StoredPolicy) == stored


def test_texts_are_texts():
    assert encode([ModelName("a/b"), DIGEST, SemVer(1, 2, 3)]) == f'["a/b","{DIGEST}","v1.2.3"]'.encode()


def test_what_we_wrote_may_have_fields_of_a_newer_program_but_what_users_send_may_not():
    content = b'{"python": "3.11.2", "mood": "good"}'
    assert decode(content, Environment).python == "3.11.2"
    with pytest.raises(BadInputError) as caught:
        decode_strict(content, Environment)
    assert caught.value.reasons[0].field == "mood"


@pytest.mark.parametrize(
    ("content", "kind", "field"),
    [
        ('{"commit": 3}', Code, "commit"),
        ("{}", Code, "commit"),
        ('{"data": [{"role": "spare"}]}', Provenance, "data[0].role"),
        ('{"data": [{"role": "training", "digest": "x", "size_bytes": 1}]}', Provenance, "data[0].digest"),
        ('{"environment": {"python": "three"}}', Provenance, "environment"),
        ("{", Code, "document"),
        ("\udcff", Code, "document"),
    ],
)  # fmt: skip
def test_an_error_names_the_place(content, kind, field):
    with pytest.raises(BadInputError) as caught:
        decode_strict(content.encode("utf-8", "surrogateescape"), kind)
    assert caught.value.reasons[0].field == field
    assert caught.value.reasons[0].rule


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
)


@given(anything)
def test_nothing_that_is_sent_makes_reading_fail_in_another_way(raw):
    for kind in (Provenance, Signature, Environment):
        with contextlib.suppress(BadInputError):
            convert_strict(raw, kind)
