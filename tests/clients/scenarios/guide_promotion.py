"""The guide's promotion example, word for word: for a run that does not exist, then for one that does."""

import os
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import mlflow
from recording import Story
from training import X_test, trained

CLIENTS = ("3.17", "3.18", "2.22")
SNIPPET = (Path(__file__).parents[1] / "guide" / "promotion.txt").read_text("utf-8")
NAME = "fraud-detector"

story = Story("guide-promotion")
client = mlflow.MlflowClient()


def become(own, wanted):
    """Give a run the id of the guide's example: servers give ids, and the example must stay as it is.

    And give the example's model another name afterwards, which no client may free for another model.
    """
    with closing(sqlite3.connect(os.environ["STORY_DATABASE"], timeout=30)) as database, database:
        tables = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            columns = [row[1] for row in database.execute(f'pragma table_info("{table}")')]
            for column in columns:
                change = f'update "{table}" set "{column}" = ? where "{column}" = ?'
                database.execute(change, (wanted, own))


def run_snippet():
    exec(compile(SNIPPET, "promotion.txt", "exec"), {})


if not client.search_registered_models(f"name = '{NAME}'"):
    client.create_registered_model(NAME)

story.attempt("of a missing run", run_snippet)
story.note("after a missing run", {"aliases": sorted(client.get_registered_model(NAME).aliases)})

fitted = trained()
with mlflow.start_run() as run:
    mlflow.sklearn.log_model(fitted, "model")
become(run.info.run_id, "abc123")
story.attempt("of a run", run_snippet)
found = client.get_registered_model(NAME)
aliased = client.get_model_version_by_alias(NAME, "production")
story.note("aliases agree", {alias: number == aliased.version for alias, number in found.aliases.items()})
story.note("names", sorted(found.aliases))
story.note("source", [aliased.source, aliased.run_id, aliased.status])


def predictions():
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@production")
    return [int(each) for each in loaded.predict(X_test)] == [int(each) for each in fitted.predict(X_test)]


story.attempt("load by alias", predictions)
for alias in list(found.aliases):
    client.delete_registered_model_alias(NAME, alias)
story.note("in the end", sorted(client.get_registered_model(NAME).aliases))
# The next client begins where this one did: without the example's run, and without its model.
become("abc123", uuid.uuid4().hex)
become(NAME, f"{story.name}-{uuid.uuid4().hex}")
story.tell()
