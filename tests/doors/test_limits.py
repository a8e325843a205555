"""How often one may ask, how often one may be wrong, how much one may send."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.app import server
from assay.app.settings import Settings
from assay.http import limits
from assay.http.counters import Counters
from assay.http.exchanges import Exchanges
from assay.http.limits import MAX_BUCKETS, SIGN_IN_BURST, Buckets, Limits
from doors.native.asgi import ask
from doors.native.native_world import NativeWorld


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Limited:
    """Both doors with limits, at a time of the test's choice."""

    def __init__(self, root, per_s=1, burst=5, **values):
        self.world = NativeWorld(root)
        self.clock, self.counters = Clock(), Counters()
        requests = Exchanges(self.counters.add, Limits(per_s, burst, self.clock))
        settings = Settings(data=root, **values)
        build = server.build_app(self.world.use, self.world.means.clock, settings, requests, self.counters)
        self.app = requests.before(build)

    def ask(self, path="/api/v1/whoami", token="", method="GET", **more):
        headers = [("Authorization", f"Bearer {token}")] if token else []
        return ask(self.app, method, path, headers, **more)

    def basic(self, name, password, client="127.0.0.1"):
        text = base64.b64encode(f"{name}:{password}".encode()).decode()
        return ask(self.app, "GET", "/api/v1/whoami", [("Authorization", f"Basic {text}")], client=client)


@pytest.fixture
def limited(tmp_path):
    made = Limited(tmp_path)
    yield made
    made.world.close()


def test_who_asks_too_often_is_told_when_to_ask_again(limited):
    token = limited.world.admin
    left = [int(limited.ask(token=token).headers["ratelimit"].split("r=")[1].split(";")[0]) for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    refused = limited.ask(token=token)
    assert refused.status == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit"] == '"caller";r=0;t=5'
    assert refused.headers["ratelimit-policy"] == '"caller";q=5;w=5'
    assert refused.json["kind"] == "unavailable"
    assert "ask again in 1 s" in refused.json["hint"]
    limited.clock.now += 1
    assert limited.ask(token=token).status == 200
    assert limited.ask(token=token).status == 429
    assert limited.counters.rate_limited == 2


def test_others_are_not_held_up_by_it(limited):
    ada = limited.world.token("ada", "reader", "*")
    for _ in range(10):
        limited.ask(token=limited.world.admin)
    assert limited.ask(token=ada).status == 200
    assert limited.ask().status == 200  # at this machine without a token


def test_tokens_of_one_person_count_together_at_every_door(limited):
    one, two = (limited.world.token("ada", "reader", "*") for _ in range(2))
    for token in (one, two, one, two, one):
        assert limited.ask(token=token).status == 200
    answer = limited.ask("/api/2.0/mlflow/experiments/search?max_results=1", token=two)
    assert answer.status == 429
    assert answer.json["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert answer.headers["retry-after"] == "1"


def test_who_is_here_without_a_token_is_never_limited(limited):
    assert {limited.ask().status for _ in range(20)} == {200}


def test_strangers_count_by_their_address(tmp_path):
    limited = Limited(tmp_path, auth="required")
    assert [limited.ask(client="192.0.2.1").status for _ in range(6)] == [401] * 5 + [429]
    assert limited.ask(client="192.0.2.2").status == 401
    limited.world.close()


def test_probes_are_never_limited(limited):
    for path in ("/healthz", "/readyz", "/health"):
        assert {limited.ask(path).status for _ in range(8)} == {200}


def test_guessing_a_password_is_slowed_down_for_that_name_alone(tmp_path):
    limited = Limited(tmp_path, per_s=0, burst=0)
    wrong = [limited.basic("ada", f"wrong {n % 2}").status for n in range(SIGN_IN_BURST + 1)]
    assert wrong == [401] * SIGN_IN_BURST + [429]
    assert limited.basic("ada", "another").headers["retry-after"] == "5"
    assert limited.basic("bob", "wrong 0").status == 401
    assert limited.basic("ada", "wrong 0", client="127.0.0.2").status == 401
    limited.clock.now += 5
    assert limited.basic("ada", "wrong 0").status == 401
    assert limited.basic("ada", "wrong 0").status == 429
    assert limited.counters.sign_ins_failed == SIGN_IN_BURST + 3
    limited.world.close()


def made_up(number):
    return f"assay_{number:016}" + "x" * 51


def test_who_makes_up_tokens_counts_by_their_address_and_nobody_else(tmp_path):
    limited = Limited(tmp_path, auth="required")
    good = limited.world.admin
    one = {"client": "192.0.2.1"}
    codes = [limited.ask(token=made_up(number), **one).status for number in range(8)]
    assert codes == [401] * 5 + [429] * 3
    refused = limited.ask("/api/2.0/mlflow/experiments/search?max_results=1", token=made_up(9), **one)
    assert refused.status == 429
    assert refused.headers["retry-after"] == "1"
    assert limited.ask(token=good, **one).status == 200, "who has a good one from there is let in"
    assert limited.ask(token=made_up(10), client="192.0.2.2").status == 401
    limited.clock.now += 1
    assert limited.ask(token=made_up(11), **one).status == 401
    limited.world.close()


def test_nothing_that_is_cheap_to_make_up_lets_a_guesser_of_passwords_off(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BUCKETS", 3)
    limited = Limited(tmp_path, per_s=0, burst=0)
    for _ in range(SIGN_IN_BURST):
        assert limited.basic("ada", "wrong").status == 401
    for number in range(4):
        assert limited.ask(token=made_up(number)).status == 401
        assert limited.basic(f"n{number}", made_up(number)).status == 401
        assert limited.basic(f"m{number}", "x" * 5000).status == 401
        header = [("Authorization", f"Basic {number}")]
        assert ask(limited.app, "GET", "/api/v1/whoami", header).status == 401
    assert limited.basic("ada", "wrong").status == 429
    limited.world.close()


def test_a_bad_token_is_slowed_down_and_a_good_one_is_not(tmp_path):
    limited = Limited(tmp_path, per_s=0, burst=0)
    bad = made_up(0)
    codes = [limited.ask(token=bad).status for _ in range(SIGN_IN_BURST + 2)]
    assert codes == [401] * SIGN_IN_BURST + [429] * 2
    assert limited.ask(token=limited.world.admin).status == 200
    limited.world.close()


def test_memory_is_bounded_whoever_comes():
    buckets = Buckets(1, 2, Clock())
    for number in range(MAX_BUCKETS + 100):
        buckets.take(str(number))
    assert len(buckets) == MAX_BUCKETS


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5), st.integers(1, 10))
def test_never_more_than_burst_and_rate_allow(pauses, per_s, burst):
    clock = Clock()
    buckets, begun, taken = Buckets(per_s, burst, clock), clock.now, 0
    for pause in pauses:
        clock.now += pause
        level = buckets.take("x")
        taken += not level.wait_s
        assert taken <= burst + (clock.now - begun) * per_s + 1e-6
        if level.wait_s:
            clock.now += level.wait_s + 1e-9
            assert not buckets.take("x").wait_s
            taken += 1


def upload(limited, content, *, said=True, chunks=None):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    headers = [("Content-Length", str(len(content)))] if said else []
    return ask(limited.app, "PUT", f"/api/v1/blobs/{digest}", headers, chunks=chunks or (content,))


@pytest.fixture
def small(tmp_path):
    made = Limited(tmp_path, max_upload_bytes=1000)
    yield made
    made.world.close()


def test_a_file_that_says_it_is_too_large_is_refused_unread(small):
    answer = upload(small, b"x" * 1001, chunks=(b"",))
    assert answer.status == 413
    assert "1000 bytes" in answer.json["message"]
    assert upload(small, b"x" * 1000).status == 201


def test_a_file_that_does_not_say_so_is_refused_on_the_way(small, tmp_path):
    content = b"x" * 1001
    answer = upload(small, content, said=False, chunks=(content[:500], content[500:]))
    assert answer.status == 413
    assert not list((tmp_path / "blobs" / ".tmp").iterdir())
    assert upload(small, content[1:], said=False).status == 201


def test_artifacts_of_mlflow_are_no_larger_either(small):
    path = "/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts/x.bin"
    long = [("Content-Length", "200000"), ("Content-Type", "application/octet-stream")]
    answer = ask(small.app, "PUT", path, long, chunks=(b"x" * 200_000,))
    assert answer.status == 413
    assert answer.json["error_code"] == "INVALID_PARAMETER_VALUE"
