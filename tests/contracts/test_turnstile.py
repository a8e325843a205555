"""Processes that write to one SQLite file: whoever waits longest is next, and nobody waits for ever."""

import fcntl
import subprocess
import sys
import threading
import time

import pytest

from assay.core.errors import UnavailableError
from assay.storage import database, turnstile
from assay.storage.turnstile import Turnstile
from contracts.stores import open_sqlite

# Writes without a pause, as a busy server does, and counts.
BUSY = """
import sys, time
from pathlib import Path
from assay.storage.turnstile import Turnstile
turnstile = Turnstile(Path(sys.argv[1]))
with open(sys.argv[1], "ab", buffering=0) as file:
    for number in range(100_000):
        with turnstile.turn(30):
            file.write(b".")
            if number == 3:
                print("busy", flush=True)
            time.sleep(0.02)  # as long as a commit takes on a slow disk
"""
# Takes the turn and never gives it back.
HELD = """
import sys, time
from pathlib import Path
from assay.storage.turnstile import Turnstile
with Turnstile(Path(sys.argv[1])).turn(5):
    print("held", flush=True)
    time.sleep(600)
"""


def started(program, argument):
    process = subprocess.Popen([sys.executable, "-c", program, str(argument)], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def ended(process):
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_process_that_writes_without_a_pause_starves_nobody(tmp_path):
    file = tmp_path / "file"
    busy, mine, passed = started(BUSY, file), Turnstile(file), 0
    try:
        for _ in range(30):
            before = file.stat().st_size
            with mine.turn(30):
                passed += file.stat().st_size - before
        assert busy.poll() is None
    finally:
        ended(busy)
    assert passed <= 60, "the turn under way, and seldom one more, may end first"


def test_who_comes_later_does_not_pass_who_waits(tmp_path):
    gate = Turnstile(tmp_path / "file")
    order, threads = [], []

    def come(name):
        with gate.turn(30):
            order.append(name)

    with gate.turn(30):
        threads.append(threading.Thread(target=come, args=("first",)))
        threads[0].start()
        while not (tmp_path / "file-next").exists() or not is_held(tmp_path / "file-next"):
            time.sleep(0.001)  # until the first one is at the head of the queue
        with pytest.raises(UnavailableError), gate.turn(0.05):
            raise AssertionError("passed by")
    threads[0].join()
    assert order == ["first"]


def is_held(path):
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


# Is next for ever: it was stopped while it waited, or looks like it.
NEXT = """
import fcntl, sys, time
with open(sys.argv[1] + "-next", "wb") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("next", flush=True)
    time.sleep(600)
"""


def test_whoever_is_next_and_does_not_move_keeps_nobody_from_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(turnstile, "QUEUED_S", 0.2)
    stopped = started(NEXT, tmp_path / "file")
    try:
        with Turnstile(tmp_path / "file").turn(5):
            pass
    finally:
        ended(stopped)


def test_a_turn_ends_with_the_process_that_holds_it(tmp_path):
    held = started(HELD, tmp_path / "file")
    gate = Turnstile(tmp_path / "file")
    try:
        with pytest.raises(UnavailableError, match="others are writing"), gate.turn(0.2):
            raise AssertionError("passed by")
    finally:
        ended(held)
    with gate.turn(5):
        pass


def test_threads_wait_no_longer_together_than_one_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_S", 0.5)
    mine, problems = open_sqlite(tmp_path), []
    held = started(HELD, tmp_path / "registry.db")

    def write():
        try:
            with mine.write():
                problems.append(None)
        except UnavailableError as error:
            problems.append(str(error))

    threads = [threading.Thread(target=write) for _ in range(12)]
    try:
        began = time.monotonic()
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert time.monotonic() - began < 4, "one after the other they would have waited for six seconds"
        assert problems == ["others are writing to the database just now; try again"] * 12
    finally:
        ended(held)
        mine.close()


def test_a_folder_that_takes_no_locks_is_named(tmp_path):
    with pytest.raises(UnavailableError, match="file-next"), Turnstile(tmp_path / "no" / "file").turn(1):
        raise AssertionError("no such folder")
