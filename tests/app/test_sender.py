"""The sender beside the doors: it delivers, spares what fails, and ends when told."""

import threading
import time
from contextlib import contextmanager

import pytest

from assay.app import sender as sender_module
from assay.app.sender import MOST_AT_ONCE, Sender
from assay.core.deliveries import Attempt, DeliveryState
from assay.core.errors import UnavailableError
from assay.wire.requests import NewHook
from usecases.registry_world import World


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(sender_module, "POLL_S", 0.02)
    one = World(tmp_path)
    yield one
    one.means.database.close()


@contextmanager
def running(delivering):
    one = Sender(delivering)
    one.start()
    try:
        yield one
    finally:
        one.stop(30)
    assert not [thread for thread in threading.enumerate() if thread.name in ("sender", "sending")]


def hook(world, host="a.example.org"):
    return world.use.webhooks.create(
        world.local, NewHook(host, f"https://{host}/", ("model_version.created",))
    )


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)  # a poll, bounded above


def states(world, made):
    return [each.state for each in world.use.webhooks.deliveries(world.local, made.id, 100)]


def hosts(world):
    return [letter.url.split("/")[2] for letter in world.means.post.letters]


def test_what_happens_is_delivered_and_nothing_is_left_when_it_ends(world):
    made = hook(world)
    with running(world.use.delivering):
        for _ in range(3):
            world.register()
        wait_for(lambda: states(world, made) == [DeliveryState.DELIVERED] * 3)
    assert len(world.means.post.letters) == 3


def test_a_slow_receiver_holds_up_nobody_else(world):
    hook(world, "slow.example.org")
    quick = hook(world, "quick.example.org")
    release = threading.Event()
    world.means.post.answers = [lambda: Attempt(200) if release.wait(60) else None]
    with running(world.use.delivering):
        world.register()
        wait_for(lambda: hosts(world))
        world.means.post.answers = []
        for _ in range(3):
            world.register()
        held = hosts(world)[0]
        others = [each for each in ("slow.example.org", "quick.example.org") if each != held]
        wait_for(lambda: hosts(world).count(others[0]) == 4)
        assert hosts(world).count(held) == 1
        release.set()
        wait_for(lambda: hosts(world).count(held) == 4)
        wait_for(lambda: states(world, quick) == [DeliveryState.DELIVERED] * 4)


def test_only_so_many_messages_are_under_way_at_once(world):
    for number in range(MOST_AT_ONCE + 3):
        hook(world, f"h{number}.example.org")
    release = threading.Event()
    world.means.post.answers = [lambda: Attempt(200) if release.wait(60) else None] * 50
    with running(world.use.delivering):
        world.register()
        wait_for(lambda: len(world.means.post.letters) == MOST_AT_ONCE)
        time.sleep(0.2)  # long enough for one more, if there could be one
        assert len(world.means.post.letters) == MOST_AT_ONCE
        release.set()
        wait_for(lambda: len(world.means.post.letters) == MOST_AT_ONCE + 3)


def test_a_database_that_is_away_for_a_while_is_waited_out(world):
    made = hook(world)
    real, failures = world.use.delivering, [UnavailableError("away")] * 3

    class Flaky:
        def __getattr__(self, name):
            if failures:
                raise failures.pop()
            return getattr(real, name)

    with running(Flaky()):
        world.register()
        wait_for(lambda: states(world, made) == [DeliveryState.DELIVERED])


def test_a_thread_that_an_error_of_the_program_ended_is_begun_anew(world, monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    made, real, errors = hook(world), world.use.delivering, [RuntimeError("a fault")]

    class Faulty:
        def __getattr__(self, name):
            if errors:
                raise errors.pop()
            return getattr(real, name)

    with running(Faulty()) as one:
        wait_for(lambda: seen)
        world.register()
        one.start()
        one.start()
        wait_for(lambda: states(world, made) == [DeliveryState.DELIVERED])
        assert sum(thread.name == "sender" for thread in threading.enumerate()) == 1


def test_one_that_was_stopped_does_not_begin_again(world):
    one = Sender(world.use.delivering)
    one.start()
    one.stop(30)
    one.start()
    assert not [thread for thread in threading.enumerate() if thread.name == "sender"]
