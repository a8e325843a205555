"""Webhooks: how a message is signed, where one may lead, what hooks are told, when it is sent again."""

import base64
import hashlib
import hmac
import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example as such_as
from hypothesis import given
from hypothesis import strategies as st

from assay.core.audit import GENESIS, chain
from assay.core.deliveries import (
    MAX_ATTEMPTS,
    MAX_PAUSE,
    PAUSES,
    Attempt,
    Delivery,
    DeliveryState,
    after_attempt,
)
from assay.core.errors import BadInputError
from assay.core.names import ModelName
from assay.core.stages import Stage
from assay.core.webhook_payloads import About, example, happenings, is_told, message
from assay.core.webhook_targets import check_addresses, check_trusted_host, is_public, parse_target
from assay.core.webhooks import (
    FURTHER_ACTIONS,
    KINDS,
    MLFLOW_ACTIONS,
    EventKind,
    HookStatus,
    check_hook_name,
    check_kinds,
    check_secret,
    headers,
    signature,
    stable_id,
)
from core.sample_versions import version_of as version

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MODEL = ModelName("fraud/transactions")

# The fields of ``data`` as MLflow 3.17 declares them, kind by kind (``mlflow/webhooks/types.py``).
MLFLOW_FIELDS = {
    "registered_model.created": {"name", "tags", "description"},
    "model_version.created": {"name", "version", "source", "run_id", "tags", "description"},
    "model_version_tag.set": {"name", "version", "key", "value"},
    "model_version_tag.deleted": {"name", "version", "key"},
    "model_version_alias.created": {"name", "alias", "version"},
    "model_version_alias.deleted": {"name", "alias"},
    "prompt.created": {"name", "tags", "description"},
    "prompt_version.created": {"name", "version", "template", "tags", "description"},
    "prompt_tag.set": {"name", "key", "value"},
    "prompt_tag.deleted": {"name", "key"},
    "prompt_version_tag.set": {"name", "version", "key", "value"},
    "prompt_version_tag.deleted": {"name", "version", "key"},
    "prompt_alias.created": {"name", "alias", "version"},
    "prompt_alias.deleted": {"name", "alias"},
    "budget_policy.exceeded": {
        "budget_policy_id",
        "budget_unit",
        "budget_amount",
        "current_spend",
        "duration_unit",
        "duration_value",
        "target_scope",
        "workspace",
        "target_value",
        "window_start",
    },
}


def event(verb, subject=MODEL, before=None, after=None):
    entry = {"at": NOON, "actor": "ada", "verb": verb, "subject": subject, "before": before, "after": after}
    return chain(entry, 6, GENESIS)


def about(**more):
    return About(MODEL, "fraud.transactions", **{"number": 3, **more})


def told(verb, before=None, after=None, **more):
    return {
        str(each.kind): dict(each.data)
        for each in happenings(event(verb, f"{MODEL}/v1.0.0", before, after), about(**more))
    }


# --- signing -----------------------------------------------------------------------------------------


@given(st.text(min_size=1), st.text())
@such_as("geheim", '{"name": "grün"}')
def test_a_receiver_can_check_the_signature_as_mlflow_describes_it(secret, body):
    sent = headers("id-1", NOON, body, secret)
    signed = f"{sent['X-MLflow-Delivery-Id']}.{sent['X-MLflow-Timestamp']}.{body}"
    version_word, _, text = sent["X-MLflow-Signature"].partition(",")
    expected = hmac.new(secret.encode("utf-8", "replace"), signed.encode("utf-8", "replace"), hashlib.sha256)
    assert version_word == "v1"
    assert base64.b64decode(text, validate=True) == expected.digest()


def test_a_known_message_has_the_signature_that_mlflow_gives_it():
    found = signature("secret", "8f3c", "1767268800", '{"a": 1}')
    assert found == "v1,KL4izo6xy661aj7cf0STnr3KirzuNLRu9xpmil/ssss="


@pytest.mark.parametrize(
    "changed", [{"secret": "x"}, {"delivery_id": "x"}, {"timestamp": "1"}, {"body": "x"}]
)
def test_every_part_is_signed(changed):
    parts = {"secret": "s", "delivery_id": "d", "timestamp": "t", "body": "b"}
    assert signature(**parts) != signature(**{**parts, **changed})


def test_without_a_secret_nothing_is_signed():
    assert "X-MLflow-Signature" not in headers("id", NOON, "{}")


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_an_id_follows_from_its_parts_and_is_a_uuid(parts):
    assert stable_id(*parts) == stable_id(*parts)
    assert uuid.UUID(stable_id(*parts)).version == 8
    assert stable_id(*parts) != stable_id(*parts, "more")


# --- where a message may lead ------------------------------------------------------------------------

HOSTILE = [
    "http://example.org/x",
    "ftp://example.org/x",
    "file:///etc/passwd",
    "gopher://example.org/",
    "//example.org/x",
    "example.org/x",
    "",
    "   ",
    "https://",
    "https:///x",
    "https://?x",
    "https:/example.org",
    "https:example.org",
    "https://user@example.org/x",
    "https://user:password@example.org/x",
    "https://example.org@169.254.169.254/",
    "https://example.org#@169.254.169.254/",
    "https://example.org\\@169.254.169.254/",
    "https://example.org\\.evil.example/",
    "https:\\\\example.org/x",
    "https://example.org/x#part",
    "https://example.org/a b",
    "https://example.org/\r\nHost: evil.example",
    "https://example.org/\tx",
    "https://example.org/\0",
    "https://exam ple.org/",
    "https://example.org:0/",
    "https://example.org:65536/",
    "https://example.org:999999/",
    "https://example.org:80:80/",
    "https://example.org:-1/",
    "https://example.org:x/",
    "https://.example.org/",
    "https://example..org/",
    "https://-example.org/",
    "https://example-.org/",
    "https://" + "a" * 64 + ".org/",
    "https://" + "a." * 130 + "org/",
    "https://example.org/" + "x" * 2100,
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.1/",
    "https://127.0.1/",
    "https://1.2.3.4.5/",
    "https://256.1.1.1/",
    "https://example.1/",
    "https://[::1/",
    "https://::1/",
    "https://[::1%25eth0]/",
    "https://[::ffff:127.0.0.1.example]/",
    "https://[127.0.0.1]/",
    "https://[example.org]/",
    "https://%31%32%37.0.0.1/",
    "https://example.org%2f@evil.example/",
]


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: repr(url)[:50])
def test_a_url_of_another_form_is_refused_with_its_rule(url):
    with pytest.raises(BadInputError) as caught:
        parse_target(url)
    assert caught.value.reasons[0].field == "url"
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://127.0.0.1/", "127.0.0.1"),
        ("https://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("https://0.0.0.0/", "0.0.0.0"),
        ("https://10.0.0.1/", "10.0.0.1"),
        ("https://172.16.0.1/", "172.16.0.1"),
        ("https://192.168.1.1/", "192.168.1.1"),
        ("https://100.64.0.1/", "100.64.0.1"),
        ("https://192.0.2.1/", "192.0.2.1"),
        ("https://198.18.0.1/", "198.18.0.1"),
        ("https://224.0.0.1/", "224.0.0.1"),
        ("https://240.0.0.1/", "240.0.0.1"),
        ("https://255.255.255.255/", "255.255.255.255"),
        ("https://[::1]/", "::1"),
        ("https://[0:0:0:0:0:0:0:1]/", "::1"),
        ("https://[::]/", "::"),
        ("https://[::127.0.0.1]/", "::7f00:1"),
        ("https://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
        ("https://[::ffff:a9fe:a9fe]/", "::ffff:169.254.169.254"),
        ("https://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1"),
        ("https://[64:ff9b::a9fe:a9fe]/", "64:ff9b::a9fe:a9fe"),
        ("https://[64:ff9b:1::1]/", "64:ff9b:1::1"),
        ("https://[2002:7f00:1::]/", "2002:7f00:1::"),
        ("https://[2001:0:7f00:1::]/", "2001:0:7f00:1::"),
        ("https://[fe80::1]/", "fe80::1"),
        ("https://[fc00::1]/", "fc00::1"),
        ("https://[fec0::1]/", "fec0::1"),
        ("https://[ff02::1]/", "ff02::1"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        ("https://[100::1]/", "100::1"),
        ("https://１２７.０.０.１/", "127.0.0.1"),
        ("https://127。0。0。1/", "127.0.0.1"),
        ("https://127.0.0.1./", "127.0.0.1"),
    ],
)
def test_an_address_that_is_not_public_is_seen_through_every_spelling(url, host):
    target = parse_target(url)
    assert target.host == host
    with pytest.raises(BadInputError, match="non-public IP address"):
        check_addresses(target, [target.host])


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_let_through(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["192.88.99.1", "192.0.0.8", "192.0.0.170", "3fff::1", "3fff:fff::1", "5f00::1", "2002:c058:6301::"],
)
def test_addresses_that_are_set_apart_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "example.org", "127.1", "fe80::1%eth0", "2606:4700::1111%1"])
def test_what_is_no_plain_address_is_not_public(text):
    assert not is_public(text)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_means_the_same_inside_an_ipv6_one(number):
    plain = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    high, low = number >> 16, number & 0xFFFF
    for wrapped in (f"::ffff:{plain}", f"64:ff9b::{high:x}:{low:x}", f"2002:{high:x}:{low:x}::"):
        assert is_public(wrapped) == is_public(plain)


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    target = parse_target("https://example.org/")
    with pytest.raises(BadInputError, match=r"'example\.org' resolves to 10\.0\.0\.1"):
        check_addresses(target, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(BadInputError, match="Cannot resolve"):
        check_addresses(target, [])


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://example.org", "example.org", 443, "/", "example.org"),
        ("HTTPS://Example.ORG:8443/a?b=c", "example.org", 8443, "/a?b=c", "example.org:8443"),
        ("https://example.org?token=1", "example.org", 443, "/?token=1", "example.org"),
        ("https://bücher.example/ü", "xn--bcher-kva.example", 443, "/%C3%BC", "xn--bcher-kva.example"),
        ("https://[2606:4700::1111]:444/x", "2606:4700::1111", 444, "/x", "[2606:4700::1111]:444"),
    ],
)
def test_a_good_url_is_taken_apart_once(url, host, port, path, authority):
    target = parse_target(url)
    assert (target.scheme, target.host, target.port, target.path) == ("https", host, port, path)
    assert target.authority == authority
    assert not target.trusted


@given(st.text(max_size=60))
@such_as("https://a@b/")
def test_whatever_is_let_through_has_one_host_and_a_path_that_cannot_end_a_line(text):
    for url in (text, "https://" + text):
        try:
            target = parse_target(url)
        except BadInputError:
            continue
        assert re.fullmatch(r"[a-z0-9._:-]+", target.host)
        assert re.fullmatch(r"/[!-~]*", target.path)
        assert not target.trusted


def test_only_a_host_that_the_operator_names_may_be_private_or_plain():
    trusted = (check_trusted_host("LOCALHOST"), check_trusted_host("127.0.0.1"), check_trusted_host("[::1]"))
    for url in ("http://localhost:1/", "https://localhost/", "http://127.0.0.1/", "http://[0::1]/"):
        target = parse_target(url, trusted)
        assert check_addresses(target, ["127.0.0.1"]) == ("127.0.0.1",)
    for url in ("http://localhost.example.org/", "http://example.org/", "http://127.0.0.2/"):
        with pytest.raises(BadInputError, match="scheme"):
            parse_target(url, trusted)
    with pytest.raises(BadInputError, match="non-public"):
        check_addresses(parse_target("https://example.org/", trusted), ["127.0.0.1"])


@pytest.mark.parametrize("text", ["", "*", "a b", "http://x", "127.1", "x:80", "[::1]:80", "10.0.0.0/8"])
def test_a_trusted_host_is_a_name_or_an_address_and_nothing_else(text):
    with pytest.raises(BadInputError) as caught:
        check_trusted_host(text)
    assert caught.value.reasons[0].field == "webhook_hosts"


# --- kinds and fields of a hook ----------------------------------------------------------------------


def test_mlflow_knows_its_own_kinds_and_no_other():
    known = {str(kind) for kind in KINDS.values() if kind.is_mlflow}
    assert known == set(MLFLOW_FIELDS)
    assert not known & {
        f"{entity}.{action}" for entity in FURTHER_ACTIONS for action in FURTHER_ACTIONS[entity]
    }
    for entity, actions in MLFLOW_ACTIONS.items():
        for action in actions:
            assert EventKind.of(entity, action) == EventKind.parse(f"{entity}.{action}")


@pytest.mark.parametrize(
    ("entity", "action", "words"),
    [
        ("planet", "created", "Invalid entity 'planet'"),
        ("model_version", "set", "'set' for entity 'model_version'. Valid actions are: ['created']"),
        ("model_version", "transitioned", "Invalid action 'transitioned'"),
        ("promotion", "promoted", "Invalid entity 'promotion'"),
    ],
)  # fmt: skip
def test_what_mlflow_does_not_know_is_refused_in_its_words(entity, action, words):
    with pytest.raises(BadInputError) as caught:
        EventKind.of(entity, action)
    assert words in str(caught.value)
    assert caught.value.reasons[0].field == "events"


@pytest.mark.parametrize("text", ["", "model_version", "model_version.", ".created", "planet.created"])
def test_what_is_no_kind_is_refused(text):
    with pytest.raises(BadInputError, match=r"model_version\.transitioned"):
        EventKind.parse(text)


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "x" * 63])
def test_good_names_are_taken(name):
    assert check_hook_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "-a", "a-", ".", "a b", "x" * 64, "ä", "a\n", 5, None])
def test_bad_names_are_refused(name):
    with pytest.raises(BadInputError, match="Webhook name"):
        check_hook_name(name)


def test_kinds_come_once_and_in_order():
    kinds = [KINDS["prompt.created"], KINDS["model_version.created"], KINDS["prompt.created"]]
    assert [str(kind) for kind in check_kinds(kinds)] == ["model_version.created", "prompt.created"]
    with pytest.raises(BadInputError, match="cannot be empty"):
        check_kinds([])


@pytest.mark.parametrize("secret", ["x" * 1025, "a\0b", "\ud800"])
def test_a_bad_secret_is_refused_and_not_repeated(secret):
    with pytest.raises(BadInputError) as caught:
        check_secret(secret)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("text", ["", "active", "PAUSED", "1"])
def test_a_status_is_active_or_disabled(text):
    with pytest.raises(BadInputError, match="ACTIVE or DISABLED"):
        HookStatus.parse(text)


# --- what is told ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_an_example_has_the_fields_of_a_true_message(kind):
    fields = set(example(kind))
    assert fields
    if kind.is_mlflow:
        assert fields == MLFLOW_FIELDS[str(kind)]
    elif kind.entity == "promotion":
        verb = {"requested": "request"}.get(kind.action, kind.action)
        assert fields == set(told(f"promotion.{verb}")[str(kind)])
    else:
        assert fields == set(_further(kind.entity.startswith("prompt"))[str(kind)])


def _further(prompt):
    found = {}
    for verb, before, after in (
        ("model.annotate", {"description": "a"}, {"description": "b"}),
        ("model.rename", {"known_as": "a"}, {"known_as": "b"}),
        ("model.delete", {"known_as": "a"}, None),
        ("version.annotate", {"description": "a"}, {"description": "b"}),
        ("version.delete", {"number": 1}, None),
        ("stage.demote", {"stage": "Staging"}, {"target": "Development"}),
    ):
        found |= told(verb, before, after, is_prompt=prompt)
    return found


def test_a_new_model_is_told_as_mlflow_tells_it():
    after = {"name": MODEL, "tags": {"k": "v"}, "description": "d", "known_as": "fraud.transactions"}
    data = {"name": "fraud.transactions", "tags": {"k": "v"}, "description": "d"}
    assert told("model.create", None, after) == {"registered_model.created": data}
    prompt = after | {"tags": {"k": "v", "mlflow.prompt.is_prompt": "true", "_mlflow_prompt_type": "text"}}
    assert told("model.create", None, prompt, is_prompt=True) == {"prompt.created": data}


def test_a_new_version_is_told_as_mlflow_tells_it():
    one = replace(version(), tags={"k": "v"}, description="d")
    source = {"source": {"uri": "runs:/r/model", "run_id": "r"}}
    assert told("version.register", None, source, version=one) == {
        "model_version.created": {
            "name": "fraud.transactions",
            "version": "3",
            "source": "runs:/r/model",
            "run_id": "r",
            "tags": {"k": "v"},
            "description": "d",
        }
    }
    bare = told("version.register", None, {}, version=replace(one, tags={}, description=""))
    assert bare["model_version.created"]["run_id"] is None
    assert bare["model_version.created"]["description"] is None
    assert bare["model_version.created"]["source"].startswith("mlflow-artifacts:/")


def test_a_new_prompt_version_tells_its_template_and_hides_what_is_internal():
    tags = {"mlflow.prompt.text": "Hello {{name}}", "mlflow.prompt.is_prompt": "true", "k": "v"}
    found = told("version.register", None, {}, version=replace(version(), tags=tags), is_prompt=True)
    assert found == {
        "prompt_version.created": {
            "name": "fraud.transactions",
            "version": "3",
            "template": "Hello {{name}}",
            "tags": {"k": "v"},
            "description": None,
        }
    }


def test_each_tag_that_changed_is_told_and_no_other():
    before = {"tags": {"same": "1", "other": "1", "gone": "1"}}
    after = {"tags": {"same": "1", "other": "2", "new": "3"}}
    changes = happenings(event("version.annotate", before=before, after=after), about())
    tags = [(str(each.kind), each.data["key"], each.data.get("value")) for each in changes[:-1]]
    assert tags == [
        ("model_version_tag.deleted", "gone", None),
        ("model_version_tag.set", "new", "3"),
        ("model_version_tag.set", "other", "2"),
    ]
    assert str(changes[-1].kind) == "model_version.updated"
    assert changes[-1].data["tags"] == after["tags"]


def test_what_changed_nothing_tells_nothing():
    same = {"description": "d", "tags": {}}
    assert told("version.annotate", same, same) == {}
    assert told("model.annotate", same, same) == {}


def test_a_move_to_a_stage_also_moves_the_names_of_the_stage():
    names = {Stage.PRODUCTION: ("production", "champion"), Stage.STAGING: ("staging",)}
    found = happenings(
        event("stage.promote", before={"stage": "Staging"}, after={"target": "Production", "number": 3}),
        about(stage_names=names, vacant=frozenset({Stage.STAGING})),
    )
    assert [(str(each.kind), each.data.get("alias")) for each in found] == [
        ("model_version.transitioned", None),
        ("model_version_alias.created", "production"),
        ("model_version_alias.created", "champion"),
        ("model_version_alias.deleted", "staging"),
    ]
    moved = found[0].data
    assert (moved["from_stage"], moved["to_stage"], moved["verb"]) == ("Staging", "Production", "promote")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
SIDES = st.none() | st.dictionaries(
    st.sampled_from(["tags", "number", "stage", "target", "verdicts", "source", "known_as", "promotion"]),
    VALUES,
)
VERBS = [
    *("model.create", "model.annotate", "model.rename", "model.delete", "run.create"),
    *("version.register", "version.annotate", "version.delete", "alias.set", "alias.remove"),
    *("stage.promote", "stage.odd", "promotion.request", "promotion.awaiting_approval"),
    *("promotion.refused", "promotion.promoted"),
]


@given(st.sampled_from(VERBS), SIDES, SIDES, st.booleans())
def test_no_event_can_hold_up_those_behind_it(verb, before, after, prompt):
    one = event(verb, f"{MODEL}@x", before, after)
    found = happenings(one, about(is_prompt=prompt, number=None))
    assert bool(found) <= is_told(verb)
    for each in found:
        assert str(each.kind) in KINDS
        body = json.loads(message(each.kind, one.at, each.data))
        assert set(body) == {"entity", "action", "timestamp", "data"}
        assert datetime.fromisoformat(body["timestamp"]) == NOON


# --- sending again -----------------------------------------------------------------------------------


def delivery(attempts):
    kind = KINDS["model_version.created"]
    sending = DeliveryState.SENDING
    return Delivery("d", "h", kind, 1, "{}", NOON, NOON, state=sending, attempts=attempts, lease_until=NOON)


ATTEMPTS = st.builds(
    Attempt,
    status=st.none() | st.integers(100, 599),
    problem=st.text(max_size=5),
    final=st.booleans(),
    retry_after_s=st.integers(-5, 10**9),
)


@given(st.integers(1, MAX_ATTEMPTS + 2), ATTEMPTS)
def test_a_message_ends_delivered_or_failed_or_waits_no_longer_than_five_minutes(attempts, attempt):
    after = after_attempt(delivery(attempts), attempt, NOON)
    assert after.lease_until is None
    assert (after.state is DeliveryState.DELIVERED) == attempt.arrived
    if after.state is DeliveryState.WAITING:
        assert not attempt.final
        assert attempts < MAX_ATTEMPTS
        assert PAUSES[attempts - 1] <= after.due_at - NOON <= max(MAX_PAUSE, PAUSES[-1])
        assert after.ended_at is None
    else:
        assert after.ended_at == NOON
    assert bool(after.problem) != attempt.arrived


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (None, True),
        (429, True),
        (500, True),
        (503, True),
        (301, False),
        (400, False),
        (404, False),
        (410, False),
    ],
)
def test_what_may_pass_is_tried_again_and_what_will_not_is_not(status, again):
    after = after_attempt(delivery(1), Attempt(status), NOON)
    assert (after.state is DeliveryState.WAITING) is again


def test_the_pauses_are_one_five_and_twenty_five_seconds():
    pauses = [
        (after_attempt(delivery(number), Attempt(500), NOON).due_at - NOON).total_seconds()
        for number in (1, 2, 3)
    ]
    assert pauses == [1, 5, 25]
    assert after_attempt(delivery(4), Attempt(500), NOON).state is DeliveryState.FAILED
    asked = after_attempt(delivery(1), Attempt(429, retry_after_s=40), NOON)
    assert asked.due_at - NOON == timedelta(seconds=40)


def test_a_redirect_is_no_delivery_and_says_why():
    after = after_attempt(delivery(1), Attempt(302), NOON)
    assert after.state is DeliveryState.FAILED
    assert after.problem == "answered 302; redirects are not followed"
