"""Two servers and two workers over one PostgreSQL and one object store: no state is in a process."""

import base64
import hashlib
import json
import os
import random
import signal
import struct
import subprocess
import threading
import time

import httpx
import pytest

from app.receiver import receiving
from assay.client import Client
from assay.core.digests import digest_of
from assay.storage.postgresql import PAUSE_TIMEOUT_S
from journeys.fleet import Balancer, Fleet, wait_for
from journeys.live_server import ASSAY

POLICIES = {
    "measured/*": ["file_security"],
    "open/*": ["size_budget"],
}
CONTENT = b"weights"
SIZE = len(CONTENT)
LARGE = 65 << 20
PART = 1 << 20


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_WEBHOOK_HOSTS", "127.0.0.1")
        one = Fleet(tmp_path_factory.mktemp("fleet"))
        try:
            for pattern, gates in POLICIES.items():
                policy = {"applies_to": pattern, "gates": {"staging": gates, "production": gates}}
                one.servers["one"].ask("PUT", "/policies", content=json.dumps(policy)).raise_for_status()
            yield one
        finally:
            one.end()


def send(server, content):
    digest = digest_of(content)
    server.ask("PUT", f"/blobs/{digest}", content=content).raise_for_status()
    return digest


def new_version(digest, name="m", size=SIZE):
    return {"files": [{"path": name, "digest": digest, "size_bytes": size}]}


def register(server, model, content=CONTENT):
    """Send a file and register a version of it; return the version."""
    body = new_version(send(server, content), size=len(content))
    return server.ask("POST", f"/models/{model}/versions", json=body).raise_for_status().json()


def versions(server, model):
    team, task = model.split("/")
    asked = {"team": team, "task": task, "limit": 1000}
    return server.ask("GET", "/versions", params=asked).raise_for_status().json()["items"]


def put_part(server, upload, number, content):
    said = base64.b64encode(hashlib.sha256(content).digest()).decode()
    headers = {"Content-Digest": f"sha-256=:{said}:"}
    url = f"{server.url}/api/v1/uploads/{upload}/parts/{number}"
    return httpx.put(url, content=content, headers=headers, timeout=60, verify=False).raise_for_status()


def safetensors(number):
    """A file whose format the check of files knows."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<I", number)


def readiness(server):
    return httpx.get(f"{server.url}/readyz", verify=False).status_code


def whole(server):
    return server.ask("GET", "/audit/verify").json()["problem"] == ""


def test_an_upload_begun_on_one_server_goes_on_at_the_other(fleet):
    one, two = fleet.both()
    content = os.urandom(2 * PART + 5)
    body = {"size_bytes": len(content), "digest": digest_of(content), "part_bytes": PART}
    upload = one.ask("POST", "/uploads", json=body).json()["id"]
    put_part(one, upload, 2, content[PART : 2 * PART])
    assert two.ask("POST", "/uploads", json=body).json()["id"] == upload, "it goes on with the open one"
    assert [each["number"] for each in two.ask("GET", f"/uploads/{upload}").json()["parts"]] == [2]
    put_part(two, upload, 1, content[:PART])
    put_part(one, upload, 3, content[2 * PART :])
    for server in (two, one):
        assert server.ask("POST", f"/uploads/{upload}/complete").json()["whole"] is True
    wanted = new_version(digest_of(content), size=len(content))
    assert one.ask("POST", "/models/open/parts/versions", json=wanted).status_code == 201
    assert two.ask("GET", "/models/open/parts/versions/1/files/m").content == content


def test_what_one_server_acknowledged_the_other_says_at_once(fleet, tmp_path):
    one, two = fleet.both()
    servers = [one, two]
    for number in range(1, 6):
        register(one, "open/seen", os.urandom(1000))
        assert two.ask("GET", "/resolve?address=open/seen@latest").json()["number"] == number
        alias = {"version": str(number)}
        two.ask("PUT", "/models/open/seen/aliases/champion", json=alias).raise_for_status()
        assert one.ask("GET", "/resolve?address=open/seen@champion").json()["number"] == number
        servers.reverse()
        one, two = servers
    content = os.urandom(5000)
    register(one, "open/fetched", content)
    with Client(two.url) as client:
        client.download("open/fetched@latest", tmp_path / "out")
    assert (tmp_path / "out" / "m").read_bytes() == content


def test_a_promotion_is_measured_by_whichever_worker_takes_it(fleet):
    one, two = fleet.both()
    for number in range(2):
        register(one, "measured/model", safetensors(number))
        place = f"/models/measured/model/versions/{number + 1}/promotions"
        asked = two.ask("POST", place, json={"stage": "staging"}).json()
        assert asked["state"] == "checking"
        read = f"/promotions/{asked['id']}"
        wait_for(lambda r=read: one.ask("GET", r).json()["state"] != "checking")
        assert (done := one.ask("GET", read).json())["state"] == "promoted", done
    assert two.ask("GET", "/resolve?address=measured/model@staging").json()["number"] == 2
    for each in fleet.workers:
        assert each.poll() is None
    assert not [*fleet.root.glob("worker-*/data/*.key")], "workers need no keys"


def test_a_token_revoked_on_one_server_is_refused_by_the_other_at_once(fleet):
    one, two = fleet.both()
    for number in range(5):
        asked = {"scopes": ["read"], "principal": "local"}
        key = {"Idempotency-Key": f'"token-{number}"'}
        made, again = (
            httpx.post(
                f"{server.url}/api/v1/tokens", json=asked, headers=key, timeout=60, verify=False
            ).json()
            for server in (one, two)
        )
        assert again == made, "its answer was kept under the key that both have"
        for server in (two, one):
            assert server.ask("GET", "/versions", token=made["text"]).status_code == 200
        one.ask("DELETE", f"/tokens/{made['token']['id']}").raise_for_status()
        for server in (two, one):
            assert server.ask("GET", "/versions", token=made["text"]).status_code == 401


def test_a_server_killed_while_the_sdk_uploads_costs_no_part_that_came_and_doubles_nothing(fleet, tmp_path):
    one, two = fleet.both()
    content = random.Random(4).randbytes(LARGE)
    (tmp_path / "large.bin").write_bytes(content)
    balancer = Balancer(one, two)
    results = []

    def run():
        with Client(one.url, transport=balancer) as client:
            results.append(client.register("open/large", tmp_path / "large.bin"))

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: [each for each in two.ask("GET", "/uploads").json() if parts(two, each)])
    fleet.kill("one")
    thread.join(90)
    assert not thread.is_alive()
    assert len(results) == 1
    (version,) = versions(two, "open/large")
    with Client(two.url) as client:
        client.download("open/large@latest", tmp_path / "out")
    assert (tmp_path / "out" / "large.bin").read_bytes() == content
    assert version["number"] == 1
    puts = [path for method, path in balancer.sent if method == "PUT" and "/parts/" in path]
    assert len(puts) <= len(set(puts)) + 6, "only what was under way was sent again"
    assert whole(two)


def parts(server, upload):
    return server.ask("GET", f"/uploads/{upload['id']}").json().get("parts")


def test_requests_cut_off_by_a_kill_take_effect_once_when_sent_to_the_other_with_their_keys(fleet):
    one, two = fleet.both()
    digest = send(one, CONTENT)
    before = events(two, "version.register")
    done, unanswered = {}, []

    def ask(server, number):
        headers = {"Idempotency-Key": f'"once-{number}"'}
        url = f"{server.url}/api/v1/models/open/once-{number % 8}/versions"
        body = new_version(digest, f"m{number}")
        return httpx.post(url, json=body, headers=headers, timeout=30, verify=False)

    def run(first):
        for number in range(first, 400, 4):
            try:
                done[number] = ask(one, number).raise_for_status().json()
            except httpx.HTTPError:
                unanswered.append(number)
                return

    threads = [threading.Thread(target=run, args=(first,)) for first in range(4)]
    for each in threads:
        each.start()
    wait_for(lambda: len(done) > 20)
    fleet.kill("one")
    for each in threads:
        each.join()
    assert len(unanswered) == 4, "the kill came in the middle"
    for number in unanswered:
        wait_for(lambda n=number: ask(two, n).status_code == 201)
    for number, version in done.items():
        again = ask(two, number)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json() == version
    count = sum(len(versions(two, f"open/once-{each}")) for each in range(8))
    assert count == len(done) + 4
    assert len(events(two, "version.register")) - len(before) == count
    assert whole(two)


def events(server, verb):
    found, after = [], 0
    while page := server.ask("GET", "/audit", params={"after": after, "limit": 1000}).json():
        after = page[-1]["seq"]
        found += [each for each in page if each["verb"] == verb]
    return found


def test_a_server_paused_with_the_writers_lock_holds_the_other_up_no_longer_than_is_said(fleet):
    one, two = fleet.both()
    digest = send(one, CONTENT)
    stop, done = threading.Event(), []

    def run():
        with httpx.Client(base_url=f"{one.url}/api/v1", timeout=60) as client:
            number = 0
            while not stop.is_set():
                number += 1
                answer = client.post("/models/open/paused/versions", json=new_version(digest, f"m{number}"))
                done.append((number, answer.status_code))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        pause_in_a_write(fleet)
        began = time.monotonic()
        version = two.ask("POST", "/models/open/going-on/versions", json=new_version(digest))
        took_s = time.monotonic() - began
        assert version.status_code == 201, version.text
        assert took_s < PAUSE_TIMEOUT_S + 5
        assert two.ask("GET", "/versions").status_code == 200
    finally:
        stop.set()
        one.process.send_signal(signal.SIGCONT)
    thread.join(60)
    assert {status for _, status in done} <= {201, 503}
    # What the paused server was at was undone; it goes on with the next request.
    names = [each["number"] for each in versions(two, "open/paused")]
    assert len(names) == len([status for _, status in done if status == 201])
    register(one, "open/paused", b"afterwards")
    assert whole(two)


def pause_in_a_write(fleet):
    """Pause server one at a moment at which it holds the lock."""
    process = fleet.servers["one"].process
    for _ in range(500):
        time.sleep(random.Random().random() / 50)  # the moment of the pause
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.02)  # what PostgreSQL was told before the pause takes effect
        if fleet.connections("one")[1]:
            return
        process.send_signal(signal.SIGCONT)
    raise AssertionError("it never held the lock")


def test_servers_and_workers_go_on_when_postgresql_was_restarted_under_them(fleet):
    one, two = fleet.both()
    register(one, "measured/again", safetensors(99))
    for how in (signal.SIGINT, signal.SIGQUIT):
        fleet.cluster.stop(how)
        try:
            for server in (one, two):
                assert server.ask("GET", "/resolve?address=measured/again@latest").status_code == 503
                wait_for(lambda s=server: readiness(s) == 503)
        finally:
            fleet.cluster.start()
        for server in (one, two):
            assert server.ask("GET", "/resolve?address=measured/again@latest").status_code == 200
            wait_for(lambda s=server: readiness(s) == 200)
    asked = one.ask("POST", "/models/measured/again/versions/1/promotions", json={"stage": "staging"})
    read = f"/promotions/{asked.json()['id']}"
    wait_for(lambda: two.ask("GET", read).json()["state"] == "promoted")
    assert [each.poll() for each in fleet.workers] == [None, None]


def test_a_message_is_delivered_once_however_many_servers_could_send_it(fleet):
    one, two = fleet.both()
    with receiving() as receiver:
        wanted = {"name": "local", "url": receiver.url, "secret": "geheim"}
        wanted["events"] = ["model_version.created"]
        key = one.ask("POST", "/webhooks", json=wanted).raise_for_status().json()["id"]
        for number in range(10):
            register((one, two)[number % 2], f"open/told-{number}")
        receiver.wait_for(10)

        def states():
            found = two.ask("GET", f"/webhooks/{key}/deliveries").json()
            return [each["state"] for each in found]

        wait_for(lambda: states() == ["delivered"] * 10)
        ids = [headers["X-MLflow-Delivery-Id"] for _, headers, _ in receiver.came]
        assert len(ids) == len(set(ids)) == 10
        assert all(headers["X-MLflow-Signature"].startswith("v1,") for _, headers, _ in receiver.came)
        one.ask("DELETE", f"/webhooks/{key}").raise_for_status()


def test_heads_of_the_log_go_on_whichever_server_signs(fleet, tmp_path):
    one, two = fleet.both()
    assert one.ask("GET", "/audit/key").json() == two.ask("GET", "/audit/key").json()
    heads = []
    for number in range(6):
        server = (one, two)[number % 2]
        register(server, "open/heads", bytes([number]))
        heads.append(server.ask("GET", "/audit/head").json())
    sizes = [each["size"] for each in heads]
    assert sizes == sorted(set(sizes))
    listed = two.ask("GET", "/audit/heads", params={"after": sizes[0] - 1}).json()
    assert [each["note"] for each in heads] == [each["note"] for each in listed if each["size"] in sizes], (
        "each is as it was signed"
    )
    for number, each in enumerate(heads):
        (tmp_path / str(number)).write_text(each["note"])
    words = [word for number in range(6) for word in ("--head", str(tmp_path / str(number)))]
    two.run("audit", "export", tmp_path / "log.jsonl")
    two.run("audit", "verify", tmp_path / "log.jsonl", *words)


def test_collecting_beside_one_server_loses_nothing_that_comes_by_the_other(fleet):
    one, two = fleet.both()
    stop, registered, problems, removed = threading.Event(), [], [], 0
    # Some of what is going to be sent was sent long ago, and nothing names it: the collection takes it.
    old = [[f"{worker}-{number}-".encode() * 500 for number in range(100)] for worker in range(2)]
    for content in [*old[0], *old[1]]:
        send(two, content)
    digests = ", ".join(f"'{digest_of(content)}'" for content in [*old[0], *old[1]])
    aged = f"UPDATE blobs SET stored_at = 0, leased_until = 0 WHERE digest IN ({digests})"
    fleet.cluster.run(aged, database="assay")

    def run(worker):
        number, again = 0, False
        while not stop.is_set():
            number += not again
            content = f"{worker}-{number}-".encode() * 500
            try:
                registered.append((register(two, f"open/kept-{worker}", content)["number"], worker, content))
                again = False
            except httpx.HTTPStatusError as error:
                again = "send it again" in error.response.text
                if not again:
                    problems.append(error.response.text)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(2)]
    for each in threads:
        each.start()
    environment = {**os.environ, "ASSAY_DATABASE": fleet.words("gc")[1], "ASSAY_BLOBS": fleet.blobs}
    for _ in range(2):
        words = [ASSAY, "gc", "--grace", "0s", "--json", "--data", str(one.root / "data")]
        done = subprocess.run(words, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        removed += json.loads(done.stdout)["removed"]
    stop.set()
    for each in threads:
        each.join()
    assert problems == []
    assert len(registered) > 10
    assert removed > 0
    assert any(content in old[worker] for _, worker, content in registered)
    for number, worker, content in registered:
        read = f"/models/open/kept-{worker}/versions/{number}/files/m"
        assert one.ask("GET", read).content == content


def test_a_server_with_keys_of_its_own_is_not_let_in(fleet):
    one, _ = fleet.both()
    data = fleet.root / "stranger" / "data"
    words = [ASSAY, "serve", "--port", "0", "--data", str(data), *fleet.words("stranger")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 7, done.stderr
    assert "no seal.key, and the registry has one" in done.stderr
    assert "copy seal.key" in done.stderr
    assert not [*data.glob("*.key")]
    assert one.ask("GET", "/versions").status_code == 200
