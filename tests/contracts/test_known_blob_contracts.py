"""What every database must keep of stored bytes, of collections and of files on their way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assay.core.digests import digest_of
from assay.core.keeping import LEASE, BlobState, Chore, KnownBlob
from assay.core.ports import Lying
from assay.core.tracking.files import StoredFile
from assay.core.transfers import Transfer

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


def blob(name, **more):
    said = {"state": BlobState.LIVE, "stored_at": NOW - 50 * HOUR, "leased_until": NOW - HOUR}
    return KnownBlob(digest_of(name), len(name), **{**said, **more})


@pytest.fixture
def records(database):
    with database.write() as one:
        yield one


def test_what_is_known_comes_back_as_it_was_put(records):
    for one in (
        blob(b"a"),
        blob(b"b", state=BlobState.CONDEMNED, condemned_at=NOW),
        blob(b"c", damaged_at=NOW, leased_until=NOW + LEASE),
    ):
        records.known_blobs.put(one)
        assert records.known_blobs.get(one.digest) == one
    records.known_blobs.put(replace(blob(b"b"), leased_until=NOW))
    assert records.known_blobs.get(digest_of(b"b")).state is BlobState.LIVE
    assert records.known_blobs.get(digest_of(b"none")) is None
    assert [records.known_blobs.damaged(digest_of(each)) for each in (b"a", b"c", b"none")] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("unknown", [1, 40])
def test_what_counts_is_kept_and_called_back_and_nothing_else(records, unknown):
    for one in (
        blob(b"live"),
        blob(b"condemned", state=BlobState.CONDEMNED, condemned_at=NOW),
        blob(b"removing", state=BlobState.REMOVING, condemned_at=NOW),
        blob(b"damaged", damaged_at=NOW),
        blob(b"fresh", leased_until=NOW + LEASE),
    ):
        records.known_blobs.put(one)
    names = [b"live", b"condemned", b"removing", b"damaged", b"fresh"]
    names += [b"unknown %d" % number for number in range(unknown)]
    kept = records.known_blobs.keep([digest_of(each) for each in names], NOW)
    assert kept == {digest_of(each) for each in (b"live", b"condemned", b"fresh")}
    for each in kept:
        known = records.known_blobs.get(each)
        assert (known.state, known.condemned_at) == (BlobState.LIVE, None)
        assert known.leased_until == NOW + LEASE


def test_a_thousand_digests_are_kept_at_once(records):
    names = [b"%d" % number for number in range(1200)]
    records.known_blobs.adopt([Lying(digest_of(each), 1, NOW) for each in names], NOW)
    assert len(records.known_blobs.keep([digest_of(each) for each in names], NOW)) == 1200


def test_only_what_is_unknown_is_adopted(records):
    records.known_blobs.put(blob(b"known"))
    lying = [Lying(digest_of(each), 5, NOW) for each in (b"known", b"other")]
    assert records.known_blobs.adopt(lying, NOW) == 1
    assert records.known_blobs.adopt(lying, NOW) == 0
    assert records.known_blobs.get(digest_of(b"known")) == blob(b"known")
    other = records.known_blobs.get(digest_of(b"other"))
    assert (other.size_bytes, other.stored_at, other.counts) == (5, NOW, True)


def test_what_nobody_has_spoken_of_is_told_of_a_thousand_at_once(records):
    names = [digest_of(b"%d" % number) for number in range(1200)]
    records.known_blobs.adopt([Lying(each, 1, NOW) for each in names[::2]], NOW)
    assert records.known_blobs.unknown(names) == set(names[1::2])
    assert records.known_blobs.unknown([]) == frozenset()


def test_only_what_nothing_keeps_is_condemned_and_goes(records):
    records.known_blobs.put(blob(b"alone"))
    records.known_blobs.put(blob(b"leased", leased_until=NOW + HOUR))
    records.known_blobs.put(blob(b"new", stored_at=NOW))
    records.known_blobs.put(blob(b"filed"))
    records.files.put(StoredFile("1/a/b", digest_of(b"filed"), 5, 0))
    before = NOW - 24 * HOUR
    assert records.collecting.unnamed(before, NOW) == (1, 5)
    after, condemned = "", 0
    for _ in range(5):
        count, after = records.collecting.condemn(before, NOW, after, 1)
        condemned += count
        if not after:
            break
    assert (condemned, after) == (1, "")
    assert records.known_blobs.get(digest_of(b"alone")).condemned_at == NOW
    assert records.collecting.doom(NOW - HOUR, NOW, 10) == 0
    assert records.collecting.condemned(NOW, NOW) == (1, 5)
    assert records.collecting.doom(NOW, NOW, 10) == 1
    (doomed,) = records.collecting.doomed(10)
    assert doomed == records.known_blobs.get(digest_of(b"alone"))
    assert not records.collecting.forget(digest_of(b"filed"))
    records.blob_holders.note([digest_of(b"alone"), digest_of(b"filed")], "principal:ann")
    assert records.collecting.forget(digest_of(b"alone"))
    held = records.blob_holders.held([digest_of(b"alone"), digest_of(b"filed")], ["principal:ann"])
    assert held == {digest_of(b"filed")}
    assert records.known_blobs.get(digest_of(b"alone")) is None


def test_what_is_being_removed_comes_in_pages_those_first_that_were_condemned_first(records):
    gone = [
        blob(b"%d" % number, state=BlobState.REMOVING, condemned_at=NOW - (number % 3) * HOUR)
        for number in range(10)
    ]
    for one in (*gone, blob(b"live"), blob(b"condemned", state=BlobState.CONDEMNED, condemned_at=NOW)):
        records.known_blobs.put(one)
    found, after = [], None
    while page := records.collecting.doomed(3, after):
        found += page
        after = page[-1]
    assert found == sorted(gone, key=lambda each: (each.condemned_at, each.digest))


def test_what_was_named_after_it_was_condemned_does_not_go(records):
    records.known_blobs.put(blob(b"named", state=BlobState.CONDEMNED, condemned_at=NOW - 50 * HOUR))
    records.files.put(StoredFile("1/a/b", digest_of(b"named"), 5, 0))
    assert records.collecting.doom(NOW, NOW, 10) == 0


def test_named_digests_come_in_pages_and_in_their_order(records):
    names = sorted(digest_of(b"%d" % number) for number in range(30))
    for place, digest in enumerate(names):
        records.files.put(StoredFile(f"1/a/{place}", digest, 1, 0))
        records.files.put(StoredFile(f"1/b/{place}", digest, 1, 0))
    found, after = [], ""
    while page := records.known_blobs.named(after, 7):
        found += page
        after = page[-1]
    assert found == names


def test_chores_are_kept_by_name(records):
    chore = Chore("backup", "host:1", NOW, "place")
    records.chores.put(chore)
    assert records.chores.get("backup") == chore
    records.chores.put(replace(chore, owner="host:2"))
    assert records.chores.get("backup").owner == "host:2"
    records.chores.remove("backup")
    assert records.chores.get("backup") is None


def test_chores_are_found_by_what_their_names_begin_with(records):
    for name in ("scrub", "backup_2", "backup_1", "Backup_3", "bac"):
        records.chores.put(Chore(name, "host:1", NOW, "place"))
    assert [each.name for each in records.chores.begun("backup")] == ["backup_1", "backup_2"]
    assert records.chores.begun("backup_3") == ()


def test_files_on_their_way_are_kept_with_their_parts(records):
    first = Transfer("tr_1", 100, 10, "ann", NOW, NOW + HOUR, digest_of(b"whole"))
    second = Transfer("tr_2", 100, 10, "ann", NOW + HOUR, NOW + 2 * HOUR)
    for each in (second, first):
        records.transfers.add(each)
    assert records.transfers.get("tr_1") == first
    assert records.transfers.of("ann") == (first, second)
    assert records.transfers.of("bob") == ()
    for number in (2, 1):
        records.transfer_parts.put("tr_1", number, digest_of(b"%d" % number))
    assert dict(records.transfer_parts.of("tr_1")) == {1: digest_of(b"1"), 2: digest_of(b"2")}
    records.transfer_parts.forget("tr_1", [1])
    assert records.transfer_parts.get("tr_1", 1) is None
    assert records.transfer_parts.get("tr_1", 2) == digest_of(b"2")
    assert records.transfers.ended(NOW + HOUR, 10) == ("tr_1",)
    assert records.transfers.ended(NOW + 3 * HOUR, 1) == ("tr_1",)
    whole = replace(first, whole=digest_of(b"whole"), ends_at=NOW + 5 * HOUR)
    records.transfers.save(whole)
    assert records.transfers.get("tr_1") == whole
    assert records.transfer_parts.of("tr_1") == {}
    assert records.transfers.of("ann") == (second,)
    records.transfers.remove("tr_1")
    assert records.transfers.get("tr_1") is None


def test_rows_are_dumped_and_loaded_as_they_are(open_database, tmp_path):
    database = open_database()
    with database.write() as records:
        records.files.put(StoredFile("1/a/ü", digest_of(b"x"), 5, 7))
        records.blob_holders.note([digest_of(b"x")], "principal:ann")
    with database.read() as records:
        assert not records.copies.is_empty()
        lines = list(records.copies.dump(secrets=False))
    database.close()
    assert sum(b'"table"' in line for line in lines) > 30
    assert any("ü".encode() in line for line in lines)
