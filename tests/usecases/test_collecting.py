"""Collections: what is taken away, what never is, and what is seen of it."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from assay.core.access import Caller, Grant, Role, Scope
from assay.core.digests import FileEntry, digest_of
from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError
from assay.core.evidence import Attachment, Measurement
from assay.core.keeping import LEASE, BlobState, Chore
from assay.core.names import Address
from assay.core.provenance import DataReference, DataRole, Provenance
from assay.usecases.collecting import VERB, adopt_unknown
from assay.usecases.transferring import Sent
from assay.wire.requests import NewEvidence, NewVersion
from assay.wire.upkeep import Collect, NewUpload
from usecases.store_world import DAY, MODEL, StoreWorld, whole


@pytest.fixture
def world(tmp_path):
    return StoreWorld(tmp_path)


def test_what_nothing_names_goes_after_its_lease_and_two_grace_periods_and_not_before(world):
    world.send(b"alone")
    world.pass_time(LEASE - timedelta(minutes=1))
    assert world.collect().condemned == 0
    world.pass_time(timedelta(minutes=2))
    assert (world.collect().condemned, world.known(b"alone").state) == (1, BlobState.CONDEMNED)
    world.pass_time(DAY - timedelta(minutes=1))
    assert world.collect().removed == 0
    assert world.holds(b"alone")
    world.pass_time(timedelta(minutes=2))
    done = world.collect()
    assert (done.removed, done.removed_bytes) == (1, 5)
    assert not world.holds(b"alone")
    assert world.known(b"alone") is None
    (event,) = world.events(VERB)
    assert event.before["digests"] == [digest_of(b"alone")]


def test_files_data_and_attachments_that_are_named_stay_for_ever(world):
    data = world.send(b"training")
    reference = DataReference(DataRole.TRAINING, data, 8)
    files = (FileEntry("f", world.send(b"weights"), 7),)
    wanted = NewVersion(files, provenance=Provenance(data=(reference,)))
    version, _ = world.use.registration.register(world.local, MODEL, wanted)
    log = Attachment("log.txt", world.send(b"log"), 3)
    sent = NewEvidence("metrics", version.digest, world.clock.now(), Measurement(attachments=(log,)))
    world.use.reporting.report(world.local, Address(MODEL, number=1), sent)
    world.use.artifacts.store(world.local, "0/run/artifacts/a.txt", [b"tracked"])
    world.collect_all()
    for content in (b"training", b"weights", b"log", b"tracked"):
        assert world.holds(content)
    assert whole(world) == 4
    world.delete(version)
    world.use.artifacts.remove(world.local, "0/run/artifacts/a.txt")
    world.collect_all()
    assert [world.holds(each) for each in (b"training", b"weights", b"tracked")] == [False] * 3
    assert world.holds(b"log")  # evidence stays, and so does what it speaks of


def test_bytes_that_several_name_stay_until_the_last_of_them_goes(world):
    first, second = world.register(b"shared", b"a"), world.register(b"shared", b"b")
    world.delete(first)
    world.collect_all()
    assert (world.holds(b"shared"), world.holds(b"a")) == (True, False)
    world.delete(second)
    world.collect_all()
    assert not world.holds(b"shared")


def test_data_that_was_sent_after_the_version_that_declares_it_is_named_by_it(world):
    reference = DataReference(DataRole.TRAINING, digest_of(b"late"), 4)
    files = (FileEntry("f", world.send(b"weights"), 7),)
    wanted = NewVersion(files, provenance=Provenance(data=(reference,)))
    world.use.registration.register(world.local, MODEL, wanted)
    world.send(b"late")
    world.collect_all()
    assert world.holds(b"late")


@pytest.mark.parametrize("told", ["sent again", "asked for", "uploaded in parts"])
def test_whoever_is_told_that_bytes_are_there_can_name_them_for_a_day(world, told):
    digest = world.send(b"bytes")
    world.pass_time(2 * DAY)
    assert world.collect().condemned == 1
    if told == "sent again":
        world.send(b"bytes")
    elif told == "asked for":
        assert world.use.registration.blob_size(world.local, digest) == 5
    else:
        upload_whole(world, b"bytes")
    assert world.known(b"bytes").state is BlobState.LIVE
    world.pass_time(LEASE - timedelta(minutes=1))
    world.collect()
    world.collect(grace_s=0)
    assert world.holds(b"bytes")
    world.register(b"bytes", send=False)
    world.collect_all()
    assert world.holds(b"bytes")


def upload_whole(world, content):
    transfer, _ = world.use.transferring.begin(world.local, NewUpload(len(content), digest_of(content)))
    world.use.transferring.put_part(world.local, transfer.id, Sent(1, digest_of(content)), [content])
    world.use.transferring.complete(world.local, transfer.id)


def test_bytes_that_are_being_removed_are_said_not_to_be_there_and_come_back_when_sent(world):
    digest = world.send(b"bytes")
    world.pass_time(2 * DAY)
    world.collect()
    world.pass_time(2 * DAY)
    with world.means.database.write() as records:  # as a collection that died in the middle leaves it
        assert records.collecting.doom(world.clock.now(), world.clock.now(), 10) == 1
    with pytest.raises(NotFoundError):
        world.use.registration.blob_size(world.local, digest)
    with pytest.raises(ConflictError) as caught:
        world.register(b"bytes", send=False)
    assert caught.value.reasons[0].field == digest
    world.send(b"bytes")
    assert world.collect().removed == 0
    world.register(b"bytes", send=False)
    assert world.holds(b"bytes")


def test_a_version_of_bytes_that_were_collected_is_refused_and_nothing_of_it_is_there(world):
    world.send(b"bytes")
    world.pass_time(2 * DAY)
    world.collect()
    world.pass_time(2 * DAY)
    real, looks = world.means.blobs.size, []

    def size(digest):  # the collection comes between the first look and the transaction
        found = real(digest)
        if found is not None:
            looks.append(digest)
            if len(looks) == 1:
                world.collect()
        return found

    world.means.blobs.size = size
    try:
        with pytest.raises((ConflictError, BadInputError)):
            world.register(b"bytes", send=False)
    finally:
        world.means.blobs.size = real
    with world.means.database.read() as records:
        assert records.models.get(MODEL) is None


def test_what_lies_in_the_store_unknown_is_looked_after_from_then_on(world):
    digest, _ = world.means.blobs.put([b"orphan"])  # as an upload that died before its row
    world.clock.at = world.means.blobs.shelf.find(digest).stored_at + timedelta(hours=1)
    assert world.collect().adopted == 1
    assert world.holds(b"orphan")
    world.collect_all()
    assert not world.holds(b"orphan")


def test_what_lies_there_is_asked_for_together_and_noted_a_few_at_a_time(world, monkeypatch):
    for number in range(130):
        world.means.blobs.put([b"%d" % number])
    world.clock.at = max(each.stored_at for each in world.means.blobs.shelf.all())
    real, asked, seen, found = world.means.database, [], [], world.means.blobs.shelf.find
    engine = real._engine

    def listen(*words):
        asked.append(words[2])
        seen.clear()  # how much is asked of the store between two questions to the database

    event.listen(engine, "before_cursor_execute", listen)
    most = [0]

    def find(digest):
        seen.append(digest)
        most[0] = max(most[0], len(seen))
        return found(digest)

    lying = list(world.means.blobs.shelf.all())
    monkeypatch.setattr(world.means.blobs.shelf, "all", lambda: iter(lying))
    monkeypatch.setattr(world.means.blobs.shelf, "find", find)
    assert adopt_unknown(world.means) == 130
    assert len(asked) < 30
    assert most[0] <= 50
    asked.clear()
    assert adopt_unknown(world.means) == 0
    assert len(asked) < 10


def test_a_store_from_before_records_were_kept_loses_nothing(world):
    version = world.register(b"old", b"older")
    with world.means.database.write() as records:
        for content in (b"old", b"older"):
            records.connection.exec_driver_sql("DELETE FROM blobs WHERE digest = ?", (digest_of(content),))
    assert world.collect().adopted == 2
    world.collect_all()
    assert (world.holds(b"old"), world.holds(b"older")) == (True, True)
    world.delete(version)
    world.collect_all()
    assert not world.holds(b"old")


def test_a_dry_run_says_what_would_happen_and_changes_nothing(world):
    world.send(b"alone")
    world.pass_time(2 * DAY)
    foreseen = world.collect(dry_run=True)
    assert (foreseen.condemned, foreseen.condemned_bytes, foreseen.removed) == (1, 5, 0)
    assert world.known(b"alone").state is BlobState.LIVE
    world.collect()
    world.pass_time(2 * DAY)
    assert (world.collect(dry_run=True).removed, world.holds(b"alone")) == (1, True)
    assert world.collect().removed == 1


@pytest.mark.parametrize("jump", [-timedelta(hours=1), timedelta(hours=1)])
def test_a_clock_that_jumps_removes_nothing_that_is_counted_on(world, jump):
    world.register(b"named")
    world.send(b"leased")
    world.send(b"old")
    world.pass_time(2 * DAY)
    world.send(b"leased")
    world.collect()
    world.clock.at += jump
    world.collect()
    assert all(world.holds(each) for each in (b"named", b"leased", b"old"))
    world.use.registration.blob_size(world.local, digest_of(b"leased"))
    world.clock.at -= jump
    world.pass_time(LEASE - timedelta(hours=2))
    world.collect(grace_s=0)
    assert (world.holds(b"named"), world.holds(b"leased"), world.holds(b"old")) == (True, True, False)


def test_forgotten_uploads_are_dropped_with_their_bytes(world, tmp_path):
    world.use.transferring.begin(world.local, NewUpload(1000, digest_of(b"never")))
    (tmp_path / "blobs" / ".arriving" / "tr_of_the_dead").write_bytes(b"x")
    (tmp_path / "blobs" / ".tmp" / ".left").write_bytes(b"x")
    assert world.collect().uploads == 1  # the one that nobody knows of
    world.pass_time(2 * DAY)
    assert world.collect().uploads >= 1
    assert list((tmp_path / "blobs" / ".arriving").iterdir()) == []
    assert list((tmp_path / "blobs" / ".tmp").iterdir()) == []


def test_nothing_is_removed_while_a_backup_is_made(world):
    world.send(b"alone")
    world.pass_time(2 * DAY)
    world.collect()
    world.pass_time(2 * DAY)
    with world.means.database.write() as records:
        records.chores.put(Chore("backup", "somebody", world.clock.now() + timedelta(minutes=5)))
    with pytest.raises(ConflictError, match="backup"):
        world.collect()
    assert world.holds(b"alone")
    world.pass_time(timedelta(minutes=6))
    assert world.collect().removed == 1


def test_only_an_admin_of_everything_collects(world):
    owner = world.local.principal
    for grants, scopes in (
        ((Grant("local", Role.MAINTAINER, "*"),), frozenset(Scope)),
        ((Grant("local", Role.ADMIN, "team/*"),), frozenset(Scope)),
        ((Grant("local", Role.ADMIN, "*"),), frozenset({Scope.WRITE})),
    ):
        with pytest.raises(DeniedError):
            world.use.collecting.collect(Caller(owner, grants, scopes, "*"), Collect())
    for grace_s in (-1.0, float("nan"), float("inf"), 1e12):
        with pytest.raises(BadInputError, match="grace_s"):
            world.collect(grace_s=grace_s)


def test_a_version_can_still_be_read_by_whoever_began_before_its_bytes_were_removed(world):
    content = b"x" * (3 << 20)
    version = world.register(content)
    reading = world.means.blobs.read(digest_of(content))
    first = next(reading)
    world.delete(version)
    world.collect_all()
    assert not world.holds(content)
    assert first + b"".join(reading) == content
    with pytest.raises(NotFoundError):
        world.use.browsing.version(world.local, Address(MODEL, number=1))
