"""Signed heads: the texts of the specification, and nothing else passes for them."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from assay.client.seen_heads import verify_signature
from assay.core.checkpoints import LogKey, head_text, read_head, read_key, sign_head, signature_problem
from assay.core.digests import digest_of
from assay.core.errors import BadInputError

# The example of C2SP signed-note.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNATURE = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
# The example of C2SP tlog-checkpoint.
NOTE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\N{EM DASH} example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = LogKey("assay/log_1", PRIVATE.public_key().public_bytes_raw())
AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


ROOT = digest_of(b"root")


def signed(size=7, root=ROOT, key=KEY, private=PRIVATE):
    text = head_text(key.name, size, root, AT)
    return sign_head(text, key, private.sign(text.encode()))


def test_the_key_and_the_signature_of_the_specification_are_read():
    import base64

    key = read_key(VKEY)
    assert str(key) == VKEY
    raw = base64.b64decode(SIGNATURE)
    assert raw[:4] == key.id
    assert verify_signature(key.public, b"This is an example message.\n", raw[4:])


def test_the_checkpoint_of_the_specification_is_read():
    head = read_head(NOTE)
    assert (head.origin, head.size, head.at) == ("example.com/behind-the-sofa", 20852163, None)
    assert head.root.hex == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"


def test_what_is_signed_is_read_back_and_verifies():
    head = signed()
    assert (head.origin, head.size, head.root, head.at) == (KEY.name, 7, digest_of(b"root"), AT)
    assert signature_problem(head, KEY, verify_signature) == ""
    assert read_key(str(KEY)) == KEY


def test_signatures_of_witnesses_may_stand_beside():
    head = read_head(signed().note + NOTE.splitlines()[-1] + "\n")
    assert signature_problem(head, KEY, verify_signature) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda note: note.replace("\n7\n", "\n8\n"), "forged or changed"),
        (lambda note: note.replace("2026", "2027"), "forged or changed"),
        (lambda note: note.replace("assay/log_1\n7", "assay/log_2\n7"), "of another log"),
    ],
)
def test_a_changed_head_does_not_count(change, words):
    head = signed()
    assert change(head.note) != head.note
    assert words in signature_problem(read_head(change(head.note)), KEY, verify_signature)


def test_a_head_by_another_key_does_not_count():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = LogKey(KEY.name, other.public_key().public_bytes_raw())
    assert "not signed with the key" in signature_problem(
        signed(key=key, private=other), KEY, verify_signature
    )
    # Whoever puts the id of the right key before a signature of their own gets no further.
    forged = signed(private=other)
    assert "not good" in signature_problem(forged, KEY, verify_signature)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note[:-1],
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("20852163", "020852163"),
        lambda note: note.replace("20852163", "-1"),
        lambda note: note.replace("20852163", "\N{ARABIC-INDIC DIGIT ONE}"),
        lambda note: note.replace("CsUY", "CsU"),
        lambda note: note.replace("q2I=", "q2J="),
        lambda note: note.replace("\N{EM DASH}", "-"),
        lambda note: note.replace("example.com/behind-the-sofa\n", "\n", 1),
        lambda note: note.replace("example.com/behind-the-sofa\n", "a b\n", 1),
        lambda note: note.replace("=\n\n", "=\n\x00\n\n"),
        lambda note: note.replace("=\n\n", "=\n\ud800\n\n"),
        lambda note: note.replace("=\n\n", "=\n\n\n"),
        lambda note: note + note.splitlines()[-1] * 5000,
        lambda note: note + (note.splitlines()[-1] + "\n") * 100,
        lambda note: "",
        lambda note: "\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(change):
    assert change(NOTE) != NOTE
    with pytest.raises(BadInputError) as caught:
        read_head(change(NOTE))
    assert caught.value.reasons[0].field == "head"


@pytest.mark.parametrize(
    "text",
    ["", "+", "a+b", VKEY[:-1], VKEY.replace("530d", "530e"), VKEY.replace("foo", "bar"), "a b" + VKEY,
     VKEY.replace("Aeky", "Beky"), "x+00000000+AQ==", "\ud800" + VKEY],
)  # fmt: skip
def test_what_is_no_key_is_refused(text):
    with pytest.raises(BadInputError):
        read_key(text)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    for read in (read_head, read_key):
        with suppress(BadInputError):
            assert read(text)


@given(st.integers(0, 10_000), st.characters())
def test_one_letter_changed_never_verifies(place, letter):
    note = signed().note
    place %= len(note)
    changed = note[:place] + letter + note[place + 1 :]
    if changed == note:
        return
    try:
        head = read_head(changed)
    except BadInputError:
        return
    assert signature_problem(head, KEY, verify_signature)
