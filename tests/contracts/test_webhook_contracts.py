"""What every store must do for webhooks, their queue of messages, and their secrets."""

import threading
from contextlib import closing
from dataclasses import replace

import pytest

from assay.core.deliveries import GAVE_UP, MAX_ATTEMPTS, DeliveryState
from assay.core.errors import BadInputError, UnavailableError
from assay.core.webhooks import HookStatus
from assay.storage import FileSeal
from assay.storage.cursors import write_cursor
from contracts.samples import later
from contracts.webhook_samples import delivery, hook


def fill(database, *deliveries, seq=1):
    with database.write() as records:
        records.deliveries.record(seq, deliveries)


def lease(database, sender="one", at=10, until=100, spared=frozenset()):
    with database.write() as records:
        return records.deliveries.lease(sender, later(at), later(until), spared)


def finish(database, taken, sender="one"):
    with database.write() as records:
        return records.deliveries.finish(taken, sender)


def stored(database, hook_id="h1", limit=10):
    with database.read() as records:
        return records.deliveries.of_hook(hook_id, limit)


def waiting(database, at, spared=frozenset()):
    with database.read() as records:
        return records.deliveries.waiting(later(at), spared)


# --- hooks -------------------------------------------------------------------------------------------


def test_a_hook_is_there_as_it_was_put_after_opening_again(open_database):
    whole = hook(description="d", status=HookStatus.DISABLED, sealed_secret="sealed")
    with closing(open_database()) as one, one.write() as records:
        records.webhooks.add(whole)
    with closing(open_database()) as two, two.read() as records:
        assert records.webhooks.get("h1") == whole
        assert records.webhooks.get("h2") is None


def test_only_active_hooks_are_told_oldest_first(database):
    with database.write() as records:
        for key, at in (("b", 2), ("a", 1), ("c", 3)):
            records.webhooks.add(hook(key, at))
        records.webhooks.save(replace(hook("c", 3), status=HookStatus.DISABLED))
        assert [each.id for each in records.webhooks.active()] == ["a", "b"]
        records.webhooks.save(replace(hook("c", 3), name="other"))
        records.webhooks.remove("a")
        assert [each.id for each in records.webhooks.active()] == ["b", "c"]
        assert records.webhooks.get("c").name == "other"


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_show_each_hook_once_newest_first_also_those_of_one_instant(database, limit):
    with database.write() as records:
        for key, at in (("a", 1), ("b", 5), ("c", 5), ("d", 5), ("e", 9)):
            records.webhooks.add(hook(key, at))
    found, cursor = [], ""
    while True:
        with database.read() as records:
            page = records.webhooks.page(limit, cursor)
        found += [each.id for each in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
        assert len(page.items) == limit
    assert found == ["e", "d", "c", "b", "a"]


def test_a_page_follows_though_the_last_hook_of_the_page_before_is_gone(database):
    with database.write() as records:
        for key, at in (("a", 1), ("b", 5), ("c", 5), ("d", 9)):
            records.webhooks.add(hook(key, at))
        page = records.webhooks.page(2)
        assert [each.id for each in page.items] == ["d", "c"]
        records.webhooks.remove("c")
        assert [each.id for each in records.webhooks.page(2, page.next_cursor).items] == ["b", "a"]


@pytest.mark.parametrize("cursor", ["bm9uc2Vuc2U", write_cursor(["h1"]), write_cursor([2**64, "h1"])])
def test_a_foreign_cursor_is_bad_input(database, cursor):
    with database.read() as records, pytest.raises(BadInputError):
        records.webhooks.page(10, cursor)


# --- the queue ---------------------------------------------------------------------------------------


def test_the_cursor_begins_at_nothing_and_is_what_was_recorded_last(database):
    with database.read() as records:
        assert records.deliveries.cursor() == 0
    fill(database, seq=7)
    fill(database, delivery(), seq=9)
    with database.read() as records:
        assert records.deliveries.cursor() == 9


def test_a_message_that_is_recorded_again_stays_as_it_is(database):
    fill(database, delivery())
    taken = lease(database)
    fill(database, delivery(), delivery("d2", seq=2), seq=2)
    assert stored(database) == (delivery("d2", seq=2), taken)


def test_messages_and_cursor_come_together_or_not_at_all(database):
    def interrupted():
        with database.write() as records:
            records.deliveries.record(5, (delivery(),))
            raise BadInputError("interrupted")

    with pytest.raises(BadInputError, match="interrupted"):
        interrupted()
    assert stored(database) == ()
    with database.read() as records:
        assert records.deliveries.cursor() == 0


def test_the_oldest_event_that_is_due_is_taken_first(database):
    fill(
        database,
        delivery("late", seq=1, at=50),
        delivery("d", seq=3),
        delivery("a", seq=2, place=1),
        delivery("b", seq=2, place=0),
    )
    assert not waiting(database, -1)
    assert waiting(database, 10)
    assert [lease(database).id for _ in range(3)] == ["b", "a", "d"]
    assert lease(database) is None
    assert lease(database, at=50, until=150).id == "late"


def test_of_several_hooks_the_oldest_event_goes_first_whatever_waits_beside_it(database):
    fill(
        database,
        delivery("a1", "h1", seq=1, at=50),
        delivery("a4", "h1", seq=4),
        delivery("b3", "h2", seq=3, place=1),
        delivery("b2", "h2", seq=3, place=0),
        delivery("c3", "h3", seq=3, place=0),
        delivery("c9", "h3", seq=9, state=DeliveryState.FAILED, ended_at=later(1)),
        delivery("d0", "h4", seq=0, state=DeliveryState.DELIVERED, ended_at=later(1)),
        delivery("e2", "h5", seq=2, state=DeliveryState.SENDING, attempts=1, lease_until=later(5)),
        delivery("f1", "h6", seq=1, state=DeliveryState.SENDING, attempts=1, lease_until=later(500)),
    )
    assert [lease(database).id for _ in range(5)] == ["e2", "b2", "c3", "b3", "a4"]
    assert lease(database) is None


def test_a_lease_counts_the_attempt_and_shuts_others_out(database):
    fill(database, delivery())
    taken = lease(database)
    assert (taken.state, taken.attempts, taken.lease_owner) == (DeliveryState.SENDING, 1, "one")
    assert taken.lease_until == later(100)
    assert lease(database, "two", at=99) is None
    assert not waiting(database, 99)


def test_the_lease_of_a_dead_sender_runs_out_and_its_late_answer_counts_for_nothing(database):
    fill(database, delivery())
    dead = lease(database, "one", at=10, until=100)
    taken = lease(database, "two", at=100, until=200)
    assert (taken.id, taken.attempts, taken.body) == (dead.id, 2, dead.body)
    assert not finish(database, replace(dead, state=DeliveryState.DELIVERED, ended_at=later(101)), "one")
    assert finish(database, replace(taken, state=DeliveryState.DELIVERED, ended_at=later(102)), "two")
    assert stored(database)[0].ended_at == later(102)


def test_a_sender_of_the_same_name_cannot_finish_an_earlier_attempt(database):
    fill(database, delivery())
    dead = lease(database, at=10, until=100)
    lease(database, at=100, until=200)
    assert not finish(database, replace(dead, state=DeliveryState.FAILED))


def test_after_the_last_attempt_a_message_whose_sender_died_is_given_up(database):
    fill(database, delivery(attempts=MAX_ATTEMPTS - 1))
    assert lease(database, at=10, until=100).attempts == MAX_ATTEMPTS
    assert waiting(database, 100)
    assert lease(database, at=100, until=200) is None
    (given_up,) = stored(database)
    assert (given_up.state, given_up.problem) == (DeliveryState.FAILED, GAVE_UP)
    assert given_up.ended_at == later(100)
    assert not waiting(database, 1000)


@pytest.mark.parametrize("state", DeliveryState, ids=lambda state: state.value)
def test_what_came_of_a_message_is_kept(database, state):
    fill(database, delivery())
    taken = lease(database)
    after = replace(
        taken, state=state, response_status=503, problem="answered 503", due_at=later(77), ended_at=later(78)
    )
    assert finish(database, after)
    assert stored(database) == (after,)


def test_hooks_that_are_spared_are_passed_over(database):
    fill(database, delivery("a", "h1", seq=1), delivery("b", "h2", seq=2))
    spared = frozenset({"h1"})
    assert lease(database, spared=spared).id == "b"
    assert not waiting(database, 10, spared)
    assert lease(database, spared=spared) is None
    assert lease(database).id == "a"


def test_the_messages_of_a_hook_outlive_it_newest_event_first(database):
    with database.write() as records:
        records.webhooks.add(hook())
    fill(database, *(delivery(f"d{number}", seq=number) for number in range(5)), delivery("x", "h2", seq=9))
    with database.write() as records:
        records.webhooks.remove("h1")
    assert [each.event_seq for each in stored(database)] == [4, 3, 2, 1, 0]
    assert [each.event_seq for each in stored(database, limit=2)] == [4, 3]


def test_only_messages_that_ended_long_ago_are_forgotten(database):
    fill(
        database,
        delivery("old", seq=1, state=DeliveryState.FAILED, ended_at=later(10)),
        delivery("new", seq=2, state=DeliveryState.DELIVERED, ended_at=later(20)),
        delivery("open", seq=3),
    )
    with database.write() as records:
        assert records.deliveries.forget(later(20)) == 1
    assert {each.id for each in stored(database)} == {"new", "open"}


def test_of_many_senders_each_message_goes_to_one(open_database):
    with closing(open_database()) as database:
        fill(database, *(delivery(f"d{number:02}", seq=number) for number in range(40)))
    taken, lock = [], threading.Lock()

    def work(name):
        with closing(open_database()) as own:
            while (found := lease(own, name)) is not None:
                with lock:
                    taken.append(found.id)

    threads = [threading.Thread(target=work, args=(f"s{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == [f"d{number:02}" for number in range(40)]


# --- secrets -----------------------------------------------------------------------------------------


def test_a_secret_is_unreadable_where_it_is_kept_and_comes_back_whole(tmp_path):
    seal = FileSeal(tmp_path / "seal.key")
    kept = seal.close("geheim ü")
    assert "geheim" not in kept
    assert kept != seal.close("geheim ü")
    assert FileSeal(tmp_path / "seal.key").open(kept) == "geheim ü"
    assert (tmp_path / "seal.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["seal.key"]


def test_of_several_makers_of_the_key_one_wins_and_every_secret_can_be_read(tmp_path):
    kept, start = {}, threading.Barrier(8)

    def keep(number):
        start.wait()
        kept[number] = FileSeal(tmp_path / "seal.key").close(f"secret {number}")

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    seal = FileSeal(tmp_path / "seal.key")
    assert {number: seal.open(text) for number, text in kept.items()} == {n: f"secret {n}" for n in range(8)}
    assert [path.name for path in tmp_path.iterdir()] == ["seal.key"]


def test_without_its_key_a_secret_is_not_given_out(tmp_path):
    kept = FileSeal(tmp_path / "one.key").close("geheim")
    FileSeal(tmp_path / "two.key").close("x")
    for name, damage in (("two.key", None), ("none.key", None), ("one.key", b"damaged")):
        if damage:
            (tmp_path / name).write_bytes(damage)
        with pytest.raises(UnavailableError) as caught:
            FileSeal(tmp_path / name).open(kept)
        assert "geheim" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="key file"):
        FileSeal(tmp_path / "file" / "seal.key").close("x")
