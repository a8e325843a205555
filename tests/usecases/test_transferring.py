"""Whole files that come in parts: any order, at once, again, after a break; and what is refused."""

import errno
import os
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.digests import digest_of
from assay.core.errors import (
    BadInputError,
    ConflictError,
    DeniedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from assay.core.transfers import MAX_OPEN_TRANSFERS, check_sizes
from assay.storage import LocalBlobs, arrivals, durable
from assay.storage.part_arrivals import PartArrivals
from assay.usecases.transferring import Sent
from assay.wire.upkeep import NewUpload
from usecases.store_world import DAY, StoreWorld

PART = 64 * 1024
CONTENT = os.urandom(3 * PART + 1000)
SHARED = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Arriving(StoreWorld):
    """A registry to which files come in parts."""

    def begin(self, content=CONTENT, caller=None, **asked):
        wanted = NewUpload(len(content), asked.pop("digest", digest_of(content)), PART)
        return self.use.transferring.begin(caller or self.local, wanted)[0]

    def put(self, transfer, number, content=CONTENT, sent=None):
        piece = content[(number - 1) * PART : number * PART]
        said = Sent(number, digest_of(piece if sent is None else sent), len(piece))
        chunks = (piece[at : at + 10_000] for at in range(0, len(piece), 10_000))
        return self.use.transferring.put_part(self.local, transfer.id, said, chunks)

    def complete(self, transfer):
        return self.use.transferring.complete(self.local, transfer.id)

    def there(self, transfer):
        return sorted(self.use.transferring.show(self.local, transfer.id)[1])

    def again(self):
        """The same registry, in a process that was started anew."""
        return type(self)(self.root, self.clock, fresh=False)


@pytest.fixture(params=["one file", "joined parts"])
def world(request, tmp_path):
    return request.getfixturevalue("joined") if request.param == "joined parts" else Arriving(tmp_path)


@pytest.fixture
def joined(tmp_path, monkeypatch):
    real = LocalBlobs.__init__

    def init(self, root):
        real(self, root)
        self.arrivals = PartArrivals(self.parts)

    monkeypatch.setattr(LocalBlobs, "__init__", init)
    return Arriving(tmp_path)


@pytest.fixture
def local(tmp_path):
    return Arriving(tmp_path)


@SHARED
@given(size=st.integers(0, 4 * PART), order=st.randoms(use_true_random=False))
def test_parts_in_any_order_and_again_make_the_file(world, size, order):
    content = os.urandom(size)
    transfer = world.begin(content)
    numbers = list(range(1, transfer.part_count + 1))
    numbers += order.sample(numbers, len(numbers) // 2)
    order.shuffle(numbers)
    for number in numbers:
        world.put(transfer, number, content)
    done = world.complete(transfer)
    assert done.whole == digest_of(content)
    assert b"".join(world.means.blobs.read(done.whole)) == content
    assert world.complete(transfer) == done  # asked twice, the same answer


def test_parts_may_come_at_the_same_time(world):
    transfer = world.begin()
    threads = [threading.Thread(target=world.put, args=(transfer, number)) for number in (4, 3, 2, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.there(transfer) == [1, 2, 3, 4]
    assert world.complete(transfer).whole == digest_of(CONTENT)


def test_who_begins_the_same_file_again_goes_on_with_it_also_in_a_new_process(world):
    transfer = world.begin()
    world.put(transfer, 1)
    world.put(transfer, 3)
    later = world.again()
    assert later.begin().id == transfer.id
    assert later.there(transfer) == [1, 3]
    later.put(transfer, 2)
    later.put(transfer, 4)
    assert later.complete(transfer).whole == digest_of(CONTENT)
    assert later.begin().id != transfer.id


def test_other_bytes_for_a_part_that_came_are_refused_and_the_first_stay(world):
    transfer = world.begin()
    world.put(transfer, 1)
    with pytest.raises(ConflictError, match="part 1"):
        world.put(transfer, 1, os.urandom(len(CONTENT)))
    for number in (2, 3, 4):
        world.put(transfer, number)
    assert world.complete(transfer).whole == digest_of(CONTENT)


def test_a_part_whose_bytes_are_not_those_announced_is_not_kept(world):
    transfer = world.begin()
    with pytest.raises(BadInputError, match="Content-Digest"):
        world.put(transfer, 1, sent=b"others")
    for piece, sent in ((b"short", b"short"), (CONTENT, CONTENT)):
        with pytest.raises(BadInputError):
            world.use.transferring.put_part(world.local, transfer.id, Sent(1, digest_of(sent)), [piece])
    with pytest.raises(BadInputError, match="Content-Length"):
        world.use.transferring.put_part(world.local, transfer.id, Sent(1, digest_of(b""), 5), [b"12345"])
    with pytest.raises(BadInputError, match="number"):
        world.use.transferring.put_part(world.local, transfer.id, Sent(5, digest_of(b"")), [b""])
    assert world.there(transfer) == []
    for number in (1, 2, 3, 4):
        world.put(transfer, number)
    assert world.complete(transfer).whole == digest_of(CONTENT)


def test_a_file_is_no_blob_before_all_of_it_is_there(world):
    transfer = world.begin()
    world.put(transfer, 2)
    with pytest.raises(BadInputError, match="3 parts have to be sent"):
        world.complete(transfer)
    assert world.means.blobs.size(digest_of(CONTENT)) is None
    with pytest.raises(BadInputError):
        world.register(CONTENT, send=False)


def test_a_whole_that_has_another_digest_than_was_announced_leaves_nothing(world, tmp_path):
    transfer = world.begin(digest=digest_of(b"another file"))
    for number in (1, 2, 3, 4):
        world.put(transfer, number)
    with pytest.raises(BadInputError, match="digest"):
        world.complete(transfer)
    with pytest.raises(NotFoundError):
        world.there(transfer)
    assert world.means.blobs.size(digest_of(b"another file")) is None
    assert not [path for path in (tmp_path / "blobs" / ".arriving").glob("*") if path.is_file()]


def test_without_an_announced_digest_the_answer_says_it(world):
    transfer = world.begin(digest=None)
    assert world.begin(digest=None).id != transfer.id
    for number in (1, 2, 3, 4):
        world.put(transfer, number)
    assert world.complete(transfer).whole == digest_of(CONTENT)


@pytest.mark.parametrize("when", ["before the process was started anew", "while parts still came"])
@pytest.mark.parametrize("digest", [digest_of(CONTENT), None], ids=["announced", "unannounced"])
def test_what_was_damaged_at_rest_is_named_and_sent_again(local, digest, when):
    transfer = local.begin(digest=digest)
    for number in (2, 3, 4):
        local.put(transfer, number)
    if when.startswith("before"):
        local.put(transfer, 1)
    with (local.root / "blobs" / ".arriving" / transfer.id).open("r+b") as file:
        file.seek(PART + 5)
        file.write(b"!")
    later = local.again() if when.startswith("before") else local
    later.put(transfer, 1)
    with pytest.raises(BadInputError, match="part 2: is damaged"):
        later.complete(transfer)
    assert later.there(transfer) == [1, 3, 4]
    later.put(transfer, 2)
    assert later.complete(transfer).whole == digest_of(CONTENT)


@pytest.mark.parametrize("digest", [digest_of(CONTENT), None], ids=["announced", "unannounced"])
def test_a_part_that_another_server_spoilt_after_it_came_is_named_and_sent_again(world, digest):
    transfer = world.begin(digest=digest)
    for number in range(1, 5):
        world.put(transfer, number)
    world.means.blobs.arrivals.put(transfer, 2, iter([b"x" * PART]))
    with pytest.raises(BadInputError, match="part 2: is damaged"):
        world.complete(transfer)
    assert world.there(transfer) == [1, 3, 4]
    world.put(transfer, 2)
    assert world.complete(transfer).whole == digest_of(CONTENT)


def test_a_part_that_ends_after_another_server_completed_the_file_leaves_nothing(joined, monkeypatch):
    transfer = joined.begin()
    for number in range(1, 4):
        joined.put(transfer, number)
    real = joined.means.blobs.arrivals.put

    def slow(*asked):
        monkeypatch.undo()
        joined.put(transfer, 4)
        joined.complete(transfer)
        return real(*asked)

    monkeypatch.setattr(joined.means.blobs.arrivals, "put", slow)
    assert joined.put(transfer, 4).whole == digest_of(CONTENT)
    assert not [*joined.root.glob("blobs/.parts/*/*")]


def test_a_part_of_a_file_that_another_server_gave_up_leaves_nothing(joined, monkeypatch):
    transfer = joined.begin()
    real = joined.means.blobs.arrivals.put

    def slow(*asked):
        joined.use.transferring.abort(joined.local, transfer.id)
        return real(*asked)

    monkeypatch.setattr(joined.means.blobs.arrivals, "put", slow)
    with pytest.raises(NotFoundError):
        joined.put(transfer, 1)
    assert not [*joined.root.glob("blobs/.parts/*/*")]


def test_a_death_between_the_name_and_the_record_is_completed_by_asking_again(local, monkeypatch):
    for digest in (digest_of(CONTENT), None):
        transfer = local.begin(digest=digest)
        for number in (1, 2, 3, 4):
            local.put(transfer, number)
        with monkeypatch.context() as patch:
            patch.setattr(type(local.use.transferring), "_note", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                local.complete(transfer)
        later = local.again()
        assert later.complete(transfer).whole == digest_of(CONTENT)
        assert later.known(CONTENT).counts


def test_who_still_sends_a_part_that_comes_anew_is_cut_off_and_can_never_write_again(local):
    transfer = local.begin()
    for number in (2, 3, 4):
        local.put(transfer, number)
    waiting, go_on, problems = threading.Event(), threading.Event(), []

    def slow():
        yield b"x" * 1000
        waiting.set()
        go_on.wait(10)
        yield b"x" * (PART - 1000)

    def send():
        try:
            sent = Sent(1, digest_of(b"x" * PART))
            local.use.transferring.put_part(local.local, transfer.id, sent, slow())
        except ConflictError as error:
            problems.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    waiting.wait(10)
    local.put(transfer, 1)
    done = local.complete(transfer)
    go_on.set()
    thread.join()
    assert len(problems) == 1
    assert local.means.blobs.shelf.check(done.whole)


def test_two_processes_never_write_at_once(local):
    transfer, other = local.begin(), local.again()
    problems = []

    def slow():
        yield CONTENT[:1000]
        with pytest.raises(UnavailableError, match="another process"):
            other.put(transfer, 2)
        problems.append("refused")
        yield CONTENT[1000:PART]

    sent = Sent(1, digest_of(CONTENT[:PART]))
    local.use.transferring.put_part(local.local, transfer.id, sent, slow())
    assert problems == ["refused"]
    for number in (2, 3):
        other.put(transfer, number)
    local.put(transfer, 4)
    assert local.complete(transfer).whole == digest_of(CONTENT)


def test_a_beginning_makes_only_its_own_name_durable_once_the_folder_is_known_to_be(local, monkeypatch):
    synced = []
    for module in (durable, arrivals):
        monkeypatch.setattr(module, "sync_folder", synced.append)
    local.begin(b"first")
    assert local.root in synced
    synced.clear()
    local.begin(b"second")
    assert synced == [local.root / "blobs" / ".arriving"]


def test_no_room_is_said_at_the_beginning_and_leaves_nothing(local, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UnavailableError, match="no space"):
        local.begin()
    assert list((local.root / "blobs" / ".arriving").iterdir()) == []
    assert local.use.transferring.mine(local.local) == ()


def test_no_room_in_the_middle_leaves_the_part_to_be_sent_again(local, monkeypatch):
    transfer = local.begin()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(UnavailableError, match="no space"):
            local.put(transfer, 1)
    assert local.there(transfer) == []
    for number in (1, 2, 3, 4):
        local.put(transfer, number)
    assert local.complete(transfer).whole == digest_of(CONTENT)


@pytest.mark.parametrize(
    ("size", "part"), [(-1, None), (1 << 60, None), (10, 1), (10, 1 << 40), (1 << 40, PART)]
)
def test_sizes_that_cannot_be_are_refused_at_the_beginning(size, part):
    with pytest.raises(BadInputError):
        check_sizes(size, part)


@given(size=st.integers(0, 10_000 << 30))
def test_the_registry_chooses_parts_that_are_few_enough(size):
    part = check_sizes(size, None)
    assert -(-size // part) <= 10_000
    assert part >= 16 << 20


def test_too_many_open_at_once_are_refused(local):
    for number in range(MAX_OPEN_TRANSFERS):
        local.begin(b"%d" % number)
    with pytest.raises(RefusedError, match="too many"):
        local.begin(b"one more")
    local.use.transferring.abort(local.local, local.use.transferring.mine(local.local)[0].id)
    local.begin(b"one more")


def test_only_who_began_a_file_knows_of_it(local):
    transfer = local.begin()
    other = replace(local.local, principal=replace(local.local.principal, name="other"))
    nobody = replace(other, grants=())
    with pytest.raises(NotFoundError):
        local.use.transferring.show(other, transfer.id)
    with pytest.raises(NotFoundError):
        local.use.transferring.complete(other, transfer.id)
    with pytest.raises(NotFoundError):
        local.use.transferring.abort(other, transfer.id)
    assert local.use.transferring.mine(other) == ()
    with pytest.raises(DeniedError):
        local.use.transferring.begin(nobody, NewUpload(1))


def test_each_part_puts_the_end_off_but_not_for_ever(local):
    transfer = local.begin()
    for number in (1, 2, 3):
        local.pass_time(timedelta(hours=23))
        local.put(transfer, number)
    local.pass_time(8 * DAY)
    local.begin(b"one more")
    with pytest.raises(NotFoundError):
        local.there(transfer)


def test_nobody_writes_to_a_file_that_is_about_to_become_a_blob(local, monkeypatch):
    transfer = local.begin()
    for number in range(1, 5):
        local.put(transfer, number)
    stored, late = local.means.blobs.arrivals, []
    real = durable.os.fsync

    def meanwhile(descriptor):
        if not late:  # the late one passed its look at the records before the part was noted
            late.append(None)
            other = [b"\0" * PART]
            sender = threading.Thread(target=lambda: late.append(outcome(stored.put, transfer, 1, other)))
            sender.start()
            sender.join()
        return real(descriptor)

    monkeypatch.setattr(durable.os, "fsync", meanwhile)
    digest = local.complete(transfer).whole
    assert isinstance(late[1], ConflictError)
    assert b"".join(local.means.blobs.read(digest)) == CONTENT


def test_a_file_that_could_not_become_a_blob_can_be_written_to_again(local, monkeypatch):
    transfer = local.begin()
    for number in range(1, 5):
        local.put(transfer, number)
    arriving = local.means.blobs.arrivals
    monkeypatch.setattr(arriving, "_publish", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(UnavailableError):
        local.complete(transfer)
    monkeypatch.undo()
    arriving.put(transfer, 1, [CONTENT[:PART]])
    assert local.complete(transfer).whole == digest_of(CONTENT)


def test_a_beginning_that_cannot_be_noted_takes_no_room(local, monkeypatch):
    real = type(local.means.database).write

    @contextmanager
    def full(database):
        with real(database) as found:
            yield found
            raise UnavailableError("the disk is full")

    monkeypatch.setattr(type(local.means.database), "write", full)
    with pytest.raises(UnavailableError, match="disk is full"):
        local.begin()
    monkeypatch.undo()
    assert list(local.means.blobs.arrivals.waiting()) == []
    assert local.use.transferring.mine(local.local) == ()


def test_a_file_whose_bytes_are_stored_already_may_come_in_parts_all_the_same(local):
    local.send(CONTENT)
    transfer = local.begin()
    for number in range(1, 5):
        local.put(transfer, number)
    assert local.complete(transfer).whole == digest_of(CONTENT)
    assert list(local.means.blobs.arrivals.waiting()) == []


def test_who_died_between_the_note_and_the_place_is_gone_on_with(local, monkeypatch):
    class DiedError(BaseException):
        pass

    def die(*_):
        raise DiedError

    monkeypatch.setattr(type(local.means.blobs.arrivals), "begin", die)
    with pytest.raises(DiedError):
        local.begin()
    monkeypatch.undo()
    transfer = local.again().begin()
    for number in range(1, 5):
        local.put(transfer, number)
    assert local.complete(transfer).whole == digest_of(CONTENT)


def test_a_beginning_whose_place_is_gone_is_begun_again(local):
    transfer = local.begin()
    local.put(transfer, 1)
    local.means.blobs.arrivals.drop(transfer.id)
    assert local.begin().id == transfer.id
    for number in range(2, 5):
        local.put(transfer, number)
    with pytest.raises(BadInputError, match="damaged at rest"):
        local.complete(transfer)
    local.put(transfer, 1)
    assert local.complete(transfer).whole == digest_of(CONTENT)


def test_who_only_says_that_much_will_come_leaves_room_for_everybody_else(local, monkeypatch):
    disk = os.statvfs(local.root)
    free = disk.f_bavail * disk.f_frsize
    monkeypatch.setattr(durable, "RESERVED_BYTES", 0)
    durable.check_room_in(local.root, free // 2)
    monkeypatch.setattr(durable, "RESERVED_BYTES", free)
    reserve = disk.f_blocks * disk.f_frsize // 10
    with pytest.raises(OSError, match="No space"):
        durable.check_room_in(local.root, free - reserve // 2)
    monkeypatch.setattr(arrivals, "check_room_in", full)
    with pytest.raises(UnavailableError, match="no space"):
        local.begin()
    assert list(local.means.blobs.arrivals.waiting()) == []


def full(*_):
    raise OSError(errno.ENOSPC, "full")


def test_a_file_that_is_larger_than_the_operator_lets_in_is_not_begun(local):
    with pytest.raises(BadInputError, match="must be from 0 to 1000"):
        local.use.transferring.begin(local.local, NewUpload(1001), 1000)
    local.use.transferring.begin(local.local, NewUpload(1000), 1000)


def outcome(act, *asked):
    try:
        return act(*asked)
    except ConflictError as error:
        return error
