"""Webhooks: made, found, changed, deleted; and every address and event that is refused."""

from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookStatus
from recording import Story, wait_for_tick

CLIENTS = ("3.17", "3.18")
story = Story("webhooks")
client = MlflowClient()
URL = "https://1.1.1.1/hook"  # a public address that needs no look-up; nothing is sent to it


def shown(found):
    return {
        "id": found.webhook_id,
        "name": found.name,
        "url": found.url,
        "events": sorted(str(each) for each in found.events),
        "description": found.description,
        "status": str(found.status),
        "created": found.creation_timestamp,
        "updated": found.last_updated_timestamp,
        "secret": found.secret,
    }


one = client.create_webhook(
    f"{story.name}-one", URL, ["registered_model.created"], "about", "secret", "DISABLED"
)
story.note("made", shown(one))
wait_for_tick()
events = ["model_version.created", "model_version_tag.set", "model_version_alias.deleted", "prompt.created"]
two = client.create_webhook(f"{story.name}-two", URL, events, status=WebhookStatus.DISABLED)
story.note("two", shown(two))
story.note("got", shown(client.get_webhook(one.webhook_id)))


def mine():
    found = client.list_webhooks(max_results=100)
    return [each.name for each in found if each.name.startswith(story.name)]


story.note("listed", mine())
page = client.list_webhooks(max_results=1)
story.note("page", [len(page), bool(page.token)])
changed = client.update_webhook(
    one.webhook_id, name=f"{story.name}-new", description="other", events=["prompt.created"]
)
story.note("changed", shown(changed))
story.note("changed url", shown(client.update_webhook(one.webhook_id, url=f"{URL}/2")))
for key, url in {
    "http": "http://1.1.1.1/hook",
    "loopback": "https://127.0.0.1/hook",
    "local name": "https://localhost/hook",
    "metadata": "https://169.254.169.254/latest",
    "private": "https://10.0.0.1/x",
    "mapped": "https://[::ffff:127.0.0.1]/x",
    "six": "https://[::1]/x",
    "decimal": "https://2130706433/x",
    "octal": "https://0177.0.0.1/x",
    "file": "file:///etc/passwd",
    "no host": "https:///x",
    "empty": "",
    "words": "not a url",
}.items():
    story.attempt(
        f"url {key}",
        lambda url=url: bool(
            client.create_webhook(f"{story.name}-bad", url, ["prompt.created"], status="DISABLED")
        ),
    )
    story.attempt(f"change url {key}", lambda url=url: bool(client.update_webhook(two.webhook_id, url=url)))
for key, given in {"empty": "", "blank": "  ", "dots": "../x", "long": "x" * 257, "odd": "a b!"}.items():
    story.attempt(
        f"name {key}",
        lambda given=given: bool(client.create_webhook(given, URL, ["prompt.created"], status="DISABLED")),
    )
story.attempt("no events", client.create_webhook, f"{story.name}-bad", URL, [])
WEBHOOKS = "/api/2.0/mlflow/webhooks"
for key, event in {
    "wrong pair": {"entity": "MODEL_VERSION", "action": "SET"},
    "unknown entity": {"entity": "PLANET", "action": "CREATED"},
    "unknown action": {"entity": "PROMPT", "action": "EATEN"},
    "no action": {"entity": "PROMPT"},
}.items():
    body = {"name": f"{story.name}-raw", "url": URL, "events": [event], "status": "DISABLED"}
    story.ask(f"event {key}", "POST", WEBHOOKS, json=body)
story.ask("no url", "POST", WEBHOOKS, json={"name": "x", "events": []})
unknown = "00000000-0000-0000-0000-000000000000"
story.attempt("get unknown", client.get_webhook, unknown)
story.attempt("change unknown", client.update_webhook, unknown, name="abc")
story.attempt("delete unknown", client.delete_webhook, unknown)
story.attempt("get odd", client.get_webhook, "abc")
story.attempt("delete", client.delete_webhook, one.webhook_id)
story.attempt("get deleted", client.get_webhook, one.webhook_id)
story.attempt("delete again", client.delete_webhook, one.webhook_id)
client.delete_webhook(two.webhook_id)
for each in client.list_webhooks(max_results=100):
    if each.name.startswith(story.name):
        client.delete_webhook(each.webhook_id)
story.note("left", mine())
story.tell()
