"""Webhooks through the MLflow door: its fields, its words, and what its clients must never see."""

import json
from contextlib import closing

import pytest

from assay.core.deliveries import Attempt
from assay.wire.requests import HookChange, NewHook
from doors.mlflow.mlflow_world import MlflowWorld

BASE = "2.0/mlflow/webhooks"
URL = "https://hooks.example.org/x"
CREATED = {"entity": "MODEL_VERSION", "action": "CREATED"}
TAG_SET = {"entity": "MODEL_VERSION_TAG", "action": "SET"}
NONE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def world(tmp_path):
    with closing(MlflowWorld(tmp_path)) as one:
        yield one


def made(world, **more):
    body = {"name": "hook", "url": URL, "events": [CREATED], **more}
    return world.good("POST", BASE, body)["webhook"]


def native(world, *events, **more):
    return world.use.webhooks.create(world.local, NewHook("native", URL, events, **more))


def test_a_webhook_is_answered_as_mlflow_answers_it(world):
    events = [TAG_SET, CREATED, CREATED]
    hook = made(world, events=events, description="d", secret="geheim", status="DISABLED")
    at = hook["creation_timestamp"]
    assert isinstance(at, int)
    assert hook == {
        "webhook_id": hook["webhook_id"],
        "name": "hook",
        "description": "d",
        "url": URL,
        "events": [CREATED, TAG_SET],
        "status": "DISABLED",
        "creation_timestamp": at,
        "last_updated_timestamp": at,
    }
    assert world.good("GET", f"{BASE}/{hook['webhook_id']}") == {"webhook": hook}
    assert "geheim" not in json.dumps(world.good("GET", BASE))


def test_without_more_it_is_active_and_has_no_description(world):
    hook = made(world)
    assert hook["status"] == "ACTIVE"
    assert "description" not in hook


@pytest.mark.parametrize(
    "event",
    [{"entity": 2, "action": 1}, {"entity": "model_version", "action": "created"}],
    ids=["numbers", "lower case"],
)
def test_an_event_may_be_written_as_protobuf_reads_it(world, event):
    assert made(world, events=[event])["events"] == [CREATED]


def test_lists_are_newest_first_page_by_page(world):
    names = [f"h{number}" for number in range(5)]
    for name in names:
        made(world, name=name)
    found, token = [], ""
    while True:
        page = world.good("GET", f"{BASE}?max_results=2&page_token={token}")
        found += [each["name"] for each in page["webhooks"]]
        token = page.get("next_page_token")
        if not token:
            break
    assert found == names[::-1]
    assert len(world.good("GET", f"{BASE}?max_results=0")["webhooks"]) == 5
    for size in (-1, 1001):
        answer = world.bad("GET", f"{BASE}?max_results={size}")
        assert answer == (400, "INVALID_PARAMETER_VALUE", "max_results must be between 1 and 1000.")
    assert world.bad("GET", f"{BASE}?page_token=abc")[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_an_empty_list_is_an_empty_document(world):
    assert world.good("GET", BASE) == {}


def test_a_change_leaves_what_is_not_named_or_empty(world):
    hook = made(world, description="d", secret="geheim")
    place = f"{BASE}/{hook['webhook_id']}"
    same = world.good("PATCH", place, {"name": "", "url": "", "events": []})["webhook"]
    assert same == hook | {"last_updated_timestamp": same["last_updated_timestamp"]}
    changed = world.good("PATCH", place, {"name": "new", "events": [TAG_SET], "status": "DISABLED"})[
        "webhook"
    ]
    assert (changed["name"], changed["events"], changed["status"]) == ("new", [TAG_SET], "DISABLED")
    assert (changed["description"], changed["url"]) == ("d", URL)
    assert "description" not in world.good("PATCH", place, {"description": ""})["webhook"]
    assert world.use.webhooks.get(world.local, hook["webhook_id"]).is_signed
    world.good("PATCH", place, {"secret": ""})
    assert not world.use.webhooks.get(world.local, hook["webhook_id"]).is_signed


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([{"entity": "PLANET", "action": "CREATED"}], "Invalid entity 'planet'"),
        ([{"entity": "PROMPT", "action": "EATEN"}], "Invalid action 'eaten' for entity 'prompt'"),
        ([{"entity": "MODEL_VERSION", "action": "SET"}], "Invalid action 'set' for entity 'model_version'. "),
        ([{"entity": "MODEL_VERSION", "action": "TRANSITIONED"}], "Invalid action 'transitioned'"),
        ([{"entity": "PROMOTION", "action": "PROMOTED"}], "Invalid entity 'promotion'"),
        ([{"entity": "PROMPT"}], "Missing value for required parameter 'events[0].action'"),
        ([{}], "Missing value for required parameter 'events[0].entity'"),
        ([{"entity": 0, "action": 1}], "Invalid entity ''"),
        ([{"entity": 99, "action": 1}], "Invalid entity '99'"),
        ([{"entity": True, "action": 1}], "Invalid value true for parameter 'events[0].entity'"),
        ([CREATED, 5], "Invalid value"),
        ("x", "Invalid value"),
        ([], "Missing value for required parameter 'events'"),
        (None, "Missing value for required parameter 'events'"),
    ],
)
def test_an_event_that_mlflow_does_not_know_is_a_clear_400(world, events, words):
    status, code, message = world.bad("POST", BASE, {"name": "a", "url": URL, "events": events})
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert words in message
    if events:
        hook = made(world)
        place = f"{BASE}/{hook['webhook_id']}"
        assert world.bad("PATCH", place, {"events": events})[2] == message
        assert world.good("GET", place)["webhook"] == hook


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": ""}, "Missing value for required parameter 'name'"),
        ({"url": ""}, "Missing value for required parameter 'url'"),
        ({"name": "a b"}, "Webhook name 'a b' is invalid"),
        ({"name": 5}, "Invalid value 5 for parameter 'name'"),
        ({"url": "http://example.org/"}, "Invalid webhook URL scheme: 'http'. Allowed schemes are: https."),
        ({"url": "https:///x"}, "Webhook URL must include a hostname: 'https:///x'"),
        ({"url": "  "}, "Webhook URL cannot be empty or just whitespace: '  '"),
        ({"url": "https://127.0.0.1/"}, "non-public IP address. '127.0.0.1' resolves to 127.0.0.1."),
        ({"url": "https://nowhere.example.org/"}, "Cannot resolve Webhook URL hostname 'nowhere."),
        ({"status": "PAUSED"}, "must be ACTIVE or DISABLED"),
        ({"secret": 5}, "Invalid value 5 for parameter 'secret'"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_said_in_mlflows_words(world, changed, words):
    world.means.post.names["nowhere.example.org"] = []
    body = {"name": "a", "url": URL, "events": [CREATED]} | changed
    status, code, message = world.bad("POST", BASE, body)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert words in message
    assert world.good("GET", BASE) == {}


def test_what_is_not_there_is_not_found_whatever_is_asked(world):
    expected = (404, "RESOURCE_DOES_NOT_EXIST", f"Webhook with ID {NONE} not found.")
    assert world.bad("GET", f"{BASE}/{NONE}") == expected
    assert world.bad("PATCH", f"{BASE}/{NONE}", {"name": "a"}) == expected
    assert world.bad("DELETE", f"{BASE}/{NONE}") == expected
    assert world.bad("POST", f"{BASE}/{NONE}/test", {}) == expected
    hook = made(world)
    assert world.good("DELETE", f"{BASE}/{hook['webhook_id']}") == {}
    assert world.bad("DELETE", f"{BASE}/{hook['webhook_id']}")[0] == 404


def test_a_trial_tells_what_the_receiver_answered(world):
    place = f"{BASE}/{made(world, secret='geheim')['webhook_id']}/test"
    world.means.post.answers = [Attempt(200, "ok"), Attempt(500, "no"), Attempt(problem="no answer")]
    good = {"success": True, "response_status": 200, "response_body": "ok"}
    assert world.good("POST", place, {"event": TAG_SET}) == {"result": good}
    bad = {"success": False, "response_status": 500, "response_body": "no"}
    assert world.good("POST", place, {}) == {"result": bad}
    none = {"success": False, "error_message": "Failed to test webhook: no answer"}
    assert world.good("POST", place) == {"result": none}
    sent = [json.loads(letter.body) for letter in world.means.post.letters]
    assert [each["entity"] for each in sent] == ["model_version_tag", "model_version", "model_version"]
    assert set(sent[0]) == {"entity", "action", "timestamp", "data"}
    assert sent[0]["data"] == {
        "name": "example_model",
        "version": "1",
        "key": "example_key",
        "value": "example_value",
    }
    assert world.bad("POST", place, {"event": {"entity": "PLANET", "action": "SET"}})[0] == 400


def test_kinds_that_mlflow_does_not_know_never_reach_its_clients_and_stay(world):
    both = native(world, "model_version.created", "model_version.transitioned", "promotion.promoted")
    hidden = native(world, "promotion.refused")
    (seen,) = world.good("GET", BASE)["webhooks"]
    assert (seen["webhook_id"], seen["events"]) == (both.id, [CREATED])
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test")):
        assert world.bad(method, f"{BASE}/{hidden.id}{path}")[0] == 404
    world.good("PATCH", f"{BASE}/{both.id}", {"events": [TAG_SET]})
    kept = world.use.webhooks.get(world.local, both.id).kinds
    assert list(map(str, kept)) == [
        "model_version.transitioned",
        "model_version_tag.set",
        "promotion.promoted",
    ]


@pytest.mark.parametrize("role", [None, "reader", "contributor", "approver", "maintainer"])
def test_webhooks_are_for_admins(world, role):
    hook = made(world)
    token = world.token(f"some-{role or 'body'}", role, "*")
    place = f"{BASE}/{hook['webhook_id']}"
    for method, path, body in (
        ("POST", BASE, {"name": "a", "url": URL, "events": [CREATED]}),
        ("GET", BASE, None),
        ("GET", place, None),
        ("PATCH", place, {"name": "b"}),
        ("DELETE", place, None),
        ("POST", f"{place}/test", {}),
    ):
        assert world.bad(method, path, body, token=token)[:2] == (403, "PERMISSION_DENIED")
    assert world.good("GET", place)["webhook"] == hook
    assert world.means.post.letters == []


def test_the_browsers_twins_are_answered_too(world):
    made(world)
    assert len(world.good("GET", f"/ajax-api/{BASE}")["webhooks"]) == 1


def test_what_a_client_does_is_told_with_mlflows_fields(world):
    events = [
        {"entity": entity, "action": action}
        for entity, action in (
            ("REGISTERED_MODEL", "CREATED"),
            ("MODEL_VERSION_ALIAS", "CREATED"),
            ("PROMPT", "CREATED"),
            ("PROMPT_TAG", "SET"),
        )
    ]
    made(world, events=events)
    world.good("POST", "2.0/mlflow/registered-models/create", {"name": "My Model", "description": "d"})
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    world.good("POST", "2.0/mlflow/registered-models/create", {"name": "greeting", "tags": tags})
    tag = {"name": "greeting", "key": "k", "value": "v"}
    world.good("POST", "2.0/mlflow/registered-models/set-tag", tag)
    world.good("POST", "2.0/mlflow/registered-models/set-tag", tag | {"name": "My Model"})
    delivering = world.use.delivering
    delivering.gather()
    while (outgoing := delivering.take("s")) is not None:
        delivering.send(outgoing, "s")
    sent = [json.loads(letter.body) for letter in world.means.post.letters]
    assert [(each["entity"], each["action"], each["data"]) for each in sent] == [
        ("registered_model", "created", {"name": "My Model", "tags": {}, "description": "d"}),
        ("prompt", "created", {"name": "greeting", "tags": {}, "description": ""}),
        ("prompt_tag", "set", tag),
    ]


def test_a_kind_that_was_added_natively_meanwhile_stays_when_a_client_changes_the_others(world, monkeypatch):
    hook = made(world, events=[CREATED])
    hook_id, get = hook["webhook_id"], world.use.webhooks.get

    def overtaken(*asked):
        """Somebody adds a kind after the hook was looked at."""
        found = get(*asked)
        monkeypatch.setattr(world.use.webhooks, "get", get)
        wanted = HookChange(events=("model_version.created", "promotion.promoted"))
        world.use.webhooks.change(world.local, hook_id, wanted)
        return found

    monkeypatch.setattr(world.use.webhooks, "get", overtaken)
    changed = world.good("PATCH", f"{BASE}/{hook_id}", {"events": [TAG_SET]})["webhook"]
    assert changed["events"] == [TAG_SET]
    kinds = list(map(str, world.use.webhooks.get(world.local, hook_id).kinds))
    assert kinds == ["model_version_tag.set", "promotion.promoted"]
