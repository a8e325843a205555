"""Addresses that a client is given lead back to the server by the way on which clients come."""

from dataclasses import replace

import pytest

from assay.app.server import build_app
from assay.app.settings import Settings
from assay.http.counters import Counters
from assay.http.exchanges import Exchanges
from doors.mlflow.mlflow_world import MlflowWorld

PUBLIC = "https://models.example.org/registry"
FOLDER = "0/files"
PROXIED = [("host", "models.example.org")]


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    one.use.policies.switch(one.local, "default/*", "enforce")
    yield one
    one.close()


def served(world, **more):
    """Open the doors with settings of the test's own."""
    counters = Counters()
    requests = Exchanges(counters.add)
    world.app = build_app(world.use, world.clock, replace(Settings(), **more), requests, counters)
    return world


def addresses(world, headers=()):
    """Return one address of each kind that a client is given."""
    begun = world.good(
        "POST",
        f"2.0/mlflow-artifacts/mpu/create/{FOLDER}",
        {"path": "a b.bin", "num_parts": 2},
        headers=headers,
    )
    put = world.send("PUT", f"2.0/mlflow-artifacts/artifacts/{FOLDER}/m.bin", b"weights", headers=headers)
    assert put.status == 200
    signed = world.good("GET", f"2.0/mlflow-artifacts/presigned/{FOLDER}/m.bin", headers=headers)
    return [*(each["url"] for each in begun["credentials"]), signed["url"]]


def refusal(world, headers=()):
    """Return what a client is told whose version is not promoted."""
    run = world.run()
    world.send(
        "PUT", f"2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/m/m.bin", b"weights", headers=headers
    )
    world.send("POST", "2.0/mlflow/registered-models/create", {"name": "fraud"}, headers=headers)
    made = {"name": "fraud", "source": f"mlflow-artifacts:/0/{run}/artifacts/m"}
    world.good("POST", "2.0/mlflow/model-versions/create", made, headers=headers)
    wanted = {"name": "fraud", "version": "1", "stage": "Staging"}
    status, _, message = world.bad(
        "POST", "2.0/mlflow/model-versions/transition-stage", wanted, headers=headers
    )
    assert status == 400
    return message


def test_every_address_begins_with_the_public_url(world):
    served(world, public_url=PUBLIC)
    found = addresses(world)
    assert len(found) == 3
    assert all(each.startswith(f"{PUBLIC}/api/2.0/mlflow-artifacts/") for each in found)
    assert f"({PUBLIC}/api/v1/promotions/" in refusal(world)


def test_without_one_it_is_what_the_client_asked(world):
    served(world)
    assert all(each.startswith("http://127.0.0.1:8640/api/") for each in addresses(world))
    assert "(http://127.0.0.1:8640/api/v1/promotions/" in refusal(world)


def test_an_address_works_when_the_proxy_has_taken_its_own_path_away(world):
    served(world, public_url=PUBLIC)
    part, _, signed = addresses(world)
    assert world.send("PUT", part.removeprefix(PUBLIC), b"x" * 10).status == 200
    assert world.send("GET", signed.removeprefix(PUBLIC)).body == b"weights"


@pytest.mark.parametrize("path", ["2.0/mlflow/experiments/search?max_results=1", "v1/models"])
def test_a_proxy_on_the_same_machine_may_pass_the_public_name_on(world, path):
    token = world.token("ada", "admin", "*")
    served(world, public_url=PUBLIC, auth="required")
    assert world.send("GET", path, token=token, headers=PROXIED).status == 200
    assert world.send("GET", path, token=token, headers=[("host", "evil.example.org")]).status == 403
    assert world.send("GET", path, headers=PROXIED).status == 401
    served(world, auth="required")
    assert world.send("GET", path, token=token, headers=PROXIED).status == 403
