"""The whole server, killed at random under clients that upload, register and promote through HTTP."""

import base64
import hashlib
import json
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field

import httpx
import pytest

from journeys.live_server import LiveServer

KILLS = 12
CLIENTS = 3
PART = 64 * 1024
EASY = {"applies_to": "killed/*", "gates": {"staging": ["size_budget"], "production": ["size_budget"]}}
# What a client does not know the outcome of: it asks again. A 500 is a fault, also where one was killed.
UNCERTAIN = (502, 503)


@dataclass
class Current:
    """Where the server is now: it comes back at another port each time."""

    url: str = ""
    stop: threading.Event = field(default_factory=threading.Event)


class Storyteller(threading.Thread):
    """Sends, registers and promotes one version after the other, each step until it is acknowledged."""

    def __init__(self, number, current):
        super().__init__(name=f"storyteller-{number}")
        self.model, self.current = f"killed/model-{number}", current
        self.chance = random.Random(number)
        self.registered, self.promoted, self.error, self.broken = {}, [], None, 0

    def run(self):
        try:
            with httpx.Client(timeout=60, verify=False) as self.http:
                while not self.current.stop.is_set():
                    self.tell(len(self.registered) + 1)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            self.error = error

    def tell(self, number):
        content = self.chance.randbytes(self.chance.randint(1, 4 * PART))
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        (self.send if number % 2 else self.send_in_parts)(content, digest)
        files = [{"path": "m", "digest": digest, "size_bytes": len(content)}]
        version = self.post(f"/models/{self.model}/versions", {"files": files})
        assert version["number"] == number, "none is doubled and none is left out"
        self.registered[number] = content
        for stage in ("Staging", "Production"):
            if self.stage(number) not in (stage, "Production"):
                self.promote(number, stage)
        self.promoted.append(number)

    def send(self, content, digest):
        self.ask("PUT", f"/blobs/{digest}", content=content)

    def send_in_parts(self, content, digest):
        while True:
            wanted = {"size_bytes": len(content), "digest": digest, "part_bytes": PART}
            upload = self.post("/uploads", wanted)
            there = {each["number"] for each in upload["parts"]}
            for number in {*range(1, upload["part_count"] + 1)} - there:
                piece = content[(number - 1) * PART : number * PART]
                said = base64.b64encode(hashlib.sha256(piece).digest()).decode()
                headers = {"Content-Digest": f"sha-256=:{said}:"}
                self.ask("PUT", f"/uploads/{upload['id']}/parts/{number}", content=piece, headers=headers)
            if self.post(f"/uploads/{upload['id']}/complete", None)["whole"]:
                return

    def promote(self, number, stage):
        promotion = self.post(f"/models/{self.model}/versions/{number}/promotions", {"stage": stage})
        if promotion is not None:
            assert promotion["state"] == "promoted", promotion
        assert self.stage(number) == stage

    def stage(self, number):
        return self.ask("GET", f"/models/{self.model}/versions/{number}").json()["stage"]

    def post(self, path, body):
        headers = {"Idempotency-Key": f'"{self.name}-{self.chance.random()}"'}
        return self.ask("POST", path, json=body, headers=headers).json()

    def ask(self, method, path, **more):
        """Ask until the server says what came of it."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                answer = self.http.request(method, f"{self.current.url}/api/v1{path}", **more)
            except httpx.TransportError:
                self.broken += 1
                time.sleep(0.05)  # between two tries
                continue
            if answer.status_code not in UNCERTAIN and "retry-after" not in answer.headers:
                assert answer.is_success, (method, path, answer.status_code, answer.text)
                return answer
            time.sleep(0.2)  # between two tries
        raise AssertionError(f"{method} {path} was never answered")


@pytest.mark.timeout(300)
def test_no_kill_of_the_server_loses_what_was_acknowledged_or_needs_a_hand(tmp_path):
    chance, current = random.Random(11), Current()
    server = LiveServer(tmp_path, "--workers", "0")
    try:
        server.ask("PUT", "/policies", content=json.dumps(EASY)).raise_for_status()
        current.url = server.url
        tellers = [Storyteller(number, current) for number in range(CLIENTS)]
        for each in tellers:
            each.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 1.5))  # the moment of the kill
            server.stop(signal.SIGKILL)
            server = LiveServer(tmp_path, "--workers", "0")
            current.url = server.url
        current.stop.set()
        for each in tellers:
            each.join()
        check(server, tmp_path / "data", tellers)
    finally:
        current.stop.set()
        server.stop()


def check(server, data, tellers):
    assert [each.error for each in tellers if each.error] == []
    assert all(each.broken for each in tellers), "the kills were noticed"
    assert all(len(each.promoted) > 1 for each in tellers)
    assert server.ask("GET", "/audit/verify").json()["problem"] == ""
    for each in tellers:
        team, task = each.model.split("/")
        asked = {"team": team, "task": task, "limit": 1000}
        items = server.ask("GET", "/versions", params=asked).json()["items"]
        found = {one["number"]: one["stage"] for one in items}
        last = max(each.promoted)
        assert found == {number: "Production" if number == last else "Archived" for number in each.registered}
        for number, content in each.registered.items():
            answer = server.ask("GET", f"/models/{each.model}/versions/{number}/files/m")
            assert answer.content == content
    check_disk(data)


def check_disk(data):
    """Whatever lies under a digest has it, and the database is sound."""
    for path in (data / "blobs").glob("??/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert [*(data / "blobs" / ".arriving").glob("*")] == [], "no upload was left behind"
    with closing(sqlite3.connect(data / "assay.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert (data / "seal.key").stat().st_mode & 0o777 == 0o600
