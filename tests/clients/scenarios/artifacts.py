"""Artifacts: files and folders with every kind of name, texts, documents, tables; list, fetch, delete."""

from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts, load_dict, load_text
from recording import Story

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("artifacts")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)
run = client.create_run(home, run_name="files")
one = run.info.run_id


def listed(path=None, run_id=one):
    found = client.list_artifacts(run_id, path)
    return sorted([each.path, each.is_dir, each.file_size] for each in found)


story.note("empty", listed())
Path("plain.txt").write_text("hello")
Path("empty.txt").write_text("")
Path("with space & more.txt").write_text("space")
Path("übung 日本 🎉.txt").write_text("unicode")
Path("percent%20sign#hash+plus.txt").write_text("odd")
Path("big.bin").write_bytes(bytes(range(256)) * 8000)
for path in sorted(Path().glob("*.*")):
    if path.name not in ("told", "errors"):
        story.attempt(f"log {path.name}", client.log_artifact, one, str(path))
        story.attempt(f"log {path.name} in a folder", client.log_artifact, one, str(path), "deep/er folder/ü")
story.note("listed", listed())
story.note("listed folder", listed("deep"))
story.note("listed deep folder", listed("deep/er folder/ü"))
story.note("listed file", listed("plain.txt"))
story.note("listed unknown", listed("none"))
tree = Path("tree")
(tree / "a" / "b").mkdir(parents=True)
(tree / "top.txt").write_text("top")
(tree / "a" / "middle.txt").write_text("middle")
(tree / "a" / "b" / "leaf.txt").write_text("leaf")
client.log_artifacts(one, str(tree), "tree")
client.log_artifacts(one, str(tree))
story.note("tree", [listed("tree"), listed("tree/a"), listed("a/b")])

# As clients before 3.0 call the images that they log; the clients decode once more what is listed to them.
for number, step in enumerate((1, 41, 255)):
    image = Path(f"k%step%{step}%timestamp%1795000000000%g{number}.txt")
    image.write_text(f"image {step}")
    story.attempt(f"log image {step}", client.log_artifact, one, str(image), "images")
story.note("images", listed("images"))
fetched = download_artifacts(run_id=one, artifact_path="images")
story.note("images fetched", sorted([each.name, each.read_text()] for each in Path(fetched).iterdir()))

client.log_text(one, "some text ü", "texts/a.txt")
client.log_dict(one, {"a": [1, {"b": None}]}, "texts/a.json")
client.log_dict(one, {"a": 1}, "texts/a.yaml")
client.log_table(one, pd.DataFrame({"q": ["x", "y"], "n": [1, 2]}), "table.json")
client.log_table(one, {"q": ["z"], "n": [3]}, "table.json")
root = run.info.artifact_uri
story.note("text", load_text(f"{root}/texts/a.txt"))
story.note("dict", [load_dict(f"{root}/texts/a.json"), load_text(f"{root}/texts/a.yaml")])
table = mlflow.load_table("table.json", run_ids=[one])
story.note("table", table[["q", "n"]].to_dict("records"))
story.note("table tag", client.get_run(one).data.tags.get("mlflow.loggedArtifacts"))
story.note("texts", listed("texts"))
client.log_text(one, "written over", "texts/a.txt")
story.note("overwritten", load_text(f"{root}/texts/a.txt"))

target = Path("fetched")
target.mkdir()
client.download_artifacts(one, "", str(target))
got = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
story.note("fetched all", got)
story.note("fetched bytes", (target / "big.bin").read_bytes() == Path("big.bin").read_bytes())
story.note("fetched unicode", (target / "übung 日本 🎉.txt").read_text())
story.note(
    "fetched folder",
    sorted(path.name for path in Path(client.download_artifacts(one, "deep/er folder")).rglob("*")),
)
story.note("fetched by uri", Path(download_artifacts(f"runs:/{one}/tree/a/middle.txt")).read_text())
story.note("listed by uri", sorted(each.path for each in list_artifacts(f"runs:/{one}/tree")))
story.attempt("fetch unknown", client.download_artifacts, one, "none.txt")
story.attempt("fetch of unknown run", client.download_artifacts, "0" * 32, "none.txt")
story.attempt("list of unknown run", client.list_artifacts, "0" * 32)
for path in ("../x", "/abs", "a/../../x", "a/../b"):
    story.attempt(f"list {path}", lambda path=path: listed(path))
    story.attempt(f"log to {path}", client.log_artifact, one, "plain.txt", path)

repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(root)
story.attempt("delete file", repository.delete_artifacts, "plain.txt")
story.attempt("delete folder", repository.delete_artifacts, "tree")
story.attempt("delete unknown", repository.delete_artifacts, "none.txt")
story.note("after deleting", [listed(), listed("tree")])
client.delete_run(one)
story.attempt("list of a deleted run", lambda: len(listed()))
story.attempt("log to a deleted run", client.log_text, one, "late", "late.txt")
story.tell()
