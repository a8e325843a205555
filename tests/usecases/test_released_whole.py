"""A version made from tracked files is there with all that belongs to it, or not at all."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from assay.core.digests import digest_of
from assay.core.errors import ConflictError, RefusedError, UnavailableError
from assay.core.names import Address
from assay.core.promotions import RegistrationState
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.metrics import Point
from assay.usecases.releasing import NewRelease, Releasing
from usecases.tracked_world import Tracked

HELD = DatasetInput(Dataset("held", "1", "local", "s", "", '{"num_rows": 20}'), {CONTEXT_TAG: "eval"})


@pytest.fixture
def tracked(world):
    return Tracked(world)


class Dying:
    """A database of a process that dies after so many writes."""

    def __init__(self, database, writes):
        self._database, self._left = database, writes

    def read(self):
        return self._database.read()

    @contextmanager
    def write(self):
        if not self._left:
            raise UnavailableError("the machine went down")
        self._left -= 1
        with self._database.write() as records:
            yield records


class Between:
    """A database on which somebody else does something before each of the first writes."""

    def __init__(self, database, *acts):
        self._database, self._acts = database, list(acts)

    def read(self):
        return self._database.read()

    @contextmanager
    def write(self):
        if self._acts:
            self._acts.pop(0)()
        with self._database.write() as records:
            yield records


def releasing(tracked, database):
    return Releasing(replace(tracked.world.means, database=database))


def wanted(run):
    return NewRelease("team.fraud", f"runs:/{run.id}/model", run.id)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_crash_leaves_no_version_whose_files_can_change_or_whose_metrics_are_missing(tracked, writes):
    run = tracked.run(metrics=(Point("accuracy", 0.9, 5),))
    dying = releasing(tracked, Dying(tracked.world.means.database, writes))
    if not writes:
        with pytest.raises(UnavailableError):
            dying.release(tracked.ada, wanted(run))
        assert tracked.versions() == ()
        return
    made = dying.release(tracked.ada, wanted(run))
    with pytest.raises((ConflictError, RefusedError)):
        tracked.store(f"{tracked.inside(run.artifact_root)}/model/model.pkl", b"others")
    (filed,) = tracked.use.browsing.evidence(tracked.ada, Address(made.model, number=made.number))
    assert filed.measurement.facts["metrics"] == {"accuracy": 0.9}


def test_a_file_that_changes_while_it_is_registered_is_registered_as_it_is_then(tracked):
    run = tracked.run()
    path = f"{tracked.inside(run.artifact_root)}/model/model.pkl"
    database = Between(tracked.world.means.database, lambda: tracked.store(path, b"others"))
    made = releasing(tracked, database).release(tracked.ada, wanted(run))
    (found,) = [each for each in made.files if each.path == "model.pkl"]
    assert (made.number, found.digest) == (1, digest_of(b"others"))
    with pytest.raises((ConflictError, RefusedError)):
        tracked.store(path, b"third")
    assert tracked.use.artifacts.store(tracked.ada, path, [b"others"])


def test_a_file_that_is_taken_away_meanwhile_is_not_registered(tracked):
    run = tracked.run()
    path = f"{tracked.inside(run.artifact_root)}/model/model.pkl"
    database = Between(tracked.world.means.database, lambda: tracked.use.artifacts.remove(tracked.ada, path))
    made = releasing(tracked, database).release(tracked.ada, wanted(run))
    assert "model.pkl" not in {each.path for each in made.files}


@pytest.mark.parametrize("source", ["model", "model/model.pkl"])
def test_files_that_never_come_to_rest_are_refused_and_leave_nothing(tracked, source):
    run = tracked.run()
    path = f"{tracked.inside(run.artifact_root)}/model/model.pkl"
    acts = [lambda number=number: tracked.store(path, b"%d" % number) for number in range(50)]
    database = Between(tracked.world.means.database, *acts)
    ask = NewRelease("team.fraud", f"{run.artifact_root}/{source}", run.id)
    with pytest.raises(ConflictError, match="changed while they were read") as caught:
        releasing(tracked, database).release(tracked.ada, ask)
    assert [each.field for each in caught.value.reasons] == [f"files[{path}]"]
    assert tracked.versions() == ()
    tracked.store(path, b"free to change")


def test_what_the_run_reported_is_there_when_the_gates_of_registration_judge(tracked):
    gate = {"metrics": {"minimum": {"accuracy": 0.9}, "accept_reported": True}}
    gates = {"development": [gate], "staging": [gate], "production": [gate]}
    tracked.use.policies.set(tracked.world.local, "", {"applies_to": "team/*", "gates": gates})
    run = tracked.run(metrics=(Point("accuracy", 0.95, 5),))
    tracked.use.runs.log_inputs(tracked.ada, run.id, [HELD])
    made = tracked.release(f"runs:/{run.id}/model", run.id)
    address = Address(made.model, number=made.number)
    assert tracked.use.promoting.registration(tracked.ada, address).state is RegistrationState.READY
    assert tracked.use.reporting.jobs(tracked.ada, address) == ()
