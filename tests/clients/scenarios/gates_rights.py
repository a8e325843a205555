"""What somebody sees who may read, and no more."""

import warnings

from mlflow import MlflowClient
from recording import Story

warnings.simplefilter("ignore")
story = Story("gates-rights")
client = MlflowClient()
name = "risk.readable"
story.attempt("read", lambda: client.get_registered_model(name).name)
story.attempt("alias", client.set_registered_model_alias, name, "live", "1")
story.attempt("stage's alias", client.set_registered_model_alias, name, "production", "1")
story.attempt("stage", client.transition_model_version_stage, name, "1", "Staging")
story.attempt("delete", client.delete_registered_model, name)
story.attempt("tag", client.set_registered_model_tag, name, "k", "v")
story.tell()
