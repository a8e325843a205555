"""The guide's lineage example, word for word."""

from pathlib import Path

import mlflow
from recording import Story, run
from training import X_test, trained

CLIENTS = ("3.17", "3.18", "2.22")
SNIPPET = (Path(__file__).parents[1] / "guide" / "provenance.txt").read_text("utf-8")

story = Story("guide-provenance")
story.experiment("all")
mlflow.set_experiment(f"{story.name}-all")
Path("requirements.txt").write_text("scikit-learn\n")
model = trained()
predictions = model.predict(X_test)

exec(compile(SNIPPET, "provenance.txt", "exec"), globals())

client = mlflow.MlflowClient()
found = mlflow.search_runs(output_format="list")
story.note("runs", len(found))
story.note("run", run(found[0]))
story.note("git commit", found[0].data.tags["mlflow.source.git.commit"])
story.note("files", [each.path for each in client.list_artifacts(found[0].info.run_id)])
uri = f"runs:/{found[0].info.run_id}/model"
story.note("signature", mlflow.models.get_model_info(uri).signature.to_dict())
loaded = mlflow.sklearn.load_model(uri)
story.note("same predictions", bool((loaded.predict(X_test) == predictions).all()))
registered = mlflow.register_model(uri, f"{story.name}-model")
story.note("registered", [registered.name, registered.version, registered.status, registered.run_id])
again = mlflow.sklearn.load_model(f"models:/{story.name}-model/1")
story.note("same predictions from the registry", bool((again.predict(X_test) == predictions).all()))
story.tell()
