"""People at a server that wants to know who asks: tokens, passwords, permissions, roles.

Played against a server of ours only: a stock server keeps its users in another program.
"""

import importlib
import os
import sys
import time
import types
from contextlib import contextmanager
from pathlib import Path

import mlflow
import sqlalchemy.pool
from mlflow import MlflowClient
from recording import SERVER, Story

CLIENTS = ()  # by no server but the one that `test_client_access` starts
story = Story("people")
OLD = mlflow.__version__.startswith("2.")
ADMIN = os.environ["MLFLOW_TRACKING_TOKEN"]
NAME, GOOD, BETTER = f"{story.name}-ann", "correct horse battery", "staple of another colour"
_WORDS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def auth_client():
    """Return the client of the auth app.

    The package it lies in is the auth app's server, which wants libraries that clients do not have.
    """
    # This client's server wants a class that later releases of its database library renamed.
    if not hasattr(sqlalchemy.pool, "FallbackAsyncAdaptedQueuePool"):
        sqlalchemy.pool.FallbackAsyncAdaptedQueuePool = sqlalchemy.pool.AsyncAdaptedQueuePool
    package = types.ModuleType("mlflow.server.auth")
    package.__path__ = [str(Path(mlflow.__file__).parent / "server" / "auth")]
    sys.modules["mlflow.server.auth"] = package
    return importlib.import_module("mlflow.server.auth.client").AuthServiceClient(SERVER)


@contextmanager
def signed_in(**words):
    """Be somebody for a while: token, or username and password."""
    before = {word: os.environ.pop(word, None) for word in _WORDS}
    os.environ.update({f"MLFLOW_TRACKING_{word.upper()}": value for word, value in words.items()})
    try:
        yield
    finally:
        for word, value in before.items():
            os.environ.pop(word, None)
            if value is not None:
                os.environ[word] = value


def refused(key):
    """Ask what is refused; note also whether it was at once: a client that tries again takes longer."""
    began = time.monotonic()
    story.attempt(key, client.search_experiments)
    story.note(f"{key} at once", time.monotonic() - began < 20)


def user(found):
    return [found.username, found.is_admin, found.password_hash, isinstance(found.id, int)]


auth = auth_client()
client = MlflowClient()
made = auth.create_user(NAME, GOOD)
story.note("made", user(made))
story.note("got", user(auth.get_user(NAME)))
story.attempt("made twice", auth.create_user, NAME, GOOD)
story.attempt("short password", auth.create_user, f"{NAME}-2", "short")
story.attempt("got nobody", auth.get_user, f"{NAME}-2")

for key, words in {
    "nobody": {},
    "bad token": {"token": "assay_nonsense"},
    "wrong password": {"username": NAME, "password": BETTER},
    "unknown name": {"username": "nobody-here", "password": GOOD},
}.items():
    with signed_in(**words):
        refused(key)

with signed_in(username=NAME, password=GOOD):
    story.note("sees before", [each.name for each in client.search_experiments()])
    story.attempt("makes before", client.create_experiment, f"{story.name}-early")
    story.attempt("makes users", auth.create_user, f"{NAME}-3", GOOD)
    story.attempt("becomes admin", auth.update_user_admin, NAME, True)

mlflow.set_experiment(f"{story.name}-numbers")
with mlflow.start_run() as run:
    mlflow.log_text("weights", "model/weights.txt")
numbers = run.info.experiment_id
model = f"{story.name}-model"
client.create_registered_model(model)
client.create_model_version(model, f"runs:/{run.info.run_id}/model", run.info.run_id)

if OLD:
    story.attempt("experiment refused", auth.create_experiment_permission, numbers, NAME, "READ")
    given = auth.create_registered_model_permission(model, NAME, "READ")
    story.note("model given", [given.name == model, given.user_id == made.id, given.permission])
    auth.update_registered_model_permission(model, NAME, "EDIT")
    story.note("model changed", auth.get_registered_model_permission(model, NAME).permission)
    story.note("user has", [each.permission for each in auth.get_user(NAME).registered_model_permissions])
else:
    story.attempt("experiment refused", auth.grant_user_permission, NAME, "experiment", numbers, "READ")
    story.attempt("use refused", auth.grant_user_permission, NAME, "registered_model", model, "USE")
    auth.grant_user_permission(NAME, "registered_model", model, "EDIT")
    got = auth.get_user_permission(NAME, "registered_model", model)
    story.note("model given", [got.allowed, got.permission])

with signed_in(username=NAME, password=GOOD):
    story.note("reads the model", client.get_registered_model(model).name == model)
    client.set_registered_model_tag(model, "seen", "yes")
    story.attempt("deletes the model", client.delete_registered_model, model)
    story.attempt("reads the run", client.get_run, run.info.run_id)
    story.note("sees models", [each.name == model for each in client.search_registered_models()])

if OLD:
    auth.delete_registered_model_permission(model, NAME)
    story.attempt("model taken", auth.get_registered_model_permission, model, NAME)
else:
    auth.revoke_user_permission(NAME, "registered_model", model)
    got = auth.get_user_permission(NAME, "registered_model", model)
    story.note("model taken", [got.allowed, got.permission])
    role = auth.create_role("default", f"{story.name}-trackers", "who log runs")
    story.note("role", [role.workspace, role.description, role.permissions])
    permission = auth.add_role_permission(role.id, "workspace", "*", "EDIT")
    story.note("role may", [permission.resource_type, permission.resource_pattern, permission.permission])
    story.note("assigned", auth.assign_role(NAME, role.id).user_id == made.id)
    story.note("has roles", [each.id == role.id for each in auth.list_user_roles(NAME)])
    story.note("who has it", [each.user_id == made.id for each in auth.list_role_users(role.id)])
    story.note("listed", role.id in [each.id for each in auth.list_roles("default")])
    story.note("listed in all", role.id in [each.id for each in auth.list_all_roles()])
    with signed_in(username=NAME, password=GOOD):
        mlflow.set_experiment(f"{story.name}-numbers")
        with mlflow.start_run() as own:
            mlflow.log_metric("loss", 0.5)
        story.note("logs", client.get_run(own.info.run_id).data.metrics)
    story.note("weaker", auth.update_role_permission(permission.id, "READ").permission)
    with signed_in(username=NAME, password=GOOD):
        story.note("still reads", client.get_run(own.info.run_id).data.metrics)
        story.attempt("logs no more", client.log_metric, own.info.run_id, "loss", 0.4)
    story.note("renamed", auth.update_role(role.id, name=f"{story.name}-readers").description)
    auth.remove_role_permission(permission.id)
    story.note("empty", auth.list_role_permissions(role.id))
    auth.unassign_role(NAME, role.id)
    auth.delete_role(role.id)
    story.attempt("role gone", auth.get_role, role.id)

auth.update_user_password(NAME, BETTER)
with signed_in(username=NAME, password=GOOD):
    refused("old password")
if not OLD:
    with signed_in(username=NAME, password=BETTER):
        story.attempt("own password without the old", auth.update_user_password, NAME, GOOD)
        auth.update_user_password(NAME, GOOD, current_password=BETTER)
    auth.update_user_password(NAME, BETTER)
auth.update_user_admin(NAME, True)
with signed_in(username=NAME, password=BETTER):
    story.note("is admin", auth.get_user(NAME).is_admin)
    story.note("sees all", client.get_run(run.info.run_id).info.run_id == run.info.run_id)
auth.update_user_admin(NAME, False)
with signed_in(username=NAME, password=ADMIN):
    refused("somebody else's token")
auth.delete_user(NAME)
story.attempt("gone", auth.get_user, NAME)
with signed_in(username=NAME, password=BETTER):
    refused("signs in no more")
story.tell()
