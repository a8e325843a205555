"""Requests with a key take effect once, whatever happens to their answers."""

import re
import shlex
import threading

import pytest
from sqlalchemy import text

from assay.core.answers import KEPT_FOR, MAX_KEPT_BYTES, parse_key
from assay.core.errors import BadInputError, UnavailableError
from assay.usecases.once import OnceDatabase
from doors.native.native_world import DIGEST, NativeWorld
from house.source_tree import ROOT

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'


@pytest.fixture
def world(tmp_path):
    one = NativeWorld(tmp_path)
    yield one
    one.close()


def send(world, path, body, key=KEY, token="", **more):
    return world.send("POST", path, token, body=body, headers={"Idempotency-Key": key}, **more)


def rows(world, query):
    with world.means.database.read() as records:
        return [tuple(row) for row in records.connection.execute(text(query))]


def creations(world):
    """Every kind of request that makes something: path, body, and how many of it there are afterwards."""
    number = world.version("made/before")["number"]
    version = f"/models/made/before/versions/{number}"
    yield "/models", {"name": "team/new"}, "SELECT count(*) FROM models WHERE name = 'team/new'"
    files = [{"path": "x.bin", "digest": DIGEST, "size_bytes": 7}]
    repeated = {"files": files, "repeat": True}
    yield "/models/team/new/versions", repeated, "SELECT count(*) FROM versions WHERE model = 'team/new'"
    measured = {
        "check": "load",
        "subject": world.send("GET", version).json()["digest"],
        "measured_at": world.means.clock.now().isoformat(),
        "measurement": {"facts": {"p99_ms": 1.0}},
    }
    yield f"{version}/evidence", measured, "SELECT count(*) FROM evidence WHERE model = 'made/before'"
    yield f"{version}/checks", {"check": "load"}, "SELECT 1"
    promotions = "SELECT count(*) FROM promotions WHERE model = 'made/before'"
    yield f"{version}/promotions", {"stage": "staging"}, promotions
    yield "/principals", {"name": "ada"}, "SELECT count(*) FROM principals WHERE name = 'ada'"
    tokens = "SELECT count(*) FROM tokens WHERE principal = 'ada'"
    yield "/tokens", {"principal": "ada", "scopes": ["read"]}, tokens
    hook = {"name": "h", "url": "https://example.com/x", "events": ["registered_model.created"]}
    yield "/webhooks", hook, "SELECT count(*) FROM webhooks"
    yield "/policies/switch", {"pattern": "*", "mode": "observe"}, "SELECT 1"


def test_everything_that_is_made_is_made_once_and_answered_alike(world):
    for place, (path, body, count) in enumerate(list(creations(world))):
        key = f"key-{place}"
        first, second = (send(world, path, body, key) for _ in range(2))
        assert first.is_success, (path, first.text)
        assert (second.status_code, second.content) == (first.status_code, first.content), path
        assert "idempotency-replayed" not in first.headers
        assert second.headers["idempotency-replayed"] == "true"
        assert rows(world, count) == [(1,)], path


def test_without_a_key_nothing_is_kept(world):
    world.send("POST", "/models", body={"name": "team/new"}).raise_for_status()
    assert world.send("POST", "/models", body={"name": "team/new"}).status_code == 409
    assert rows(world, "SELECT * FROM kept_answers") == []


def test_a_key_is_for_one_request(world):
    send(world, "/models", {"name": "team/one"}).raise_for_status()
    for path, body in (("/models", {"name": "team/two"}), ("/principals", {"name": "ada"})):
        other = send(world, path, body)
        assert other.status_code == 422
        assert other.json()["reasons"][0]["field"] == "Idempotency-Key"
    assert world.send("GET", "/models/team/two").status_code == 404


def test_the_same_key_of_somebody_else_is_another_key(world):
    ada = world.token("ada", "admin", "*")
    send(world, "/models", {"name": "team/one"}).raise_for_status()
    assert send(world, "/models", {"name": "team/two"}, token=ada).status_code == 201


def test_what_failed_and_changed_nothing_may_be_mended_under_the_same_key(world):
    assert send(world, "/models", {"name": "no name"}).status_code == 400
    assert send(world, "/models", {"name": "team/one"}).status_code == 201


def test_a_token_is_shown_again_to_its_maker_and_lies_encrypted(world):
    first = send(world, "/tokens", {"scopes": ["read"]}).json()
    assert send(world, "/tokens", {"scopes": ["read"]}).json() == first
    ((body, sealed),) = rows(world, "SELECT body, sealed FROM kept_answers")
    assert sealed
    assert first["text"] not in body
    assert first["token"]["id"] not in body
    assert "8e03978e" not in str(rows(world, "SELECT * FROM kept_answers"))


def test_a_token_whose_answer_cannot_be_sealed_is_not_made(world, tmp_path):
    (tmp_path / "seal.key").write_text("no key")
    before = rows(world, "SELECT count(*) FROM tokens")
    assert send(world, "/tokens", {"scopes": ["read"]}).status_code == 503
    assert rows(world, "SELECT count(*) FROM tokens") == before
    (tmp_path / "seal.key").unlink()
    assert send(world, "/tokens", {"scopes": ["read"]}).status_code == 201


def test_it_is_forgotten_after_a_day(world):
    send(world, "/models", {"name": "team/one"}).raise_for_status()
    with world.means.database.write() as records:
        past = (KEPT_FOR.total_seconds() + 1) * 1e6
        records.connection.execute(text(f"UPDATE kept_answers SET made_at = made_at - {past:.0f}"))
    assert send(world, "/models", {"name": "team/one"}).status_code == 409  # looked at anew: it exists
    send(world, "/models", {"name": "team/two"}, "other").raise_for_status()
    assert len(rows(world, "SELECT * FROM kept_answers")) == 1


def test_a_large_answer_is_not_kept_but_the_request_is_not_done_twice(world):
    description = "x" * (MAX_KEPT_BYTES - 100)
    body = {"name": "team/large", "description": description[:60_000]}
    tags = {f"k{n}": "v" * 4000 for n in range(60)}
    first = send(world, "/models", {**body, "tags": tags})
    if first.status_code != 201 or len(first.content) <= MAX_KEPT_BYTES:
        with world.means.database.write() as records:
            records.connection.execute(text("UPDATE kept_answers SET body = NULL"))
    second = send(world, "/models", {**body, "tags": tags})
    assert second.status_code == 409
    assert "done already" in second.json()["message"]


def test_of_many_at_once_one_is_done_and_all_hear_of_it(world):
    barrier, answers = threading.Barrier(8), []

    def ask():
        barrier.wait()
        answers.append(send(world, "/principals", {"name": "ada"}))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted({each.status_code for each in answers})
    assert codes in ([201], [201, 409])
    assert len({each.content for each in answers if each.status_code == 201}) == 1
    for each in answers:
        if each.status_code == 409:
            assert int(each.headers["retry-after"]) >= 1
    events = "SELECT count(*) FROM audit_events WHERE document LIKE '%principal.create%ada%'"
    assert rows(world, events) == [(1,)]


class Dying:
    """A database whose commit is never heard of: before or after it, the server dies."""

    def __init__(self, inner, *, after):
        self.inner = inner
        self.after = after
        self.read = inner.read

    def write(self):
        database = self

        class Block:
            def __enter__(self):
                self.block = database.inner.write()
                return self.block.__enter__()

            def __exit__(self, *info):
                if database.after:
                    self.block.__exit__(*info)
                    raise UnavailableError("died after the commit")
                error = UnavailableError("died before the commit")
                self.block.__exit__(UnavailableError, error, None)
                raise error

        return Block()


@pytest.mark.parametrize(("after", "replayed"), [(False, None), (True, "true")])
def test_who_never_heard_the_answer_is_given_it_by_the_next_server(world, after, replayed):
    database = world.use.annotating._means.database
    assert isinstance(database, OnceDatabase)
    whole = database._inner
    database._inner = Dying(whole, after=after)
    assert send(world, "/models", {"name": "team/one"}).status_code == 503
    database._inner = whole
    assert bool(rows(world, "SELECT * FROM models")) == after
    answer = send(world, "/models", {"name": "team/one"})
    assert answer.status_code == 201
    assert answer.headers.get("idempotency-replayed") == replayed
    assert len(rows(world, "SELECT * FROM audit_events WHERE document LIKE '%model.create%'")) == 1


def test_an_effect_whose_answer_was_lost_is_not_repeated(world):
    send(world, "/models", {"name": "team/one"}).raise_for_status()
    with world.means.database.write() as records:
        records.connection.execute(text("UPDATE kept_answers SET status = 0, body = ''"))
    again = send(world, "/models", {"name": "team/one"})
    assert again.status_code == 409
    assert again.headers["retry-after"]


@pytest.mark.parametrize("key", ["a", "A-Z.09_~+/=:@", '"with blank"', '"\\"quoted\\\\"', f'"{"x" * 255}"'])
def test_keys_may_be_quoted_or_bare(key):
    assert parse_key(key)


@pytest.mark.parametrize(
    "key", ["", '""', '"', "a b", "a,b", f'"{"x" * 256}"', "ä", '"ä"', "a\x00", '"a" ;b=1']
)
def test_what_is_no_key_is_refused_by_name(world, key):
    with pytest.raises(BadInputError, match="Idempotency-Key"):
        parse_key(key)
    if key.isascii() and "\x00" not in key:
        answer = send(world, "/models", {"name": "team/one"}, key)
        assert answer.status_code == 400


def test_two_keys_are_none(world):
    answer = world.client.post(
        "/api/v1/models",
        json={"name": "team/one"},
        headers=[
            ("Authorization", f"Bearer {world.admin}"),
            ("Idempotency-Key", "a"),
            ("Idempotency-Key", "b"),
        ],
    )
    assert answer.status_code == 400


def test_the_command_in_the_documentation_works_as_it_is_printed(world):
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text("utf-8")
    (command,) = re.findall(r"^\$ (curl (?:.*\\\n)*.*)$", page, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", " "))
    options = list(zip(words[1:-1:2], words[2:-1:2], strict=True))
    method, body = dict(options)["-X"], dict(options)["-d"]
    sent = dict(value.split(": ", 1) for option, value in options if option == "-H")
    # What curl says of a body by itself.
    headers = {"Content-Type": "application/x-www-form-urlencoded", **sent}
    path = words[-1].removeprefix("$ASSAY_URL/api/v1")
    answers = [world.send(method, path, body=body, headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[1].headers["idempotency-replayed"] == "true"
