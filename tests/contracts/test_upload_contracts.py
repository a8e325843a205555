"""What every store must do with uploads in parts, their bytes, and keys that addresses are signed with."""

import hashlib
import itertools
from contextlib import closing
from dataclasses import replace

import pytest

from assay.core.digests import Digest, digest_of
from assay.core.errors import BadInputError
from assay.core.tracking.uploads import Part, PartialUpload, SigningKey
from contracts.samples import later


def upload(name="up_1", ends=100, **more):
    return PartialUpload(
        name, "1/é/model.bin", more.pop("part_count", 3), "ada", later(0), later(ends), **more
    )


def part(number, content=b""):
    content = content or str(number).encode()
    return Part(number, digest_of(content), len(content))


def key(name="k_1", at=0):
    return SigningKey(name, f"secret of {name}", later(at))


def test_an_upload_is_there_after_opening_again(open_database):
    with closing(open_database()) as one, one.write() as records:
        records.partial_uploads.add(upload())
        records.partial_uploads.put_part("up_1", part(2))
        records.signing_keys.add(key())
    with closing(open_database()) as two, two.read() as records:
        assert records.partial_uploads.get("up_1") == upload()
        assert records.partial_uploads.get("up_2") is None
        assert records.partial_uploads.parts("up_1") == (part(2),)
        assert records.signing_keys.newest() == key()


@pytest.mark.parametrize("order", [*itertools.permutations((1, 2, 10))], ids=str)
def test_parts_are_listed_by_number_in_whatever_order_they_come(database, order):
    with database.write() as records:
        records.partial_uploads.add(upload())
        records.partial_uploads.add(upload("up_2"))
        for number in order:
            records.partial_uploads.put_part("up_1", part(number))
        assert records.partial_uploads.parts("up_1") == (part(1), part(2), part(10))
        assert records.partial_uploads.parts("up_2") == records.partial_uploads.parts("none") == ()


def test_a_part_that_comes_again_replaces_the_one_before(database):
    with database.write() as records:
        records.partial_uploads.add(upload())
        for content in (b"one", b"other", b"last of all"):
            records.partial_uploads.put_part("up_1", part(1, content))
        assert records.partial_uploads.parts("up_1") == (part(1, b"last of all"),)


def test_a_whole_upload_has_no_parts_any_more(database):
    whole = upload(digest=digest_of(b"all"), size_bytes=3, ends=500)
    with database.write() as records:
        for name in ("up_1", "up_2"):
            records.partial_uploads.add(upload(name))
            records.partial_uploads.put_part(name, part(1))
        records.partial_uploads.save(replace(upload(), ends_at=later(200)))
        assert records.partial_uploads.parts("up_1") == (part(1),)
        records.partial_uploads.save(whole)
        assert records.partial_uploads.get("up_1") == whole
        assert records.partial_uploads.parts("up_1") == ()
        assert records.partial_uploads.parts("up_2") == (part(1),)


def test_uploads_whose_time_is_over_are_told_the_longest_first(database):
    with database.write() as records:
        for name, ends in (("late", 300), ("b", 100), ("a", 100), ("early", 50)):
            records.partial_uploads.add(upload(name, ends))
            records.partial_uploads.put_part(name, part(1))
        assert records.partial_uploads.ended(later(49), 10) == ()
        assert records.partial_uploads.ended(later(100), 10) == ("early", "a", "b")
        assert records.partial_uploads.ended(later(999), 2) == ("early", "a")
        records.partial_uploads.remove("early")
        records.partial_uploads.remove("none")
        assert records.partial_uploads.get("early") is None
        assert records.partial_uploads.parts("early") == ()
        assert records.partial_uploads.parts("a") == (part(1),)
        assert records.partial_uploads.ended(later(999), 10) == ("a", "b", "late")


def test_the_newest_key_signs_and_old_ones_are_known_until_they_are_forgotten(database):
    with database.write() as records:
        assert records.signing_keys.newest() is None
        for name, at in (("k_2", 20), ("k_1", 10), ("k_3", 30)):
            records.signing_keys.add(key(name, at))
        assert records.signing_keys.newest() == key("k_3", 30)
        assert records.signing_keys.get("k_1") == key("k_1", 10)
        assert records.signing_keys.get("none") is None
        records.signing_keys.forget(later(20))
        assert records.signing_keys.get("k_1") is None
        assert records.signing_keys.get("k_2") == key("k_2", 20)


def put(parts, number, *chunks, name="up_1"):
    digest, size = parts.put(name, number, chunks)
    assert digest == digest_of(b"".join(chunks))
    return Part(number, digest, size)


def test_parts_put_together_are_one_blob(blobs):
    sent = {number: bytes([number]) * 3000 for number in (3, 1, 2)}
    there = {number: put(blobs.parts, number, content[:7], content[7:]) for number, content in sent.items()}
    whole = b"".join(sent[number] for number in (1, 2, 3))
    joined = blobs.parts.join("up_1", [there[number] for number in (1, 2, 3)])
    assert joined == (digest_of(whole), len(whole))
    assert b"".join(blobs.read(joined[0])) == whole
    assert blobs.parts.join("up_1", [there[number] for number in (1, 2, 3)]) == joined


def test_no_parts_are_an_empty_blob(blobs):
    assert blobs.parts.join("up_1", []) == (digest_of(b""), 0)
    assert blobs.size(digest_of(b"")) == 0


def test_a_replaced_part_is_the_one_that_counts(blobs):
    old, new = put(blobs.parts, 1, b"old and long"), put(blobs.parts, 1, b"new")
    assert blobs.parts.join("up_1", [new])[0] == digest_of(b"new")
    with pytest.raises(BadInputError, match="send it again"):
        blobs.parts.join("up_1", [old])
    assert blobs.size(digest_of(b"old and long")) is None


def test_parts_that_are_missing_or_damaged_are_no_blob(blobs):
    there = put(blobs.parts, 1, b"here")
    missing = part(2, b"nowhere")
    with pytest.raises(BadInputError, match="part 2"):
        blobs.parts.join("up_1", [there, missing])
    with pytest.raises(BadInputError, match="part 1"):
        blobs.parts.join("up_1", [replace(there, digest=Digest("sha256:" + "0" * 64))])
    with pytest.raises(BadInputError, match="part 1"):
        blobs.parts.join("up_2", [there])
    assert blobs.size(digest_of(b"herenowhere")) is None
    assert blobs.size(there.digest) is None, "a part is no blob"


def test_a_part_that_breaks_off_is_not_there(blobs):
    def chunks():
        yield b"half"
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        blobs.parts.put("up_1", 1, chunks())
    with pytest.raises(BadInputError, match="part 1"):
        blobs.parts.join("up_1", [part(1, b"half")])
    assert blobs.parts.join("up_1", [put(blobs.parts, 1, b"whole")])[1] == 5


def test_dropping_takes_the_parts_and_neither_blobs_nor_other_uploads(blobs):
    one, other = put(blobs.parts, 1, b"one"), put(blobs.parts, 1, b"other", name="up_2")
    digest, _ = blobs.parts.join("up_1", [one])
    blobs.parts.drop("up_1")
    blobs.parts.drop("up_1")
    with pytest.raises(BadInputError, match="part 1"):
        blobs.parts.join("up_1", [one])
    assert b"".join(blobs.read(digest)) == b"one"
    assert blobs.parts.join("up_2", [other])[0] == digest_of(b"other")


def test_large_parts_pass_through_without_being_held(blobs):
    block = bytes(range(256)) * 4096
    expected = hashlib.sha256()
    there = []
    for number in (1, 2):
        expected.update(block * 8)
        digest, size = blobs.parts.put("up_1", number, itertools.repeat(block, 8))
        there.append(Part(number, digest, size))
    assert blobs.parts.join("up_1", there) == (f"sha256:{expected.hexdigest()}", 16 << 20)


@pytest.mark.parametrize("name", ["", "..", "a/b", "../up_1", "UP", "x" * 65, "a\0", ".", "é", "up_1\n"])
def test_an_id_that_nobody_gave_reaches_no_place(blobs, name):
    for act in (
        lambda: blobs.parts.put(name, 1, [b"x"]),
        lambda: blobs.parts.join(name, []),
        lambda: blobs.parts.drop(name),
    ):
        with pytest.raises(BadInputError, match="upload_id"):
            act()
