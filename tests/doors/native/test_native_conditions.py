"""Nothing is overwritten that the writer has not seen, when the writer says what it has seen."""

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError, ConflictError
from assay.core.preconditions import ANY_STATE, Precondition, Tag
from assay.doors.native import ROUTES
from assay.http.conditions import precondition
from doors.native.native_world import NativeWorld

POLICY = "applies_to: '*'\ngates:\n  staging: [signature]\n  production: [signature]\n"
HOOK = {"name": "h", "url": "https://example.com/x", "events": ["registered_model.created"]}


@pytest.fixture
def world(tmp_path):
    one = NativeWorld(tmp_path)
    one.version()
    one.send("PUT", "/models/team/task/aliases/best", body={"version": "1"}).raise_for_status()
    one.hook = one.send("POST", "/webhooks", body=HOOK).json()["id"]
    yield one
    one.close()


def things(world):
    """Everything that can be overwritten: where it is read, how it is written, two bodies."""
    yield "/models/team/task", ("PATCH", "/models/team/task"), {"description": "a"}, {"description": "b"}
    version = "/models/team/task/versions/1"
    yield version, ("PATCH", version), {"tags": {"b": "1", "a": "2"}}, {"add_labels": ["x"]}
    hook = f"/webhooks/{world.hook}"
    yield hook, ("PATCH", hook), {"name": "one"}, {"name": "two"}
    policy = "/policies/current?pattern=*"
    yield policy, ("PUT", "/policies"), POLICY, POLICY + "description: other\n"


def tag_of(world, path):
    answer = world.send("GET", path)
    answer.raise_for_status()
    return answer.headers["etag"]


def write(world, how, body, **headers):
    names = {"match": "If-Match", "none": "If-None-Match"}
    sent = {names[key]: value for key, value in headers.items()}
    if isinstance(body, str):
        sent["Content-Type"] = "application/yaml"
    return world.send(*how, body=body, headers=sent)


def test_a_write_passes_over_the_state_that_was_read_and_over_no_other(world):
    for path, how, one, two in things(world):
        seen = tag_of(world, path)
        assert seen.startswith('"')
        first = write(world, how, one, match=seen)
        assert first.status_code == 200, first.text
        assert first.headers["etag"] == tag_of(world, path) != seen
        late = write(world, how, two, match=seen)
        assert late.status_code == 412
        assert late.json()["kind"] == "conflict"
        assert first.headers["etag"].strip('"') in late.json()["message"]
        assert "read it again" in late.json()["hint"]
        assert tag_of(world, path) == first.headers["etag"]
        assert write(world, how, two, match=f'"other", {first.headers["etag"]}').status_code == 200
        assert write(world, how, one, match=f"W/{tag_of(world, path)}").status_code == 412
        assert write(world, how, one, match="*").status_code == 200
        assert write(world, how, two, none="*").status_code == 412
        assert write(world, how, two, none=f"W/{tag_of(world, path)}").status_code == 412
        assert write(world, how, two, none='"other"').status_code == 200


def test_who_has_it_already_is_told_so(world):
    for path, *_ in things(world):
        tag = tag_of(world, path)
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            answer = world.send("GET", path, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert world.send("GET", path, headers={"If-None-Match": '"x"'}).status_code == 200
        assert world.send("GET", path, headers={"If-Match": '"x"'}).status_code == 412
        assert world.send("HEAD", path).headers["etag"] == tag


def test_an_alias_moves_only_from_where_it_was_seen(world):
    world.version()
    path = "/models/team/task/aliases/best"
    seen = tag_of(world, path)
    assert write(world, ("PUT", path), {"version": "2"}, match=seen).status_code == 200
    assert write(world, ("PUT", path), {"version": "1"}, match=seen).status_code == 412
    assert world.send("DELETE", path, headers={"If-Match": seen}).status_code == 412
    assert world.send("GET", path).json() == {"address": "team/task/v1.1.0"}
    assert world.send("DELETE", path, headers={"If-Match": tag_of(world, path)}).status_code == 204
    assert write(world, ("PUT", path), {"version": "1"}, match="*").status_code == 412
    assert write(world, ("PUT", path), {"version": "1"}, none="*").status_code == 200
    assert write(world, ("PUT", path), {"version": "2"}, none="*").status_code == 412


def test_a_webhook_is_removed_only_as_it_was_seen(world):
    path = f"/webhooks/{world.hook}"
    seen = tag_of(world, path)
    write(world, ("PATCH", path), {"name": "changed"})
    assert world.send("DELETE", path, headers={"If-Match": seen}).status_code == 412
    assert world.send("DELETE", path, headers={"If-Match": tag_of(world, path)}).status_code == 204


def test_a_policy_can_be_set_where_there_is_none(world):
    policy = POLICY.replace("'*'", "team/*")
    assert write(world, ("PUT", "/policies"), policy, match="*").status_code == 412
    assert write(world, ("PUT", "/policies"), policy, none="*").status_code == 200
    assert write(world, ("PUT", "/policies"), policy + "description: x\n", none="*").status_code == 412


def test_of_many_writers_who_saw_the_same_one_gets_through(world):
    path, how = "/models/team/task", ("PATCH", "/models/team/task")
    seen, barrier, codes = tag_of(world, path), threading.Barrier(8), []

    def ask(number):
        barrier.wait()
        codes.append(write(world, how, {"description": f"by {number}"}, match=seen).status_code)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] + [412] * 7


@pytest.mark.parametrize(
    "value", ["", "x", '"', '"a" "b"', "W/", 'w/"a"', '*, "a"', '"a\x7f"', '"' + "a" * 5000 + '"']
)
def test_a_condition_that_is_not_understood_never_holds(world, value):
    for name, method in itertools.product(("If-Match", "If-None-Match"), ("PATCH", "GET")):
        body = {"description": "x"} if method == "PATCH" else None
        answer = world.send(method, "/models/team/task", body=body, headers={name: value})
        assert answer.status_code == 400
        assert answer.json()["reasons"][0]["field"] == name
    assert world.send("GET", "/models/team/task").json()["description"] == ""


def test_a_route_that_heeds_no_condition_writes_nothing_under_one(world):
    for name in ("If-Match", "If-None-Match"):
        answer = world.send("POST", "/principals", body={"name": "mallory"}, headers={name: "*"})
        assert answer.status_code == 400
    assert "mallory" not in world.send("GET", "/principals").text


def test_whatever_has_a_tag_can_be_read_and_written_under_conditions():
    """Every change of what is there heeds conditions, but for these, which have no state to lose."""
    spared = {"/principals/{name}", "/principals/{name}/password", "/grants", "/quotas", "/sign-in/groups"}
    blind = {route.path for route in ROUTES if route.method in ("PUT", "PATCH") and not route.tagged}
    assert blind == spared


tags = st.text(st.characters(codec="latin-1", exclude_characters='"', min_codepoint=0x21), max_size=5).filter(
    lambda text: "\x7f" not in text and not any("\x80" <= letter < "\xa0" for letter in text)
)


@given(st.lists(st.tuples(tags, st.booleans()), min_size=1, max_size=5), st.integers(0, 3))
def test_lists_of_tags_are_read_as_they_were_written(listed, commas):
    written = [f'{"W/" if weak else ""}"{text}"' for text, weak in listed]
    joined = (" ," * commas + ", ").join(written)
    found = precondition([joined], written).match
    assert found == tuple(Tag(text, weak) for text, weak in listed)


@given(st.lists(st.text(st.characters(codec="latin-1"), max_size=20), max_size=3))
def test_no_header_makes_anything_but_a_condition_or_a_refusal(values):
    try:
        found = precondition(values, ())
    except BadInputError:
        return
    assert (
        found.match is None or found.match == ANY_STATE or all(isinstance(each, Tag) for each in found.match)
    )


@given(tags, st.booleans())
def test_weak_tags_match_for_reading_only(text, weak):
    tag = Tag(text, weak)
    assert (Precondition(match=(tag,)).problem(text) is None) is not weak
    assert Precondition(none_match=(tag,)).problem(text) is not None
    assert Precondition(match=(tag,)).problem(None) is not None
    assert Precondition(none_match=ANY_STATE).problem(None) is None


@given(tags)
def test_a_weak_tag_of_the_very_state_is_not_said_to_be_of_another(text):
    expected = Precondition(match=(Tag(text, weak=True), Tag(f"{text}x")))
    with pytest.raises(ConflictError) as caught:
        expected.check(text, "it")
    assert "weak" in caught.value.message
    assert "has changed" not in caught.value.message
    assert "W/" in caught.value.hint
    with pytest.raises(ConflictError, match="has changed"):
        expected.check(f"{text}y", "it")
