"""Importing again: a fault stays a fault, and what people made here is never undone from over there."""

import contextlib
from dataclasses import replace

import pytest

from assay.core.errors import UnavailableError
from assay.core.moving import ForeignFile
from assay.core.names import ModelName
from assay.core.ports.traces import Doomed
from assay.core.tracking.metrics import Point, newest
from assay.usecases.moving import experiments, logged_models, registry, runs, traces
from assay.usecases.moving.importing import MoveOptions, MovingIn
from assay.usecases.tracking.runs import NewRun
from usecases.elsewhere import MODEL_ID, RUN, Elsewhere, experiment, points, run

NOTE = f"7/{RUN}/artifacts/note.txt"


@pytest.fixture
def there():
    return Elsewhere()


def move(world, there, **options):
    return MovingIn(world.means).move(world.local, there.source(), MoveOptions(**options))


def found(world, number):
    with world.means.database.read() as records:
        return records.experiments.get(number)


def told(report, kind, words, *, explained=True):
    return [
        each
        for each in report.findings
        if each.kind == kind and words in each.what and each.explained is explained
    ]


def test_an_experiment_that_was_only_joined_is_never_changed(world, there):
    made = world.use.experiments.create(world.local, "default", "fraud", tags={"owner": "ours"})
    own = world.use.runs.create(world.local, NewRun(made.id)).run
    assert move(world, there).complete
    before = found(world, made.id)
    there.experiments_kept[1] = experiment("7", "scam", deleted=True, tags={"owner": "eve", "new": "1"})
    for _ in range(2):
        report = move(world, there)
        assert report.complete, report.findings
        assert found(world, made.id) == before
        assert told(report, "experiment", "is deleted there, and stays")
        assert told(report, "experiment", "is called 'scam' there now")
    assert before.tags == {"owner": "ours"}
    with world.means.database.read() as records:
        assert records.runs.find(own.id).deleted_at_ms is None


def test_an_empty_experiment_that_holds_a_trace_is_joined_too(world, there):
    made = world.use.experiments.create(world.local, "default", "fraud")
    with world.means.database.write() as records:
        kept = replace(there.traced["7"][0].trace, id="tr-" + "1" * 32, experiment_id=made.id)
        records.traces.save(kept)
    there.experiments_kept[1] = experiment("7", "fraud", deleted=True)
    assert move(world, there).complete
    assert not found(world, made.id).deleted


def test_an_experiment_in_which_somebody_works_here_is_not_deleted_from_over_there(world, there):
    move(world, there)
    own = world.use.runs.create(world.local, NewRun(7)).run
    there.experiments_kept[1] = experiment("7", "fraud", deleted=True, tags={"owner": "ada"})
    for _ in range(2):
        report = move(world, there)
        assert report.complete, report.findings
        assert told(report, "experiment", "others have worked in it here")
        assert not found(world, 7).deleted
    with world.means.database.read() as records:
        assert records.runs.find(own.id) is not None


def test_an_experiment_that_only_an_import_filled_is_deleted_with_its_source(world, there):
    move(world, there)
    there.experiments_kept[1] = experiment("7", "fraud", deleted=True, tags={"owner": "ada"})
    assert move(world, there).complete
    assert found(world, 7).deleted


def test_a_fault_stays_a_fault_until_it_is_mended(world, there):
    lying = Point("never logged", 1.0, 10_000, 0)
    there.runs_kept["7"][0] = run(RUN, latest=newest([*points(), lying]))
    for _ in range(3):
        report = move(world, there)
        assert not report.complete
        assert told(report, "run", "metric never logged", explained=False)
    there.points_kept[RUN] = [*points(), lying]
    assert move(world, there).complete
    assert not told(move(world, there), "run", "", explained=True)


@pytest.mark.parametrize(
    ("module", "kind", "name"),
    [
        (experiments, "experiment", "0"),
        (runs, "run", RUN),
        (logged_models, "logged_model", MODEL_ID),
        (traces, "trace", "tr-" + "d" * 32),
        (registry, "model", "churn"),
        (registry, "times", "churn"),
        (registry, "version", "churn/1"),
    ],
)
def test_nothing_counts_as_equal_before_it_was_compared(world, there, monkeypatch, module, kind, name):
    real = module.compare

    def killed(move, what, *rest, fresh):
        if what == ("model" if kind == "times" else kind):
            raise UnavailableError("killed")
        return real(move, what, *rest, fresh=fresh)

    monkeypatch.setattr(module, "compare", killed)
    with contextlib.suppress(UnavailableError):
        move(world, there)

    def mark():
        with world.means.database.read() as records:
            return records.moved_things.get("memory:", kind, name).mark

    assert mark() == ""
    monkeypatch.setattr(module, "compare", real)
    with world.means.database.write() as records:
        if records.runs.find(RUN):
            records.runs.save(replace(records.runs.find(RUN), name="half written"))
    report = move(world, there)
    assert report.complete
    assert mark()
    # The run was written again, unless it had been compared before the import was killed.
    with world.means.database.read() as records:
        assert records.runs.find(RUN).name == ("first" if module in (experiments, runs) else "half written")


def test_a_file_that_changed_in_place_is_fetched_when_all_are_compared(world, there):
    there.write(f"there:/7/{RUN}/artifacts", {"note.txt": b"one"})
    move(world, there)
    there.write(f"there:/7/{RUN}/artifacts", {"note.txt": b"two"})
    report = move(world, there, verify="all")
    assert report.complete, report.findings
    assert report.counts["file"].changed == 1
    assert [each.name for each in told(report, "file", "they are here now")] == [NOTE]
    with world.means.database.read() as records:
        kept = records.files.get(NOTE)
    assert b"".join(world.means.blobs.read(kept.digest)) == b"two"
    assert not told(move(world, there, verify="all"), "file", "")


def test_a_file_that_a_version_was_made_from_keeps_its_bytes_and_is_told(world, there):
    move(world, there)
    there.write(f"there:/7/{RUN}/artifacts", {"model/m.bin": b"BYTES"})
    for _ in range(2):
        report = move(world, there, verify="all")
        assert report.complete
        assert told(report, "file", "was made from those that are here")
        assert report.counts["file"].here + 1 == report.counts["file"].found
    with world.means.database.read() as records:
        kept = records.files.get(f"7/{RUN}/artifacts/model/m.bin")
    assert b"".join(world.means.blobs.read(kept.digest)) == b"bytes"


def test_a_file_that_is_still_being_written_is_a_fault(world, there):
    there.write(f"there:/7/{RUN}/artifacts", {"note.txt": b"one"})
    source = there.source()

    class Restless:
        """Files of which one has other bytes each time."""

        reads = 0
        reach, files = source.files.reach, source.files.files

        def read(self, place, path):
            if path != "note.txt":
                return source.files.read(place, path)
            self.reads += 1
            return iter([f"{self.reads:03d}".encode()])

    report = MovingIn(world.means).move(
        world.local, replace(source, files=Restless()), MoveOptions(verify="all")
    )
    assert not report.complete
    assert told(report, "file", "other bytes each time", explained=False)


def test_a_model_that_was_deleted_here_does_not_come_back(world, there):
    move(world, there)
    world.use.outside.delete(world.local, "Big Model")
    count = len(world.events())
    report = move(world, there)
    assert report.complete, report.findings
    assert told(report, "model", "was deleted here since")
    assert [each.verb for each in world.events()[count:]] == ["import.finish"]
    with world.means.database.read() as records:
        assert records.models.known("Big Model") is None
        assert records.models.get(ModelName("default/churn")) is not None


def test_a_trace_that_was_deleted_here_does_not_come_back(world, there):
    move(world, there)
    trace_id = "tr-" + "d" * 32
    with world.means.database.write() as records:
        records.traces.delete(Doomed(7, trace_ids=(trace_id,)))
    report = move(world, there)
    assert report.complete, report.findings
    assert told(report, "trace", "was deleted here since")
    with world.means.database.read() as records:
        assert not records.traces.get([trace_id])


def test_a_point_that_came_late_is_seen_when_all_are_read_again(world, there):
    move(world, there)
    with world.means.database.write() as records:
        records.runs.save(replace(records.runs.find(RUN), name="ours"))
    there.points_kept[RUN] = [*points(), Point("loss", 9.0, 9_000, 2)]
    assert move(world, there).counts["point"].added == 0
    report = move(world, there, again=True)
    assert report.complete, report.findings
    assert report.counts["point"].added == 1
    with world.means.database.read() as records:
        assert len(records.run_logs.history(RUN, "loss", 100).items) == 31
        assert records.runs.find(RUN).name == "ours"
    assert move(world, there, again=True).counts["point"].added == 0


def test_what_cannot_be_read_at_the_moment_is_a_fault(world, there, monkeypatch):
    from usecases.elsewhere import Files

    real = Files.files

    def files(self, place):
        yield from real(self, place)
        yield ForeignFile("closed", problem="is a folder that cannot be read", curable=True)

    monkeypatch.setattr(Files, "files", files)
    report = move(world, there)
    assert not report.complete
    assert told(report, "file", "cannot be read", explained=False)
