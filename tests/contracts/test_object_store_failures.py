"""Bad days of a store and of the line to it: nothing acknowledged is missing, nothing damaged is whole."""

import logging
import os
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from assay.core.digests import digest_of
from assay.core.errors import BadInputError, NotFoundError, UnavailableError
from assay.core.transfers import Transfer
from assay.storage.objects.blobs import ObjectBlobs
from assay.storage.objects.sending import PART_BYTES
from contracts.faulty_proxy import proxy
from contracts.stores import IMPATIENT, OBJECTS, listed, place_of

MIB = 1 << 20
LARGE = bytes(range(256)) * (4096 * 20)


def of_blobs(method):
    """Requests of that method for what has the name of a digest."""
    return lambda asked, path: asked == method and len(path.partition("?")[0].rpartition("/")[2]) == 64


@pytest.fixture
def line(tmp_path, monkeypatch):
    """(a store behind a faulty line, the same store without it, the faults)"""
    place = place_of("s3", tmp_path)
    direct = OBJECTS["s3"](tmp_path)
    with proxy(os.environ["ASSAY_TESTS_S3"]) as (url, faults):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        far = ObjectBlobs(place, tmp_path / "far", IMPATIENT)
        yield far, direct, faults


def first_upload(content):
    """The request that sends a small content, or the second part of a large one."""
    return lambda method, path: method == "PUT" and (len(content) < MIB or "partNumber=2" in path)


def put(blobs, content, *, announced=True):
    pieces = (content[start : start + MIB] for start in range(0, len(content), MIB))
    return blobs.put(pieces, digest_of(content) if announced else None, len(content) if announced else None)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("fault", ["cut before", "cut after", "500", "503"])
def test_what_fails_once_is_tried_again_and_stored(line, fault, content, announced):
    far, direct, faults = line
    faults.plan(fault, when=first_upload(content))
    assert put(far, content, announced=announced) == (digest_of(content), len(content))
    assert faults.hit == 1
    assert b"".join(direct.read(digest_of(content))) == content
    assert list(listed(direct).values()) == [len(content)]


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("fault", ["cut before", "500", "503", "403"])
def test_what_fails_for_good_is_not_acknowledged_and_a_later_try_succeeds(
    line, fault, content, announced, caplog
):
    far, direct, faults = line
    faults.plan(fault, 1000, lambda method, _path: method == "PUT")
    with caplog.at_level(logging.ERROR, "assay.storage"), pytest.raises(UnavailableError) as caught:
        put(far, content, announced=announced)
    number = str(caught.value).rpartition(" ")[2]
    assert any(number in record.getMessage() for record in caplog.records)
    assert ("refuses the credentials" in str(caught.value)) == (fault == "403")
    assert listed(direct) == {}
    faults.plan(fault, 0)
    assert put(far, content, announced=announced)[1] == len(content)
    assert b"".join(far.read(digest_of(content))) == content


def test_an_upload_whose_last_word_is_lost_can_be_sent_again(line):
    far, direct, faults = line
    faults.plan("cut after", 1000, lambda method, path: method == "POST" and "uploadId" in path)
    assert put(far, LARGE)[1] == len(LARGE)
    assert faults.hit >= 1
    assert b"".join(direct.read(digest_of(LARGE))) == LARGE


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
def test_a_connection_that_breaks_while_reading_is_taken_up_where_it_broke(line, content):
    far, direct, faults = line
    put(direct, content)
    faults.plan("cut in the middle", 2, of_blobs("GET"))
    assert b"".join(far.read(digest_of(content))) == content
    assert faults.hit >= 1


def test_a_connection_that_always_breaks_is_given_up_and_nothing_is_served_as_whole(line):
    far, direct, faults = line
    put(direct, LARGE)
    faults.plan("cut before", 1000, of_blobs("GET"))
    came = []
    with pytest.raises(UnavailableError, match="cannot be read") as caught:
        came.extend(far.read(digest_of(LARGE)))
    assert not caught.value.damaged
    assert sum(map(len, came)) < len(LARGE)
    with pytest.raises(UnavailableError):
        far.open_path(digest_of(LARGE))
    faults.plan("cut before", 0)
    assert far.open_path(digest_of(LARGE)).read_bytes() == LARGE


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("way", ["read", "range", "path"])
def test_bytes_damaged_on_the_line_are_not_served_and_the_next_try_succeeds(line, way, content):
    far, direct, faults = line
    digest, _ = put(direct, content)
    ways = {
        "read": lambda: b"".join(far.read(digest)),
        "range": lambda: b"".join(far.read(digest, 1, len(content))),
        "path": lambda: far.open_path(digest).read_bytes(),
    }
    faults.plan("damage received", 1, of_blobs("GET"))
    with pytest.raises(UnavailableError, match="damaged"):
        ways[way]()
    assert ways[way]() == (content[1:] if way == "range" else content)


def test_small_bytes_damaged_on_their_way_to_the_store_are_not_acknowledged(line):
    far, direct, faults = line
    faults.plan("damage sent", 1, of_blobs("PUT"))
    with pytest.raises(UnavailableError, match="send them again"):
        put(far, b"some bytes")
    assert put(far, b"some bytes")[1] == 10
    assert b"".join(direct.read(digest_of(b"some bytes"))) == b"some bytes"


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
def test_a_store_that_lies_about_tags_loses_nothing_and_serves_nothing_false(line, content):
    far, direct, faults = line
    faults.plan("other tag", 3)
    with suppress(UnavailableError):  # a store that does not know its own parts has not taken them
        put(far, content)
        assert b"".join(direct.read(digest_of(content))) == content
    faults.plan("other tag", 0)
    assert put(far, content) == (digest_of(content), len(content))
    faults.plan("other tag", 3, of_blobs("HEAD"))
    with pytest.raises(UnavailableError, match="stored anew") as caught:
        b"".join(far.read(digest_of(content), 1))
    assert not caught.value.damaged
    faults.plan("other tag", 0)
    assert b"".join(far.read(digest_of(content), 1)) == content[1:]


def test_what_is_not_there_and_what_is_denied_are_told_apart(line):
    far, _direct, faults = line
    with pytest.raises(NotFoundError):
        b"".join(far.read(digest_of(b"nowhere")))
    faults.plan("403", 1000)
    with pytest.raises(UnavailableError, match="refuses the credentials"):
        far.size(digest_of(b"nowhere"))


def test_a_client_that_breaks_off_is_told_so_whatever_the_store_says(line):
    far, direct, faults = line
    faults.plan("500", 1000, lambda method, _path: method == "DELETE")

    def broken():
        for _ in range(20):
            yield bytes(MIB)
        raise BadInputError.of("body", "broke off")

    with pytest.raises(BadInputError, match="broke off"):
        far.put(broken())
    assert [name for name in listed(direct) if not name.startswith(".")] == []


def test_no_secret_of_the_store_comes_into_errors_or_the_log(line, caplog):
    far, _direct, faults = line
    faults.plan("403", 1000)
    with caplog.at_level(logging.DEBUG), pytest.raises(UnavailableError) as caught:
        put(far, b"x")
    told = str(caught.value) + caplog.text
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in told
    assert "Signature=" not in told
    assert caught.value.__cause__ is None


def in_parts(blobs, content, digest, part_bytes=3 * MIB):
    """Send a file in parts; return it, and the digests of its parts."""
    now = datetime.now(UTC)
    transfer = Transfer("tr_1", len(content), part_bytes, "ada", now, now, digest)
    there = {}
    for number in range(1, transfer.part_count + 1):
        piece = content[transfer.offset(number) :][: transfer.length(number)]
        there[number] = blobs.arrivals.put(transfer, number, [piece])
    return transfer, there


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
def test_a_file_in_parts_is_read_once_and_sent_once_in_pieces_as_large_as_its_size_asks_for(line, announced):
    far, direct, faults = line
    digest = digest_of(LARGE) if announced else None
    transfer, there = in_parts(far, LARGE, digest)
    faults.seen.clear()
    assert far.arrivals.digest(transfer, there) == digest_of(LARGE)
    far.arrivals.publish(transfer, digest_of(LARGE), there)
    asked = [(method, path.partition("?")[0].rpartition("/")[2]) for method, path in faults.seen]
    assert [asked.count(("GET", str(number))) for number in there] == [1] * len(there)
    pieces = [path for method, path in faults.seen if method == "PUT" and "partNumber=" in path]
    assert len(pieces) == -(-len(LARGE) // PART_BYTES), "an unknown size would take larger pieces"
    if announced:
        assert all(".tmp/" not in path for _, path in faults.seen)
        assert len(pieces) == sum(method == "PUT" for method, _ in faults.seen)
    far.arrivals.drop(transfer.id)
    assert listed(direct) == {f"{digest_of(LARGE).hex[:2]}/{digest_of(LARGE).hex}": len(LARGE)}


def test_a_file_in_parts_that_the_store_has_already_is_compared_and_not_sent(line):
    far, direct, faults = line
    put(direct, LARGE)
    transfer, there = in_parts(far, LARGE, digest_of(LARGE))
    faults.seen.clear()
    assert far.arrivals.digest(transfer, there) == digest_of(LARGE)
    assert {method for method, _ in faults.seen} == {"GET", "HEAD"}


def test_parts_are_taken_away_all_at_once(line):
    far, direct, faults = line
    transfer, _ = in_parts(far, LARGE, None)
    faults.seen.clear()
    far.arrivals.drop(transfer.id)
    assert [method for method, _ in faults.seen] == ["GET", "POST"]
    assert listed(direct) == {}
