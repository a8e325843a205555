"""PostgreSQL, killed again and again under a registry that goes on: nothing acknowledged is lost."""

import os
import random
import signal
import threading
import time
from contextlib import closing

import postgres
from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.audit import verify_chain
from assay.core.digests import FileEntry, digest_of
from assay.core.errors import UnavailableError
from assay.core.names import ModelName
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewVersion

KILLS = 12
WRITERS = 4
CONTENT = b"weights"
DIGEST = digest_of(CONTENT)


class Writer(threading.Thread):
    """Registers versions of a model of its own until it is told to stop."""

    def __init__(self, number, means, stop):
        super().__init__(name=f"writer-{number}")
        self.model = ModelName(f"crash/writer-{number}")
        self.use, self.stop = UseCases.over(means), stop
        self.acknowledged, self.refused, self.error = [], 0, None

    def run(self):
        try:
            while not self.stop.is_set():
                self.register(len(self.acknowledged) + 1)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            self.error = error

    def register(self, number):
        files = (FileEntry(f"weights-{number}.bin", DIGEST, len(CONTENT)),)
        try:
            caller = self.use.access.local()
            version, _ = self.use.registration.register(caller, self.model, NewVersion(files=files))
        except UnavailableError:
            self.refused += 1
            time.sleep(0.02)  # between two tries
            return
        # Told again after an answer that was lost, it finds the version there and is not doubled.
        assert version.number == number
        self.acknowledged.append(version.number)


def test_no_kill_of_the_database_loses_what_was_acknowledged(tmp_path):
    chance = random.Random(7)
    cluster = postgres.scratch_cluster(hasty=False)
    try:
        cluster.run("CREATE DATABASE crashes")
        means = open_means(Settings(data=tmp_path / "data", database=cluster.url("crashes")))
        with closing(means.database):
            use = UseCases.over(means)
            use.registration.store_blob(use.access.local(), [CONTENT], DIGEST, len(CONTENT))
            stop = threading.Event()
            writers = [Writer(number, means, stop) for number in range(WRITERS)]
            for each in writers:
                each.start()
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.05, 0.8))  # the moment of the kill
                os.killpg(cluster.process.pid, signal.SIGKILL)
                cluster.process.wait()
                cluster.start()
            done = [len(each.acknowledged) for each in writers]
            while not all(len(each.acknowledged) > had for each, had in zip(writers, done, strict=True)):
                assert all(each.error is None for each in writers), [each.error for each in writers]
                time.sleep(0.05)  # until each has gone on after the last kill
            stop.set()
            for each in writers:
                each.join()
            check(means, writers)
    finally:
        postgres.discard(cluster)


def check(means, writers):
    assert [each.error for each in writers if each.error] == []
    assert sum(each.refused for each in writers) > 0, "the kills were noticed"
    with means.database.read() as records:
        assert verify_chain(records.audit.read(limit=1_000_000)).whole
        for each in writers:
            highest, _ = records.versions.highest(each.model)
            assert highest == len(each.acknowledged)
            found = [records.versions.get(each.model, number) for number in each.acknowledged]
            assert all(version is not None for version in found)
