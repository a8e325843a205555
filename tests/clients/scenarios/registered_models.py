"""Registered models: made, described, tagged, renamed, deleted; aliases; every refusal."""

from mlflow import MlflowClient
from recording import Story, model

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("registered-models")
client = MlflowClient()
home = story.experiment("home")
run = client.create_run(home)
client.log_text(run.info.run_id, "weights", "model/MLmodel")
SOURCE = f"{run.info.artifact_uri}/model"
one = f"{story.name}-one"


def version(name, **more):
    return client.create_model_version(name, SOURCE, run.info.run_id, **more)


story.note("created", model(client.create_registered_model(one, {"a": "1", "ü": "ä 🎉"}, "about *it*")))
story.note("got", model(client.get_registered_model(one)))
story.attempt("again", client.create_registered_model, one)
NAMES = {
    "empty": "",
    "blank": "  ",
    "slash": f"{story.name}/x y",
    "colon": f"{story.name}:x",
    "dots": "..",
    "number": 5,
}
for key, given in NAMES.items():
    story.attempt(f"create {key}", lambda given=given: model(client.create_registered_model(given)))
for given in (
    "Großes Modell ü",
    "with space",
    "UPPER",
    "a.b",
    "a_b-c",
    "emoji 🎉",
    "x" * 200,
    "%41",
    "a&b=c?d",
):
    name = f"{story.name} {given}"
    story.attempt(f"create {given[:20]}", lambda name=name: client.create_registered_model(name).name)
    story.attempt(f"get {given[:20]}", lambda name=name: client.get_registered_model(name).name)
    story.attempt(f"version of {given[:20]}", lambda name=name: str(version(name).version))
    story.attempt(f"alias of {given[:20]}", client.set_registered_model_alias, name, "live", "1")
    story.attempt(f"delete {given[:20]}", client.delete_registered_model, name)
client.update_registered_model(one, "changed")
story.note("described", client.get_registered_model(one).description)
client.update_registered_model(one, "")
story.note("description erased", client.get_registered_model(one).description)

client.set_registered_model_tag(one, "a", "2")
client.set_registered_model_tag(one, "empty", "")
client.delete_registered_model_tag(one, "ü")
story.attempt("delete missing tag", client.delete_registered_model_tag, one, "none")
story.attempt("long tag key", client.set_registered_model_tag, one, "k" * 251, "v")
story.attempt("odd tag key", client.set_registered_model_tag, one, "../k", "v")
story.attempt("long tag value", client.set_registered_model_tag, one, "long", "v" * 100001)
story.attempt("tag of unknown", client.set_registered_model_tag, f"{story.name}-none", "k", "v")
story.attempt("delete tag of unknown", client.delete_registered_model_tag, f"{story.name}-none", "k")
story.note("tagged", model(client.get_registered_model(one)))

for _ in range(3):
    version(one)
ALIASES = ("champ", "Champ", "Über", "a-b_c", "x" * 255, "9", "prod")
for alias in ALIASES:
    story.attempt(f"alias {alias[:9]}", client.set_registered_model_alias, one, alias, "2")
BAD = ("a.b", "a b", "a/b", "a@b", "", "latest", "LATEST", "v1", "V23", "x" * 256)
for alias in BAD:
    story.attempt(f"bad alias {alias[:9]!r}", client.set_registered_model_alias, one, alias, "1")
client.set_registered_model_alias(one, "champ", "3")
story.attempt("alias of an integer", client.set_registered_model_alias, one, "whole", 1)
story.attempt("alias of unknown version", client.set_registered_model_alias, one, "x", "99")
story.attempt("alias of no number", client.set_registered_model_alias, one, "x", "abc")
story.attempt("alias of unknown model", client.set_registered_model_alias, f"{story.name}-none", "x", "1")
story.note("aliased", model(client.get_registered_model(one)))
for alias in ("champ", "Champ", "none", "latest", "CHAMP"):
    story.attempt(
        f"by alias {alias}", lambda alias=alias: client.get_model_version_by_alias(one, alias).version
    )
story.attempt("by alias of unknown model", client.get_model_version_by_alias, f"{story.name}-none", "x")
client.delete_registered_model_alias(one, "prod")
story.attempt("delete missing alias", client.delete_registered_model_alias, one, "prod")
story.attempt("delete alias of unknown", client.delete_registered_model_alias, f"{story.name}-none", "prod")

two = f"{story.name}-two"
client.create_registered_model(two)
story.attempt("rename to taken", client.rename_registered_model, one, two)
story.attempt("rename to empty", client.rename_registered_model, one, "")
story.attempt("rename to slash", client.rename_registered_model, one, "a/b c")
story.attempt("rename unknown", client.rename_registered_model, f"{story.name}-none", f"{story.name}-x")
three = f"{story.name}-three"
story.attempt("rename", client.rename_registered_model, one, three)
story.attempt("old name", client.get_registered_model, one)
story.note("new name", model(client.get_registered_model(three)))
story.note("versions moved", [each.version for each in client.search_model_versions(f"name = '{three}'")])
story.note("alias moved", client.get_model_version_by_alias(three, "champ").version)
story.attempt("old name taken anew", lambda: model(client.create_registered_model(one)))
story.attempt("update unknown", client.update_registered_model, f"{story.name}-none", "x")
story.attempt("delete unknown", client.delete_registered_model, f"{story.name}-none")
story.attempt("delete", client.delete_registered_model, three)
story.attempt("get deleted", client.get_registered_model, three)
story.attempt("version of deleted", client.get_model_version, three, "1")
story.note("versions of deleted", len(client.search_model_versions(f"name = '{three}'")))
client.create_registered_model(three)
story.note("number after making it anew", str(version(three).version))

MODELS = "/api/2.0/mlflow/registered-models/"
story.ask("no name", "POST", f"{MODELS}create", json={})
story.ask("empty name", "POST", f"{MODELS}create", json={"name": ""})
story.ask("number name", "POST", f"{MODELS}create", json={"name": 1})
story.ask("get no name", "GET", f"{MODELS}get")
story.ask("alias without version", "POST", f"{MODELS}alias", json={"name": three, "alias": "a"})
story.ask("alias of int", "POST", f"{MODELS}alias", json={"name": three, "alias": "a", "version": 1})
story.ask("tag without value", "POST", f"{MODELS}set-tag", json={"name": three, "key": "k"})
story.ask("update without description", "PATCH", f"{MODELS}update", json={"name": three})
story.tell()
