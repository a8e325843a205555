"""Webhooks are told what happened: each of it, once by id, though senders die and receivers fail."""

import json
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from assay.core.access import Role
from assay.core.deliveries import LEASE, RETENTION, Attempt, DeliveryState
from assay.core.errors import BadInputError, DeniedError, NotFoundError, UnavailableError
from assay.core.names import Address
from assay.core.webhooks import KINDS, EventKind, HookStatus, signature
from assay.usecases.delivering import BATCH
from assay.wire.requests import AliasTarget, Annotation, HookChange, NewHook, NewModel, Statement
from usecases.registry_world import MODEL, at

URL = "https://hooks.example.org/s3cret?token=t0ken"


def hook(world, *events, **more):
    """Make a webhook for these kinds, or for all."""
    wanted = NewHook("hook", URL, events or tuple(KINDS), secret="geheim")
    return world.use.webhooks.create(world.local, replace(wanted, **more))


def told(world):
    """Turn events into messages and send all that is due; return what was sent."""
    office, before = world.means.post, len(world.means.post.letters)
    while world.use.delivering.gather():
        pass
    while (outgoing := world.use.delivering.take("sender")) is not None:
        world.use.delivering.send(outgoing, "sender")
    return [json.loads(letter.body) for letter in office.letters[before:]]


def kinds(messages):
    return [f"{each['entity']}.{each['action']}" for each in messages]


def deliveries(world, made):
    return world.use.webhooks.deliveries(world.local, made.id, 100)


def later(world, seconds):
    world.clock.at += timedelta(seconds=seconds)


# --- the book of hooks -------------------------------------------------------------------------------


def test_secrets_and_urls_are_in_no_place_where_others_look(world):
    made = hook(world)
    world.use.webhooks.change(world.local, made.id, HookChange(secret="other", url=URL + "2"))
    world.use.webhooks.test(world.local, made.id)
    world.use.webhooks.remove(world.local, made.id)
    audited = [each for each in world.events() if each.verb.startswith("webhook.")]
    assert [each.verb.partition(".")[2] for each in audited] == ["create", "change", "test", "remove"]
    assert audited[0].after["host"] == "hooks.example.org"
    assert audited[1].before["url_digest"] != audited[1].after["url_digest"]
    for text in (repr(made), *map(repr, audited)):
        for hidden in ("geheim", "other-", "s3cret", "t0ken"):
            assert hidden not in text


@pytest.mark.parametrize(
    "wanted",
    [
        NewHook("", URL, ("prompt.created",)),
        NewHook("a b", URL, ("prompt.created",)),
        NewHook("a", URL, ()),
        NewHook("a", URL, ("planet.created",)),
        NewHook("a", "http://example.org/", ("prompt.created",)),
        NewHook("a", "https://127.0.0.1/", ("prompt.created",)),
        NewHook("a", "https://nowhere.example.org/", ("prompt.created",)),
        NewHook("a", URL, ("prompt.created",), status="PAUSED"),
        NewHook("a", URL, ("prompt.created",), secret="\0"),
        NewHook("a", URL, ("prompt.created",), description="x" * 5001),
    ],
)
def test_a_hook_that_breaks_a_rule_is_refused_whole(world, wanted):
    world.means.post.names["nowhere.example.org"] = []
    made = hook(world)
    count = len(world.events())
    with pytest.raises(BadInputError):
        world.use.webhooks.create(world.local, wanted)
    change = HookChange(
        wanted.name, wanted.url, wanted.events, wanted.description, wanted.secret, wanted.status
    )
    with pytest.raises(BadInputError):
        world.use.webhooks.change(world.local, made.id, change)
    assert world.use.webhooks.get(world.local, made.id) == made
    assert len(world.events()) == count


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_only_an_admin_of_everything_makes_or_sees_webhooks(world, role):
    made = hook(world)
    caller = world.person(f"some-{role.value}", role.value)
    use = world.use.webhooks
    for call in (
        lambda: use.create(caller, NewHook("a", URL, ("prompt.created",))),
        lambda: use.get(caller, made.id),
        lambda: use.list(caller, 10),
        lambda: use.change(caller, made.id, HookChange()),
        lambda: use.remove(caller, made.id),
        lambda: use.test(caller, made.id),
        lambda: use.deliveries(caller, made.id, 10),
    ):
        with pytest.raises(DeniedError):
            call()
    assert world.means.post.letters == []


def test_what_is_not_there_is_not_found(world):
    use = world.use.webhooks
    for call in (
        lambda: use.get(world.local, "x"),
        lambda: use.change(world.local, "x", HookChange()),
        lambda: use.remove(world.local, "x"),
        lambda: use.test(world.local, "x"),
        lambda: use.deliveries(world.local, "x", 10),
    ):
        with pytest.raises(NotFoundError, match="Webhook with ID x not found"):
            call()


def test_a_change_changes_what_it_names_and_nothing_else(world):
    made = hook(world, "prompt.created", description="d")
    after = world.use.webhooks.change(world.local, made.id, HookChange(name="new"))
    assert after == replace(made, name="new", changed_at=after.changed_at)
    assert after.changed_at > made.changed_at
    unsigned = world.use.webhooks.change(world.local, made.id, HookChange(secret="", description=""))
    assert (unsigned.is_signed, unsigned.description) == (False, "")


def test_hooks_that_mlflow_cannot_read_are_passed_over_for_its_clients(world):
    for number in range(6):
        hook(world, "prompt.created" if number % 3 == 0 else "promotion.refused", name=f"h{number}")
    first = world.use.webhooks.list(world.local, 1, mlflow_only=True)
    rest = world.use.webhooks.list(world.local, 5, first.next_cursor, mlflow_only=True)
    assert [each.name for each in (*first.items, *rest.items)] == ["h3", "h0"]
    assert len(world.use.webhooks.list(world.local, 100).items) == 6


def test_a_trial_is_sent_signed_and_told(world):
    made = hook(world, "model_version.transitioned", status="DISABLED")
    world.means.post.answers = [Attempt(204), Attempt(500, "no"), Attempt(problem="no answer", final=True)]
    assert world.use.webhooks.test(world.local, made.id).arrived
    assert world.use.webhooks.test(world.local, made.id, EventKind.parse("prompt.created")).status == 500
    assert world.use.webhooks.test(world.local, made.id).in_words == "no answer"
    sent = world.means.post.letters
    assert kinds([json.loads(letter.body) for letter in sent]) == [
        "model_version.transitioned",
        "prompt.created",
        "model_version.transitioned",
    ]
    assert len({letter.headers["X-MLflow-Delivery-Id"] for letter in sent}) == 3
    assert deliveries(world, made) == ()
    outcomes = [each.after["status"] for each in world.events() if each.verb == "webhook.test"]
    assert outcomes == [204, 500, None]


# --- what is told ------------------------------------------------------------------------------------


def test_nothing_is_kept_where_nobody_wants_to_know(world):
    hook(world, status="DISABLED")
    world.register()
    assert not world.use.delivering.gather()
    with world.means.database.read() as records:
        assert records.deliveries.cursor() == 0


def test_the_way_to_production_is_told_step_by_step(world):
    version = world.register()
    hook(world)
    world.to_production(version)
    messages = told(world)
    assert kinds(messages) == [
        "promotion.requested",
        "model_version.transitioned",
        "model_version_alias.created",
        "promotion.promoted",
        "promotion.requested",
        "promotion.awaiting_approval",
        "model_version.transitioned",
        "model_version_alias.created",
        "model_version_alias.deleted",
        "promotion.promoted",
    ]
    data = messages[1]["data"]
    assert (data["name"], data["version"]) == ("team.task", str(version.number))
    assert (data["from_stage"], data["to_stage"], data["actor"]) == ("Development", "Staging", "worker")
    waiting = messages[5]["data"]
    assert waiting["requested_by"] == "ada"
    assert (waiting["from_stage"], waiting["to_stage"]) == ("Staging", "Production")
    assert {each["gate"] for each in waiting["gates"]} == {"metrics", "approval"}
    aliases = [each["data"]["alias"] for each in messages if "alias" in each["entity"]]
    assert aliases == ["staging", "production", "staging"]


def test_a_refusal_tells_its_reasons(world):
    version = world.register()
    hook(world, "promotion.refused")
    world.to_staging(version, accuracy=0.1)
    (message,) = told(world)
    assert "0.9" in json.dumps(message["data"]["gates"])


def test_a_replaced_version_is_told_to_have_left(world):
    first, second = world.register(), world.register()
    world.to_production(first)
    hook(world, "model_version.transitioned")
    world.to_production(second)
    moves = [(each["data"]["version"], each["data"]["to_stage"]) for each in told(world)]
    assert ("1", "Archived") in moves
    assert ("2", "Production") in moves


def test_models_versions_tags_and_aliases_are_told_as_they_were(world):
    hook(world)
    world.use.registration.create_model(world.ada, NewModel(MODEL, "d", {"k": "v"}))
    version = world.register()
    world.use.annotating.annotate_version(world.ada, at(version), Annotation(tags={"a": "1"}))
    world.use.annotating.set_alias(world.ada, MODEL, "best", AliasTarget("1"))
    world.use.annotating.remove_alias(world.ada, MODEL, "best")
    world.use.outside.rename(world.local, "team.task", "team.new")
    world.use.outside.delete(world.local, "team.new")
    messages = told(world)
    assert [(f"{each['entity']}.{each['action']}", each["data"]["name"]) for each in messages] == [
        ("registered_model.created", "team.task"),
        ("model_version.created", "team.task"),
        ("model_version_tag.set", "team.task"),
        ("model_version.updated", "team.task"),
        ("model_version_alias.created", "team.task"),
        ("model_version_alias.deleted", "team.task"),
        ("registered_model.renamed", "team.new"),
        ("model_version.deleted", "team.new"),
        ("registered_model.deleted", "team.new"),
    ]
    assert {each["data"]["version"] for each in messages if "version" in each["data"]} == {"1"}
    assert messages[0]["data"] == {"name": "team.task", "tags": {"k": "v"}, "description": "d"}


def test_prompts_are_told_under_words_of_their_own_even_when_they_are_gone(world):
    hook(world)
    tags = {"mlflow.prompt.is_prompt": "true", "k": "v"}
    name = world.use.outside.create(world.local, "team", "greeting", "d", tags).known_as
    world.use.outside.delete(world.local, name)
    messages = told(world)
    assert kinds(messages) == ["prompt.created", "prompt.deleted"]
    assert messages[0]["data"] == {"name": name, "tags": {"k": "v"}, "description": "d"}


def much_happens(world, subject, count=1100):
    """Let more happen than is read of the audit log at once; nobody is told of it."""
    with world.means.database.write() as records:
        for number in range(count):
            said = {"verb": "note", "subject": subject, "before": None, "after": {"n": number}}
            records.audit.append({"at": world.clock.now(), "actor": "ada", **said})


def test_a_name_that_was_taken_away_long_after_is_still_the_name_of_before(world):
    hook(world)
    world.use.registration.create_model(world.ada, NewModel(MODEL, "d"))
    much_happens(world, MODEL)
    world.use.outside.rename(world.local, "team.task", "team.new")
    assert [each["data"]["name"] for each in told(world)] == ["team.task", "team.new"]


def test_a_model_that_is_gone_is_known_as_what_it_was_last_made_for_however_long_ago_the_first_was(world):
    hook(world)
    name = world.use.outside.create(world.local, "team", "greeting", "d", {}).known_as
    world.use.outside.delete(world.local, name)
    much_happens(world, "team/greeting")
    world.use.outside.create(world.local, "team", "greeting", "d", {"mlflow.prompt.is_prompt": "true"})
    world.use.outside.delete(world.local, name)
    assert kinds(told(world))[-2:] == ["prompt.created", "prompt.deleted"]


def test_a_hook_is_told_nothing_from_before_it_was_made_or_while_it_was_disabled(world):
    world.register()
    made = hook(world, "model_version.created")
    world.register()
    assert len(told(world)) == 1
    world.use.webhooks.change(world.local, made.id, HookChange(status="DISABLED"))
    world.register()
    assert told(world) == []
    world.use.webhooks.change(world.local, made.id, HookChange(status="ACTIVE"))
    assert told(world) == []
    world.register()
    assert [each["data"]["version"] for each in told(world)] == ["4"]


def test_each_hook_is_told_only_what_it_wants(world):
    created, moved = hook(world, "model_version.created"), hook(world, "model_version.transitioned")
    world.to_staging(world.register())
    told(world)
    assert {str(each.kind) for each in deliveries(world, created)} == {"model_version.created"}
    assert {str(each.kind) for each in deliveries(world, moved)} == {"model_version.transitioned"}


def test_many_events_come_through_batch_by_batch(world):
    hook(world, "model_version_tag.set")
    version = world.register()
    for number in range(BATCH + 10):
        world.use.annotating.annotate_version(world.ada, at(version), Annotation(tags={"n": str(number)}))
    assert world.use.delivering.gather()
    assert not world.use.delivering.gather()
    assert [each["data"]["value"] for each in told(world)] == [str(number) for number in range(BATCH + 10)]


# --- sending -----------------------------------------------------------------------------------------


def test_what_arrives_is_signed_with_the_secret_and_says_when(world):
    hook(world, "model_version.created")
    version = world.register()
    told(world)
    (letter,) = world.means.post.letters
    sent = letter.headers
    assert letter.url == URL
    expected = signature("geheim", sent["X-MLflow-Delivery-Id"], sent["X-MLflow-Timestamp"], letter.body)
    assert sent["X-MLflow-Signature"] == expected
    assert int(sent["X-MLflow-Timestamp"]) >= int(version.registered_at.timestamp())


def test_a_receiver_that_fails_is_asked_again_after_one_five_and_twenty_five_seconds(world):
    made = hook(world, "model_version.created")
    world.register()
    world.means.post.answers = [Attempt(500), Attempt(problem="no answer"), Attempt(429)]
    assert len(told(world)) == 1
    for pause in (1, 5, 25):
        later(world, pause - 0.5)
        assert told(world) == []
        later(world, 1)
        assert len(told(world)) == 1
    letters = world.means.post.letters
    assert len({letter.headers["X-MLflow-Delivery-Id"] for letter in letters}) == 1
    assert len({letter.headers["X-MLflow-Timestamp"] for letter in letters}) == 4
    assert len({letter.body for letter in letters}) == 1
    (ended,) = deliveries(world, made)
    assert (ended.state, ended.attempts, ended.response_status) == (DeliveryState.DELIVERED, 4, 200)


def test_after_four_failures_a_message_is_given_up_and_the_next_one_goes(world):
    made = hook(world, "model_version.created")
    world.register()
    world.means.post.answers = [Attempt(503)] * 4
    for _ in range(6):
        told(world)
        later(world, 60)
    assert len(world.means.post.letters) == 4
    world.register()
    assert [each["data"]["version"] for each in told(world)] == ["2"]
    assert [each.state.value for each in deliveries(world, made)] == ["delivered", "failed"]
    assert deliveries(world, made)[1].problem == "answered 503"


@pytest.mark.parametrize("answer", [Attempt(404), Attempt(302), Attempt(problem="refused", final=True)])
def test_what_will_not_change_is_not_tried_again(world, answer):
    made = hook(world, "model_version.created")
    world.register()
    world.means.post.answers = [answer]
    told(world)
    later(world, 3600)
    assert told(world) == []
    assert deliveries(world, made)[0].state is DeliveryState.FAILED


def test_a_message_whose_sender_died_goes_out_again_under_the_same_id(world):
    made = hook(world, "model_version.created")
    world.register()
    use = world.use.delivering
    use.gather()
    dead = use.take("dead")
    assert use.take("alive") is None
    later(world, LEASE.total_seconds())
    taken = use.take("alive")
    assert taken.delivery.id == dead.delivery.id
    assert use.send(dead, "dead") is None  # it was only slow, and does not send beside the other
    assert use.send(taken, "alive").delivery.state is DeliveryState.DELIVERED
    assert use.send(dead, "dead") is None
    ids = [letter.headers["X-MLflow-Delivery-Id"] for letter in world.means.post.letters]
    assert ids == [dead.delivery.id]
    assert deliveries(world, made)[0].state is DeliveryState.DELIVERED


def test_a_crash_before_the_commit_makes_the_same_messages_again(world):
    made = hook(world)
    world.to_staging(world.register())
    world.use.delivering.gather()
    first = {each.id for each in deliveries(world, made)}
    with world.means.database.write() as records:
        records.deliveries.record(made.since_seq, ())
    told(world)
    assert {each.id for each in deliveries(world, made)} == first
    assert len(world.means.post.letters) == len(first)


def test_several_processes_send_each_message_once(world):
    hook(world, "model_version_tag.set")
    version = world.register()
    for number in range(30):
        world.use.annotating.annotate_version(world.ada, at(version), Annotation(tags={"n": str(number)}))

    def work(name):
        use = world.use.delivering
        use.gather()
        while (outgoing := use.take(name)) is not None:
            use.send(outgoing, name)

    threads = [threading.Thread(target=work, args=(f"s{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ids = Counter(letter.headers["X-MLflow-Delivery-Id"] for letter in world.means.post.letters)
    assert len(ids) == 30
    assert set(ids.values()) == {1}


@pytest.mark.parametrize("change", ["remove", "disable"])
def test_what_waits_for_a_hook_that_is_no_more_ends_unsent(world, change):
    made = hook(world, "model_version.created")
    world.register()
    world.register()
    world.use.delivering.gather()
    if change == "remove":
        world.use.webhooks.remove(world.local, made.id)
    else:
        world.use.webhooks.change(world.local, made.id, HookChange(status="DISABLED"))
    assert told(world) == []
    ended = deliveries(world, made)
    assert [each.state for each in ended] == [DeliveryState.FAILED] * 2
    assert "removed" in ended[0].problem or "disabled" in ended[0].problem


def test_a_message_goes_where_the_hook_points_when_it_is_sent(world):
    made = hook(world, "model_version.created")
    world.register()
    world.use.delivering.gather()
    world.use.webhooks.change(world.local, made.id, HookChange(url="https://new.example.org/"))
    told(world)
    assert world.means.post.letters[0].url == "https://new.example.org/"


def test_without_the_key_nothing_goes_out_unsigned(world):
    made = hook(world, "model_version.created")
    world.register()

    class LostKey:
        def open(self, sealed):
            raise UnavailableError("the key is gone")

    delivering = type(world.use.delivering)(replace(world.means, seal=LostKey()))
    delivering.gather()
    after = delivering.send(delivering.take("s"), "s").delivery
    assert (after.state, after.problem) == (DeliveryState.WAITING, "the key is gone")
    assert world.means.post.letters == []
    later(world, 2)
    assert len(told(world)) == 1
    assert made.status is HookStatus.ACTIVE


def test_messages_are_forgotten_thirty_days_after_they_ended(world):
    made = hook(world, "model_version.created")
    world.register()
    told(world)
    assert world.use.delivering.forget() == 0
    later(world, RETENTION.total_seconds() + 1)
    assert world.use.delivering.forget() == 1
    assert deliveries(world, made) == ()


def test_an_event_about_a_deleted_version_still_names_its_number(world):
    hook(world, "model_version.transitioned")
    version = world.register()
    world.use.changing.archive(world.local, at(version), Statement())
    world.use.changing.delete_version(world.local, Address(MODEL, number=version.number))
    assert [each["data"]["version"] for each in told(world)] == ["1"]
