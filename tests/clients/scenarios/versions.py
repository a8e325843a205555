"""Versions: made from every kind of source, described, tagged, copied, deleted; every refusal."""

from pathlib import Path

import mlflow
from mlflow import MlflowClient
from recording import Story, version

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("versions")
client = MlflowClient()
home = story.experiment("home")
run = client.create_run(home)
stranger = client.create_run(home)
one_run = run.info.run_id
for each in (run, stranger):
    client.log_text(each.info.run_id, "weights", "model/MLmodel")
    client.log_text(each.info.run_id, "more", "model/data/weights.txt")
SOURCE = f"{run.info.artifact_uri}/model"
one = f"{story.name}-one"
client.create_registered_model(one)

made = client.create_model_version(
    one, SOURCE, one_run, {"a": "1", "ü": "ä"}, run_link="https://example.org/run", description="about"
)
story.note("made", version(made))
story.note("got", version(client.get_model_version(one, "1")))
story.note("by integer", version(client.get_model_version(one, 1))["number"])
story.attempt(
    "from run", lambda: version(client.create_model_version(one, f"runs:/{one_run}/model", one_run))
)
story.attempt("place from run", client.get_model_version_download_uri, one, "2")
story.attempt("place", client.get_model_version_download_uri, one, "1")
target = mlflow.artifacts.download_artifacts(f"models:/{one}/1")
with Path(f"{target}/data/weights.txt").open() as file:
    story.note("fetched", file.read())
story.attempt("fetch from run", lambda: bool(mlflow.artifacts.download_artifacts(f"models:/{one}/2")))

SOURCES = {
    "other run's": (f"runs:/{one_run}/model", stranger.info.run_id),
    "run without id": (f"runs:/{one_run}/model", None),
    "missing run": ("runs:/" + "0" * 32 + "/model", "0" * 32),
    "missing path": (f"runs:/{one_run}/none", one_run),
    "run host": (f"runs://host/{one_run}/model", one_run),
    "artifacts without run": (SOURCE, None),
    "artifacts of another": (f"{stranger.info.artifact_uri}/model", one_run),
    "artifacts missing path": (f"{run.info.artifact_uri}/none", one_run),
    "artifacts host": ("mlflow-artifacts://example.org/x", one_run),
    "climbing": (f"{run.info.artifact_uri}/../../x", one_run),
    "climbing encoded": (f"{run.info.artifact_uri}/%2e%2e/x", one_run),
    "climbing twice encoded": (f"{run.info.artifact_uri}/%252e%252e/x", one_run),
    "climbing in query": (f"{SOURCE}?a=../b", one_run),
    "file": ("file:///etc", None),
    "file host": ("file://example.org/etc", None),
    "path": ("/etc/passwd", None),
    "path with run": ("/etc/passwd", one_run),
    "relative": ("model", None),
    "http": ("http://127.0.0.1/x", None),
    "https": ("https://example.org/x", None),
    "ftp": ("ftp://example.org/x", None),
    "dbfs": ("dbfs:/x", None),
    "s3": ("s3://bucket/x", None),
    "s3 climbing": ("s3://bucket/../x", None),
    "gs": ("gs://bucket/x", None),
    "unknown scheme": ("foo://x/y", None),
    "model": (f"models:/{one}/1", None),
    "missing model": (f"models:/{story.name}-none/1", None),
    "missing version": (f"models:/{one}/99", None),
    "logged model": ("models:/m-" + "0" * 32, None),
    "prompt": ("dummy-source", None),
    "empty": ("", None),
    "spaces": ("  ", None),
}
for index, (key, (source, run_id)) in enumerate(SOURCES.items()):
    other = f"{story.name}-source-{index}"
    client.create_registered_model(other)
    story.attempt(
        f"source {key}",
        lambda other=other, source=source, run_id=run_id: version(
            client.create_model_version(other, source, run_id)
        ),
    )
story.attempt("of unknown model", client.create_model_version, f"{story.name}-none", SOURCE, one_run)

client.update_model_version(one, "1", "changed")
story.note("described", client.get_model_version(one, "1").description)
story.ask(
    "update without description",
    "PATCH",
    "/api/2.0/mlflow/model-versions/update",
    keep="status",
    json={"name": one, "version": "1"},
)
client.update_model_version(one, "1", "")
story.note("description erased", client.get_model_version(one, "1").description)
client.set_model_version_tag(one, "1", "a", "2")
client.set_model_version_tag(one, "1", "empty", "")
client.delete_model_version_tag(one, "1", "ü")
story.attempt("delete missing tag", client.delete_model_version_tag, one, "1", "none")
story.attempt("tag by stage", client.set_model_version_tag, one, key="by stage", value="x", stage="None")
story.attempt("long tag key", client.set_model_version_tag, one, "1", "k" * 251, "v")
story.attempt("long tag value", client.set_model_version_tag, one, "1", "long", "v" * 100001)
story.note("tagged", version(client.get_model_version(one, "1")))

NUMBERS = {"unknown": "99", "word": "abc", "negative": "-1", "zero": "0", "empty": ""}
for key, number in NUMBERS.items():
    story.attempt(f"get {key}", client.get_model_version, one, number)
    story.attempt(f"tag {key}", client.set_model_version_tag, one, number, "k", "v")
    story.attempt(f"delete tag {key}", client.delete_model_version_tag, one, number, "k")
    story.attempt(f"describe {key}", client.update_model_version, one, number, "x")
    story.attempt(f"place {key}", client.get_model_version_download_uri, one, number)
    story.attempt(f"delete {key}", client.delete_model_version, one, number)
story.attempt("get of unknown model", client.get_model_version, f"{story.name}-none", "1")
story.attempt("get semver", lambda: client.get_model_version(one, "1.0.0").version)

story.attempt("copy", lambda: version(client.copy_model_version(f"models:/{one}/1", f"{story.name}-copy")))
story.attempt(
    "copy again", lambda: version(client.copy_model_version(f"models:/{one}/1", f"{story.name}-copy"))
)
story.attempt(
    "copy of copy",
    lambda: version(client.copy_model_version(f"models:/{story.name}-copy/1", f"{story.name}-copy2")),
)
with Path(
    mlflow.artifacts.download_artifacts(f"models:/{story.name}-copy2/1/data/weights.txt")
).open() as file:
    story.note("fetched copy", file.read())
story.attempt("copy of unknown", client.copy_model_version, f"models:/{one}/99", f"{story.name}-copy")
story.attempt(
    "copy of no version", client.copy_model_version, f"models:/{one}/Production", f"{story.name}-copy"
)

client.set_registered_model_alias(one, "live", "1")
client.create_model_version(one, SOURCE, one_run)
story.attempt("delete", client.delete_model_version, one, "3")
story.attempt("get deleted", client.get_model_version, one, "3")
story.attempt("delete again", client.delete_model_version, one, "3")
story.attempt("tag deleted", client.set_model_version_tag, one, "3", "k", "v")
story.attempt("describe deleted", client.update_model_version, one, "3", "x")
story.attempt("alias deleted", client.set_registered_model_alias, one, "x", "3")
story.note("next number", str(client.create_model_version(one, SOURCE, one_run).version))
story.note("left", sorted(str(each.version) for each in client.search_model_versions(f"name = '{one}'")))
client.delete_run(one_run)
story.attempt(
    "source of a deleted run", lambda: version(client.create_model_version(one, SOURCE, one_run))["number"]
)
with Path(mlflow.artifacts.download_artifacts(f"models:/{one}@live/data/weights.txt")).open() as file:
    story.note("fetched after its run was deleted", file.read())
VERSIONS = "/api/2.0/mlflow/model-versions/"
story.ask("no source", "POST", f"{VERSIONS}create", json={"name": one})
story.ask("no name", "POST", f"{VERSIONS}create", json={"source": SOURCE})
story.ask("integer version", "PATCH", f"{VERSIONS}update", json={"name": one, "version": 1})
story.ask("get no version", "GET", f"{VERSIONS}get?name={one}")
story.tell()
