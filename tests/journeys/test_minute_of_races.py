"""A minute of thirty-two clients that all want Production, through two servers over one database."""

import hashlib
import json
import random
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager

import httpx
import pytest

import postgres
from journeys.live_server import LiveServer

CLIENTS = 32
SECONDS = 60
MODEL = "race/minute"
CONTENT = b"weights"
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
# What is measured is not the point here: whoever is quickest may go.
OPEN = {"applies_to": "race/*", "gates": {"staging": ["size_budget"], "production": ["size_budget"]}}
# The way on from each stage; of Production another client takes the version away.
NEXT = {"Development": "Staging", "Staging": "Production", "Archived": "Development"}


@contextmanager
def sqlite(_root):
    yield ()


@contextmanager
def postgresql(_root):
    cluster = postgres.scratch_cluster(hasty=False)
    try:
        cluster.run("CREATE DATABASE race")
        yield ("--database", cluster.url("race"))
    finally:
        postgres.discard(cluster)


STORES = {"sqlite": sqlite, "postgresql": postgresql}


class Racer(threading.Thread):
    """One client with a version of its own, which it brings to Production again and again."""

    def __init__(self, number, url, end):
        super().__init__(name=f"racer-{number}")
        self.number, self.url, self.end = number, url, end
        self.acknowledged, self.statuses, self.problems = [], Counter(), []

    def run(self):
        chance = random.Random(self.number)
        with httpx.Client(base_url=f"{self.url}/api/v1", timeout=120) as client:
            while time.monotonic() < self.end:
                stage = client.get(f"/models/{MODEL}/versions/{self.number}").json()["stage"]
                target = NEXT.get(stage)
                if target is None:  # it serves; let others have a go
                    time.sleep(chance.random() / 10)  # between two turns, not for something to happen
                    continue
                self.go(client, target)

    def go(self, client, target):
        place = f"/models/{MODEL}/versions/{self.number}"
        path, body = f"{place}/promotions", {"stage": target}
        if target == "Development":
            path, body = f"{place}/restore", {"comment": "once more"}
        answer = client.post(path, json=body)
        self.statuses[answer.status_code] += 1
        if answer.status_code in (200, 201):
            if answer.json().get("state", "promoted") == "promoted":
                self.acknowledged.append((self.number, target))
        elif answer.status_code not in (409, 503):
            self.problems.append((answer.status_code, answer.text[:500]))


class Watcher(threading.Thread):
    """Looks all the time which versions stand in Production; there must be one, and only one."""

    def __init__(self, url, end):
        super().__init__(name="watcher")
        self.url, self.end, self.wrong, self.looks = url, end, [], 0

    def run(self):
        seen = False
        with httpx.Client(base_url=f"{self.url}/api/v1", timeout=120) as client:
            while time.monotonic() < self.end:
                asked = {"team": "race", "task": "minute", "stage": "production"}
                items = client.get("/versions", params=asked).json()["items"]
                self.looks += 1
                if len(items) > 1 or (seen and not items):
                    self.wrong.append([each["number"] for each in items])
                seen = seen or bool(items)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("store", sorted(STORES))
def test_a_minute_of_races_never_shows_two_in_production_and_loses_no_move(store, tmp_path):
    with ExitStack() as stack:
        words = ("--workers", "0", *stack.enter_context(STORES[store](tmp_path)))
        servers = []
        for name in ("one", "two"):
            place = tmp_path / name
            place.mkdir()
            (place / "data").symlink_to(tmp_path / "shared", target_is_directory=True)
            (tmp_path / "shared").mkdir(exist_ok=True)
            servers.append(LiveServer(place, *words))
            stack.callback(servers[-1].stop)
        prepare(servers[0])
        end = time.monotonic() + SECONDS
        racers = [Racer(number, servers[number % 2].url, end) for number in range(1, CLIENTS + 1)]
        watchers = [Watcher(each.url, end) for each in servers]
        for thread in (*racers, *watchers):
            thread.start()
        for thread in (*racers, *watchers):
            thread.join()
        check(servers[1], racers, watchers)


def prepare(server):
    server.ask("PUT", "/policies", content=json.dumps(OPEN)).raise_for_status()
    server.ask("PUT", f"/blobs/{DIGEST}", content=CONTENT).raise_for_status()
    for number in range(1, CLIENTS + 1):
        files = [{"path": f"m{number}", "digest": DIGEST, "size_bytes": len(CONTENT)}]
        server.ask("POST", f"/models/{MODEL}/versions", json={"files": files}).raise_for_status()


def check(server, racers, watchers):
    assert [each.problems for each in racers if each.problems] == []
    assert [each.wrong for each in watchers if each.wrong] == []
    assert all(each.looks > 10 for each in watchers)
    assert server.ask("GET", "/audit/verify").json()["problem"] == ""
    versions = server.ask("GET", "/versions", params={"limit": 100}).json()["items"]
    assert len(versions) == CLIENTS
    stages = {each["semver"]: "Development" for each in versions}
    moved = Counter(followed(events(server), stages))
    # The log's end is the present state, and it has everything that was acknowledged.
    assert stages == {each["semver"]: each["stage"] for each in versions}
    names = {each["number"]: each["semver"] for each in versions}
    acknowledged = Counter((names[number], to) for each in racers for number, to in each.acknowledged)
    assert sum(count for (_, to), count in acknowledged.items() if to == "Production") > CLIENTS
    assert not acknowledged - moved


def events(server):
    """Yield the moves in the log, in its order."""
    after = 0
    while found := server.ask("GET", "/audit", params={"after": after, "limit": 1000}).json():
        after = found[-1]["seq"]
        yield from (each for each in found if each["verb"].startswith("stage."))


def followed(log, stages):
    """Yield (version, stage) of each move, which has to go on from where the moves before it led."""
    taken = False
    for event in log:
        semver = event["subject"].rpartition("/")[2]
        source, target = event["before"]["stage"], event["after"].get("target") or event["after"]["stage"]
        assert stages[semver] == source, event
        stages[semver] = target
        holders = [each for each, stage in stages.items() if stage == "Production"]
        left = event["verb"] == "stage.replaced"  # the move that replaces it is the next event
        assert len(holders) == (0 if left else 1) or not (taken or holders), event
        taken = taken or bool(holders)
        yield semver, target
