"""Heads are signed beside the server, with a key that lies in a file and nowhere else."""

import asyncio
import logging
import stat
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from assay.app import Settings, head_keeper, open_means, server
from assay.app.ending import Ending
from assay.app.head_keeper import HeadKeeper
from assay.app.settings import read_settings
from assay.core.errors import UnavailableError
from assay.http.exchanges import Exchanges
from assay.storage import FileSigner
from contracts.samples import entry
from usecases.registry_world import World


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(head_keeper, "LOOK_S", 0.01)
    monkeypatch.setattr(head_keeper, "LONGEST_S", 0.01)
    one = World(tmp_path)
    yield one
    one.means.database.close()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)  # a poll, bounded above


def moved(world):
    with world.means.database.write() as records:
        return records.audit.append(entry(verb="stage.promote")).seq


def sizes(world):
    return [head.size for head in world.use.heads.page(world.local)]


def test_a_change_of_stage_whoever_made_it_gets_a_head(world):
    keeper = HeadKeeper(world.use.heads)
    keeper.start()
    try:
        first = moved(world)
        wait_for(lambda: sizes(world) == [first])
        second = moved(world)
        wait_for(lambda: sizes(world) == [first, second])
    finally:
        keeper.stop(30)
    assert not [thread for thread in threading.enumerate() if thread.name == "heads"]


def test_a_log_that_was_changed_gets_no_head_and_the_operator_is_told(world, caplog):
    moved(world)
    world.use.heads.newest(world.local)
    with world.means.database.write() as records:
        records.audit.append(entry(verb="stage.promote"))
        records.connection.exec_driver_sql("UPDATE audit_nodes SET hash = '" + "0" * 64 + "'")
    keeper = HeadKeeper(world.use.heads)
    with caplog.at_level(logging.ERROR, "assay.heads"):
        keeper.start()
        try:
            wait_for(lambda: len(caplog.records) > 1)  # it goes on looking
        finally:
            keeper.stop(30)
    assert "changed from outside" in caplog.text
    assert len(sizes(world)) == 1


class Faulty:
    """Heads that cannot be signed at first."""

    def __init__(self, heads, *errors):
        self.heads, self.errors = heads, list(errors)

    def sign_when_due(self):
        if self.errors:
            raise self.errors.pop()
        return self.heads.sign_when_due()


def test_signing_that_an_error_of_the_program_ended_is_begun_anew_and_the_operator_told(
    world, monkeypatch, caplog
):
    monkeypatch.setattr(server, "WORKER_LOOK_S", 0.01)
    seen = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    keeper = HeadKeeper(Faulty(world.use.heads, RuntimeError("a fault")))
    keeper.start()
    wait_for(lambda: seen)
    first = moved(world)

    async def tended():
        ending = Ending(Exchanges(), None, asyncio.get_running_loop().create_future(), [])
        tending = asyncio.ensure_future(server._tend([], Settings(), (keeper,), ending))
        await asyncio.to_thread(wait_for, lambda: sizes(world) == [first])
        tending.cancel()

    try:
        asyncio.run(tended())
        assert sum(thread.name == "heads" for thread in threading.enumerate()) == 1
    finally:
        keeper.stop(30)
    assert "begins again" in caplog.text
    keeper.start()
    assert not [thread for thread in threading.enumerate() if thread.name == "heads"], "it was stopped"


class Pauses(threading.Event):
    """Keeps how long it was waited for, and lets nobody wait so long."""

    def __init__(self):
        super().__init__()
        self.asked_for = []

    def wait(self, timeout=None):
        self.asked_for.append(timeout)
        return super().wait(0.001)


def test_one_failure_costs_a_moment_and_only_many_make_it_look_seldom(world, monkeypatch):
    monkeypatch.setattr(head_keeper, "LOOK_S", 1.0)
    monkeypatch.setattr(head_keeper, "LONGEST_S", 60.0)
    keeper = HeadKeeper(Faulty(world.use.heads, *[UnavailableError("others write")] * 8))
    keeper._stop = pauses = Pauses()
    keeper.start()
    try:
        wait_for(lambda: len(pauses.asked_for) > 10)
    finally:
        keeper.stop(30)
    assert pauses.asked_for[:11] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 1, 1]


def test_the_key_is_made_once_for_nobody_else_and_is_in_no_database(tmp_path):
    means = open_means(Settings(data=tmp_path), serves=True)
    public = means.signer.public()
    path = tmp_path / "audit.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    means.database.close()
    again = open_means(Settings(data=tmp_path))
    assert again.signer.public() == public
    again.database.close()
    secret = path.read_bytes().splitlines()[1]
    stored = [each.read_bytes() for each in tmp_path.iterdir() if each.is_file() and each != path]
    assert stored
    assert not [content for content in stored if secret in content]


def test_replicas_share_a_key_that_an_operator_names(tmp_path):
    FileSigner(tmp_path / "shared").public()
    found = read_settings({"ASSAY_AUDIT_KEY": str(tmp_path / "shared")}, tmp_path / "none.toml")
    publics = set()
    for name in ("a", "b"):
        means = open_means(Settings(data=tmp_path / name, audit_key=found.audit_key))
        publics.add(means.signer.public())
        means.database.close()
        assert not (tmp_path / name / "audit.key").exists()
    assert len(publics) == 1


def test_a_named_key_that_is_missing_is_said_at_once_and_none_is_made(tmp_path):
    with pytest.raises(UnavailableError, match="not at") as caught:
        open_means(Settings(data=tmp_path, audit_key=tmp_path / "gone"))
    assert "openssl" in caught.value.hint
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("content", [b"", b"x" * 100, None])
def test_a_key_file_that_holds_no_ed25519_key_is_refused_when_it_is_needed(content, tmp_path):
    path = tmp_path / "audit.key"
    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem if content is None else content)
    with pytest.raises(UnavailableError, match=r"audit\.key"):
        FileSigner(path).sign(b"x")
