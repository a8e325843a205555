"""What a stock MLflow server lets happen to what is in Production, and this registry does not.

Each test is one line of the list of holes (G1 to G15); each refusal leaves no trace in any table.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from assay.core.audit import verify_chain
from assay.core.names import Address, ModelName
from assay.core.policies import PolicyMode
from assay.core.webhooks import KINDS
from assay.usecases.browsing import all_events
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewHook, Rollback
from doors.mlflow.hole_world import MODEL_FILES, HoleWorld

REGISTERED, VERSIONS = "2.0/mlflow/registered-models", "2.0/mlflow/model-versions"
FRAUD = ModelName("default/fraud")


class GovernedWorld(HoleWorld):
    """Adds the words that these stories need."""

    def alias(self, alias, number, name="fraud", **more):
        """Point an alias."""
        body = {"name": name, "alias": alias, "version": number}
        return self.good("POST", f"{REGISTERED}/alias", body, **more)

    def shown(self, number="1", name="fraud"):
        """Show a version."""
        return self.good("GET", f"{VERSIONS}/get?name={name}&version={number}")["model_version"]

    def loaded(self, number="1", name="fraud"):
        """Return the files of a version, as a client fetches them: by its download address."""
        uri = self.good("GET", f"{VERSIONS}/get-download-uri?name={name}&version={number}")["artifact_uri"]
        folder = uri.removeprefix("mlflow-artifacts:/")
        listed = self.good("GET", f"2.0/mlflow-artifacts/artifacts?path={folder}")["files"]
        return {
            each["path"]: self.send("GET", f"2.0/mlflow-artifacts/artifacts/{folder}/{each['path']}").body
            for each in listed
        }

    def verbs(self):
        """Return the verbs of all audit events, in order."""
        return [each.verb for each in all_events(self.means.database)]

    def enforce(self):
        """Let gates that judge at once decide in the default team."""
        gates = ["signature", "provenance"]
        policy = {"applies_to": "default/*", "gates": {"staging": gates, "production": gates}}
        self.use.policies.set(self.local, "", {**policy, "mode": PolicyMode.ENFORCE.value})


@pytest.fixture
def world(tmp_path):
    one = GovernedWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """For what leaves no trace anyway."""
    one = GovernedWorld(tmp_path_factory.mktemp("governed"))
    one.alias("production", one.version())
    yield one
    one.close()


@pytest.fixture
def served(world):
    """A version in Production, by the alias; the fresh registry's default team observes."""
    number = world.version()
    world.alias("production", number)
    assert world.shown(number)["current_stage"] == "Production"
    return world


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ("runs:/" + "0" * 32 + "/model", {}),
        ("runs:/" + "0" * 32 + "/model", {"run_id": "0" * 32}),
        ("runs:/{run}/nothing", {}),
        ("mlflow-artifacts:/{mine}/{run}/artifacts/none", {}),
        ("models:/m-" + "0" * 32, {}),
        ("models:/none/1", {}),
        ("models:/fraud/77", {}),
        ("models:/fraud@none", {}),
        ("s3://bucket/model", {"run_id": "0" * 32}),
    ],
)
def test_g1_a_version_of_something_that_is_not_there_is_refused_by_name(lasting, source, more):
    source = source.format(run=lasting.run_id, mine=lasting.mine)
    status, code, message = lasting.refused(
        "POST", f"{VERSIONS}/create", {"name": "fraud", "source": source, **more}
    )
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "0" * 32 in message or any(word in message for word in ("nothing", "none", "77")), message


def test_g2_what_was_registered_from_a_run_loads_by_number_alias_and_stage(served):
    assert served.loaded() == MODEL_FILES
    for found in (
        served.good("GET", f"{REGISTERED}/alias?name=fraud&alias=production")["model_version"],
        *served.good(
            "POST", f"{REGISTERED}/get-latest-versions", {"name": "fraud", "stages": ["Production"]}
        )["model_versions"],
    ):
        assert (found["version"], found["status"]) == ("1", "READY")


@pytest.mark.parametrize("way", ["PUT", "upload", "DELETE", "DELETE folder", "mpu"])
def test_g3_the_files_that_a_version_was_made_from_cannot_be_changed(served, way):
    file = f"{served.base}/model/model.pkl"
    tree = "2.0/mlflow-artifacts"
    if way == "PUT":
        refused = served.refused("PUT", f"{tree}/artifacts/{file}", b"other")
    elif way == "upload":
        path = f"2.0/mlflow/upload-artifact?run_id={served.run_id}&path=model/model.pkl"
        refused = served.refused("POST", path, b"other")
    elif way == "DELETE":
        refused = served.refused("DELETE", f"{tree}/artifacts/{file}")
    elif way == "DELETE folder":
        refused = served.refused("DELETE", f"{tree}/artifacts/{served.base}")
    else:
        begun = served.good("POST", f"{tree}/mpu/create/{served.base}/model", {"path": "model.pkl"})
        part = begun["credentials"][0]["url"].partition(":8640")[2]
        tag = served.send("PUT", part, b"other").headers["etag"]
        said = {
            "path": "model.pkl",
            "upload_id": begun["upload_id"],
            "parts": [{"part_number": 1, "etag": tag}],
        }
        refused = served.refused("POST", f"{tree}/mpu/complete/{served.base}/model", said)
    assert refused[:2] == (409, "RESOURCE_CONFLICT")
    assert "default/fraud/v" in refused[2]
    assert served.loaded() == MODEL_FILES
    assert served.send("GET", f"{tree}/artifacts/{file}").body == MODEL_FILES["model.pkl"]
    digest = served.shown()["tags"]
    served.put(file, MODEL_FILES["model.pkl"])  # the same bytes again change nothing
    assert served.shown()["tags"] == digest


@pytest.mark.parametrize("root", ["registry/default/fraud/1", "registry/default/fraud", "registry"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_g3_the_versions_own_place_is_never_written_through_the_tree(lasting, root, method):
    for name in ("", "/model.pkl", "/new.txt"):
        path = f"2.0/mlflow-artifacts/artifacts/{root}{name}"
        assert lasting.refused(method, path, b"other" if method == "PUT" else None)[0] == 400
    assert lasting.loaded() == MODEL_FILES


def test_g4_run_experiment_and_logged_model_may_go_and_the_version_still_loads(served):
    number = served.version(source=f"models:/{served.model_id}")
    served.alias("production", number)
    served.good("DELETE", f"2.0/mlflow/logged-models/{served.model_id}")
    served.good("POST", "2.0/mlflow/runs/delete", {"run_id": served.run_id})
    served.good("POST", "2.0/mlflow/experiments/delete", {"experiment_id": served.mine})
    assert served.loaded() == served.loaded(number) == MODEL_FILES


def test_g5_what_serves_cannot_be_deleted_and_the_refusal_says_why(served):
    status, code, message = served.refused("DELETE", f"{VERSIONS}/delete", {"name": "fraud", "version": "1"})
    assert (status, code) == (400, "INVALID_STATE")
    assert "Production" in message
    status, code, message = served.refused("DELETE", f"{REGISTERED}/delete", {"name": "fraud"})
    assert (status, code) == (400, "INVALID_STATE")
    assert "Production" in message
    assert served.loaded() == MODEL_FILES
    aliases = served.good("GET", f"{REGISTERED}/get?name=fraud")["registered_model"]["aliases"]
    assert aliases == [{"alias": "production", "version": "1"}]


def test_g5_what_production_falls_back_to_cannot_be_deleted_either(served):
    second = served.version()
    served.alias("production", second)
    message = served.refused("DELETE", f"{VERSIONS}/delete", {"name": "fraud", "version": "1"})[2]
    assert "falls back" in message


def test_g6_a_number_is_never_given_twice(world):
    world.version()
    world.version()
    world.good("DELETE", f"{REGISTERED}/delete", {"name": "fraud"})
    assert world.version() == "3"
    for old in ("1", "2"):
        assert world.refused("GET", f"{VERSIONS}/get?name=fraud&version={old}")[0] == 404
        assert world.refused("GET", f"{VERSIONS}/get-download-uri?name=fraud&version={old}")[0] == 404
        path = f"2.0/mlflow-artifacts/artifacts/registry/default/fraud/{old}/model.pkl"
        assert world.refused("GET", path)[0] == 404


def test_g7_each_move_of_a_stage_or_alias_is_one_audit_event_and_the_chain_verifies(served):
    count = len(served.verbs())
    served.alias("champion2", "1", token=served.token("ada", "maintainer", "default/*"))
    events = list(all_events(served.means.database))
    (made,) = [each for each in events[count:] if each.verb.startswith("alias.")]
    assert (made.actor, made.subject) == ("ada", "default/fraud@champion2")
    assert made.after["number"] == 1
    served.good("DELETE", f"{REGISTERED}/alias", {"name": "fraud", "alias": "champion2"})
    body = {"name": "fraud", "version": "1", "stage": "Archived"}
    served.good("POST", f"{VERSIONS}/transition-stage", body)
    events = list(all_events(served.means.database))
    moves = [each for each in events[events.index(made) + 1 :] if each.verb.startswith(("alias.", "stage."))]
    assert [each.verb for each in moves] == ["alias.remove", "stage.archive"]
    assert "Production" in repr(moves[1].before)
    assert "Archived" in repr(moves[1].after)
    assert all(before.at <= after.at for before, after in pairwise(events))
    assert verify_chain(events).whole
    assert served.shown()["user_id"] == "local"


def test_g8_an_update_without_description_erases_nothing(world):
    world.version(description="what it is")
    for body in ({}, {"description": None}):
        world.good("PATCH", f"{VERSIONS}/update", {"name": "fraud", "version": "1", **body})
        assert world.shown()["description"] == "what it is"
    world.good("PATCH", f"{REGISTERED}/update", {"name": "fraud", "description": "a model"})
    world.good("PATCH", f"{REGISTERED}/update", {"name": "fraud"})
    assert world.good("GET", f"{REGISTERED}/get?name=fraud")["registered_model"]["description"] == "a model"


def test_g9_moves_deletions_and_renames_are_told_even_after_the_process_died(world):
    kinds = tuple(KINDS)
    world.use.webhooks.create(
        world.local, NewHook(name="all", url="https://hooks.example.com/x", events=kinds, secret="s" * 32)
    )
    world.version()
    world.alias("production", "1")
    body = {"name": "fraud", "version": "1", "stage": "Archived"}
    world.good("POST", f"{VERSIONS}/transition-stage", body)
    world.good("POST", f"{REGISTERED}/rename", {"name": "fraud", "new_name": "scam"})
    world.version("scrap")
    world.good("DELETE", f"{VERSIONS}/delete", {"name": "scrap", "version": "1"})
    world.good("DELETE", f"{REGISTERED}/delete", {"name": "scrap"})
    # Nothing was sent so far; another process finds in the database what is to be told.
    post = world.means.post
    assert post.letters == []
    anew = UseCases.over(world.means).delivering
    while anew.gather():
        pass
    while (outgoing := anew.take("another")) is not None:
        anew.send(outgoing, "another")
    told = "\n".join(str(each.body) for each in post.letters)
    for verb in ("stage", "rename", "delete"):
        assert verb in told, told


@pytest.mark.parametrize("way", ["alias", "stage"])
@pytest.mark.parametrize("wanted", ["staging", "Staging", "production", "PRODUCTION"])
def test_g10_a_failed_gate_refuses_with_every_reason_and_moves_nothing(world, way, wanted):
    world.version()
    world.enforce()
    if wanted.lower() == "production":
        world.use.policies.switch(world.local, "default/*", PolicyMode.OBSERVE)
        world.alias("staging", "1")
        world.use.policies.switch(world.local, "default/*", PolicyMode.ENFORCE)
    before = world.shown()
    if way == "alias":
        body = {"name": "fraud", "alias": wanted, "version": "1"}
        status, code, message = world.bad("POST", f"{REGISTERED}/alias", body)
    else:
        body = {"name": "fraud", "stage": wanted, "version": "1"}
        status, code, message = world.bad("POST", f"{VERSIONS}/transition-stage", body)
    assert (status, code) == (400, "INVALID_STATE")
    assert "/api/v1/promotions/" in message
    assert all(f"\n- {gate}" in message for gate in ("signature", "provenance")), message
    assert world.shown() == before
    assert "stage.promote" not in world.verbs()


def test_g11_two_movers_at_once_make_one_move_and_one_event(world):
    world.version()
    together = threading.Barrier(2)

    def move(stage):
        together.wait()
        body = {"name": "fraud", "version": "1", "stage": stage}
        return world.send("POST", f"{VERSIONS}/transition-stage", body)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(move, ("Archived", "Archived")))
    assert all(each.status < 500 for each in answers)
    assert [each for each in world.verbs() if each == "stage.archive"] == ["stage.archive"]
    assert verify_chain(list(all_events(world.means.database))).whole


def test_g12_a_copied_version_has_files_of_its_own(served):
    copy = served.version("copied", source="models:/fraud/1")
    served.good(
        "POST", f"{VERSIONS}/transition-stage", {"name": "fraud", "version": "1", "stage": "Archived"}
    )
    second = served.version()
    served.alias("production", second)
    served.good("POST", f"{REGISTERED}/rename", {"name": "fraud", "new_name": "gone"})
    assert served.loaded(copy, "copied") == MODEL_FILES
    served.version("scrap")
    again = served.version("again", source="models:/scrap/1")
    served.good("DELETE", f"{REGISTERED}/delete", {"name": "scrap"})
    assert served.loaded(again, "again") == MODEL_FILES


def test_g13_a_byte_that_changed_on_disk_is_never_served_and_the_damage_is_recorded_once(served):
    entry = next(
        each
        for each in served.use.browsing.version(served.local, Address(FRAUD, number=1)).files
        if each.path == "model.pkl"
    )
    hexed = entry.digest.partition(":")[2]
    blob = served.root / "store" / "blobs" / hexed[:2] / hexed
    blob.chmod(0o644)
    blob.write_bytes(b"\x80\x04X.")
    for path in ("registry/default/fraud/1/model.pkl", f"{served.base}/model/model.pkl"):
        for headers in ([], [("range", "bytes=1-2")]):
            answer = served.send("GET", f"2.0/mlflow-artifacts/artifacts/{path}", headers=headers)
            assert answer.status == 503
            assert b"\x80" not in answer.body
            assert "damaged" in answer.json["message"]
    (event,) = [each for each in all_events(served.means.database) if each.verb == "blob.damaged"]
    assert event.subject == f"blob:{entry.digest}"


def test_g14_who_moved_what_is_known_by_version_and_going_back_is_one_recorded_call(served):
    second = served.version()
    served.alias("production", second, token=served.token("ada", "maintainer", "default/*"))
    served.alias("production", "1")
    assert served.shown("1")["current_stage"] == "Production"
    assert served.shown(second)["current_stage"] == "Archived"
    moves = served.use.browsing.history(served.local, FRAUD)
    assert [(each.number, each.target.value) for each in moves if each.target.value == "Production"] in (
        [(1, "Production"), (2, "Production"), (1, "Production")],
        [(1, "Production"), (2, "Production"), (1, "Production")][::-1],
    )
    assert {each.actor for each in moves} == {"local", "ada"}
    assert served.use.changing.roll_back(served.local, FRAUD, Rollback()).number == int(second)
    assert "stage.roll_back" in served.verbs()


def test_g15_what_was_deleted_leaves_its_evidence_source_and_run(world):
    world.good(
        "POST", "2.0/mlflow/runs/log-metric", {"run_id": world.run_id, "key": "a", "value": 1, "timestamp": 1}
    )
    world.version()
    before = world.tables()
    world.good("DELETE", f"{VERSIONS}/delete", {"name": "fraud", "version": "1"})
    after = world.tables()
    assert after["evidence"] == before["evidence"] != []
    (made,) = [each for each in all_events(world.means.database) if each.verb == "version.register"]
    told = repr(made.after)
    assert world.run_id in told
    (row,) = after["versions"]
    assert any(world.run_id in str(each) for each in row)
