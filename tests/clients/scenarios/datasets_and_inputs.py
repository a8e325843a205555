"""Datasets: logged as inputs of runs with context and tags, found again, and filtered by."""

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag
from recording import Story

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("datasets")
client = MlflowClient()
home = story.experiment("home")


def inputs(run_id):
    found = client.get_run(run_id).inputs.dataset_inputs
    shown = [
        {
            "name": each.dataset.name,
            "digest": each.dataset.digest,
            "source_type": each.dataset.source_type,
            "source": each.dataset.source,
            "schema": each.dataset.schema,
            "profile": each.dataset.profile,
            "tags": sorted((tag.key, tag.value) for tag in each.tags),
        }
        for each in found
    ]
    return sorted(shown, key=lambda each: (each["name"], each["digest"]))


table = pd.DataFrame({"amount": [1.0, 2.5], "country": ["de", "fr"]})
with mlflow.start_run(experiment_id=home, run_name="one") as one:
    train = mlflow.data.from_pandas(table, source="https://example.org/t.csv", name="train", targets="amount")
    mlflow.log_input(train, context="training", tags={"split": "a", "übung": "ü"})
    mlflow.log_input(mlflow.data.from_numpy(table[["amount"]].to_numpy(), name="array"), context="eval")
with mlflow.start_run(experiment_id=home, run_name="two") as two:
    mlflow.log_input(train, context="testing")
with mlflow.start_run(experiment_id=home, run_name="three") as three:
    pass
story.note("one", inputs(one.info.run_id))
story.note("two", inputs(two.info.run_id))
story.note("three", inputs(three.info.run_id))


def plain(name="d", digest="1", source="s", source_type="local", tags=()):
    dataset = Dataset(name=name, digest=digest, source_type=source_type, source=source)
    return DatasetInput(dataset, [InputTag(key, value) for key, value in tags])


three_id = three.info.run_id
GIVEN = {
    "plain": [plain()],
    "again": [plain()],
    "again with a tag": [plain(tags=[("mlflow.data.context", "late")])],
    "same name, other digest": [plain(digest="2")],
    "same digest, other source": [plain(source="elsewhere")],
    "two": [plain("e"), plain("f", tags=[("a", "b")])],
    "nothing": [],
    "no name": [plain("")],
    "no digest": [plain(digest="")],
    "long name": [plain("n" * 501)],
    "long digest": [plain(digest="d" * 37)],
    "long source": [plain(source="s" * 65536)],
    "long tag key": [plain(tags=[("k" * 256, "v")])],
    "long tag value": [plain(tags=[("k", "v" * 501)])],
}
for key, given in GIVEN.items():
    story.attempt(f"log {key}", client.log_inputs, three_id, given)
story.attempt("log into unknown", client.log_inputs, "0" * 32, [plain()])
story.note("three in the end", inputs(three_id))
story.ask(
    "no dataset", "POST", "/api/2.0/mlflow/runs/log-inputs", json={"run_id": three_id, "datasets": [{}]}
)
story.ask("no run", "POST", "/api/2.0/mlflow/runs/log-inputs", json={"datasets": []})

FILTERS = (
    "datasets.name = 'train'",
    "dataset.name = 'train'",
    "datasets.name != 'train'",
    "datasets.name LIKE 'tr%'",
    "datasets.name ILIKE 'TR%'",
    "datasets.name IN ('train', 'array')",
    "datasets.name NOT IN ('train')",
    f"datasets.digest = '{train.digest}'",
    "datasets.context = 'training'",
    "datasets.context = 'testing'",
    "dataset.context LIKE '%ing'",
    "datasets.context IN ('eval')",
    "datasets.name = 'train' AND datasets.context = 'testing'",
    "datasets.name = 'array' AND datasets.context = 'training'",
    "datasets.name = 'train' AND run_name = 'one'",
    "datasets.name = 5",
    "datasets.name > 'a'",
    "datasets.source = 's'",
)
for asked in FILTERS:
    story.attempt(
        f"filter {asked}",
        lambda asked=asked: sorted(each.info.run_name for each in client.search_runs([home], asked)),
    )
known = story.ask(
    "known datasets",
    "POST",
    "/ajax-api/2.0/mlflow/experiments/search-datasets",
    keep="status",
    json={"experiment_ids": [home]},
)
found = known.json().get("dataset_summaries", [])
story.note("known", sorted([each["name"], each["digest"], each.get("context", "")] for each in found))
story.tell()
