"""Webhooks of a real server: what was acknowledged is told, though the server is killed at any moment."""

import hashlib
import json
import signal
import sqlite3
import time
from contextlib import closing, contextmanager

import pytest

from app.receiver import receiving, speaking
from journeys.live_server import LiveServer

CONTENT = b"weights"
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _trusted(monkeypatch):
    monkeypatch.setenv("ASSAY_WEBHOOK_HOSTS", "127.0.0.1")
    monkeypatch.setenv("ASSAY_WEBHOOK_SECRET", "geheim-7f3")


@contextmanager
def server(root):
    one = LiveServer(root, "--workers", "0")
    try:
        yield one
    finally:
        one.stop()


def hook(one, url):
    return one.json("webhook", "add", "local", url, "--on", "model_version.created")["id"]


def register(one, name):
    one.ask("PUT", f"/blobs/{DIGEST}", content=CONTENT).raise_for_status()
    files = [{"path": f"{name}.bin", "digest": DIGEST, "size_bytes": len(CONTENT)}]
    one.ask("POST", f"/models/team/{name}/versions", json={"files": files}).raise_for_status()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)  # a poll, bounded above


def ids(receiver):
    return [headers["X-MLflow-Delivery-Id"] for _, headers, _ in receiver.came]


def test_a_registration_is_told_and_nothing_secret_is_logged(tmp_path):
    with receiving() as receiver:
        url = receiver.url + "/s3cret?token=t0ken"
        with server(tmp_path) as one:
            key = hook(one, url)
            assert one.json("webhook", "test", key)["delivered"]
            register(one, "a")
            _, headers, body = receiver.wait_for(2)[1]
            wait_for(lambda: one.json("webhook", "deliveries", key)[0]["state"] == "delivered")
            assert one.json("audit", "verify")["problem"] == ""
            one.run("webhook", "remove", key)
    told = json.loads(body)
    assert (told["entity"], told["action"], told["data"]["name"]) == ("model_version", "created", "team.a")
    assert headers["X-MLflow-Signature"].startswith("v1,")
    for file in (tmp_path / "server.log", *(tmp_path / "data").glob("assay.db*")):
        content = file.read_bytes()
        assert b"geheim-7f3" not in content
        if file.suffix == ".log":
            assert b"s3cret" not in content
            assert b"t0ken" not in content


def test_killed_between_write_and_delivery_it_delivers_after_a_restart(tmp_path):
    with receiving() as receiver:
        receiver.answers = [(503, {"Retry-After": "300"}, b"")]
        with server(tmp_path) as one:
            key = hook(one, receiver.url)
            register(one, "a")
            wait_for(lambda: _count(tmp_path, "waiting"))
            one.stop(signal.SIGKILL)
        _let_time_pass(tmp_path)
        with server(tmp_path) as one:
            receiver.wait_for(2)
            wait_for(lambda: one.json("webhook", "deliveries", key)[0]["state"] == "delivered")
    first, second = ids(receiver)
    assert first == second


def test_killed_at_once_after_its_answer_it_tells_after_a_restart(tmp_path):
    names = [f"m{number}" for number in range(3)]
    with receiving() as receiver:
        for name in names:
            with server(tmp_path) as one:
                if name == names[0]:
                    hook(one, receiver.url)
                register(one, name)
                one.stop(signal.SIGKILL)
        with server(tmp_path):
            # A message that was under way when the server died is sent again when its lease has run out.
            _let_time_pass(tmp_path)
            wait_for(lambda: _told(receiver) == {f"team.{name}" for name in names})


def test_killed_while_it_sends_it_sends_again_under_the_same_id(tmp_path):
    begun = []

    def hold(peer, stop):
        begun.append(peer.recv(65536).decode())
        stop.wait(60)

    with speaking(hold) as port:
        url = f"http://127.0.0.1:{port}/"
        with server(tmp_path) as one:
            key = hook(one, url)
            register(one, "a")
            wait_for(lambda: begun)
            one.stop(signal.SIGKILL)
    _let_time_pass(tmp_path)
    with receiving(port=port) as receiver, server(tmp_path) as one:
        receiver.wait_for(1)
        wait_for(lambda: one.json("webhook", "deliveries", key)[0]["state"] == "delivered")
        assert one.json("webhook", "deliveries", key)[0]["attempts"] == 2
    assert f"X-MLflow-Delivery-Id: {ids(receiver)[0]}\r\n" in begun[0]


def test_it_ends_when_told_while_a_receiver_does_not_answer(tmp_path):
    def hold(_peer, stop):
        stop.wait(60)

    with speaking(hold) as port, server(tmp_path) as one:
        hook(one, f"http://127.0.0.1:{port}/")
        register(one, "a")
        wait_for(lambda: _count(tmp_path, "sending"))
        began = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - began < 25
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def test_without_the_setting_the_same_address_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("ASSAY_WEBHOOK_HOSTS")
    with receiving() as receiver, server(tmp_path) as one:
        one.run("webhook", "add", "local", receiver.url, "--on", "model_version.created", expect=2)
    assert receiver.came == []


def _told(receiver):
    return {json.loads(body)["data"]["name"] for _, _, body in list(receiver.came)}


def _count(root, state):
    with closing(sqlite3.connect(root / "data" / "assay.db", timeout=30)) as database:
        query = "select count(*) from webhook_deliveries where state = ? and attempts > 0"
        return database.execute(query, (state,)).fetchone()[0]


def _let_time_pass(root):
    """Do what five minutes would do: leases run out, pauses end."""
    with closing(sqlite3.connect(root / "data" / "assay.db", timeout=30)) as database, database:
        database.execute("update webhook_deliveries set lease_until = 1 where state = 'sending'")
        database.execute("update webhook_deliveries set due_at = 1 where state = 'waiting'")
