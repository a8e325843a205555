"""Moving in from another registry: as it was, once, from wherever it broke off, and never on a claim."""

import math
from contextlib import suppress
from dataclasses import replace

import pytest

from assay.core.errors import BadInputError, DeniedError, UnavailableError
from assay.core.moving import DELETED
from assay.core.names import ModelName
from assay.core.stages import Stage
from assay.core.tracking.metrics import Point, newest
from assay.usecases.moving.importing import MoveOptions, MovingIn
from assay.usecases.moving.registry import instant
from assay.wire.requests import AliasTarget
from usecases.elsewhere import (
    GONE_RUN,
    MODEL_ID,
    RUN,
    Elsewhere,
    experiment,
    logged_model,
    model,
    points,
    run,
    version,
)

CHURN = ModelName("default/churn")


@pytest.fixture
def there():
    return Elsewhere()


def move(world, there, **options):
    return MovingIn(world.means).move(world.local, there.source(), MoveOptions(**options))


def everything(world):
    """Return all that an import may write, but for the audit log and the record of imports."""
    with world.means.database.read() as records:
        ids = [each.id for each in there_experiments(records)]
        versions = [
            records.versions.get(name, number)
            for name in (CHURN, *extra_models(records))
            for number in range(1, 9)
        ]
        return {
            "experiments": [records.experiments.get(each) for each in ids],
            "runs": records.runs.logged([RUN, GONE_RUN]),
            "points": {
                key: repr(records.run_logs.history(RUN, key, 1000).items)
                for key in ("loss", "odd", "accuracy")
            },
            "logged models": records.logged_models.get([MODEL_ID]),
            "files": records.files.under(""),
            "traces": records.traces.get(["tr-" + "d" * 32]),
            "spans": records.spans.of(["tr-" + "d" * 32]),
            "models": records.models.get(CHURN),
            "versions": versions,
            "aliases": [dict(records.aliases.of_model(name)) for name in (CHURN, *extra_models(records))],
        }


def there_experiments(records):
    return [found for number in range(20) if (found := records.experiments.get(number))]


def extra_models(records):
    found = records.models.known("Big Model")
    return [found.name] if found else []


def kinds(report, *, explained):
    return {each.kind for each in report.findings if each.explained is explained}


def test_everything_comes_as_it_was(world, there):
    report = move(world, there, verify="all")
    assert report.complete, report.findings
    assert {kind: (count.found, count.here) for kind, count in report.counts.items()} == {
        "experiment": (2, 2),
        "logged_model": (1, 1),
        "run": (2, 2),
        "point": (35, 35),
        "file": (5, 5),
        "trace": (1, 1),
        "model": (2, 2),
        "version": (3, 3),
        "alias": (1, 1),
    }
    assert report.verified_files == 5
    with world.means.database.read() as records:
        fraud = records.experiments.get(7)
        first, gone = records.runs.logged([RUN, GONE_RUN])
        odd = records.run_logs.history(RUN, "odd", 10).items
        (logged,) = records.logged_models.get([MODEL_ID])
    assert (fraud.name, fraud.created_at_ms, fraud.updated_at_ms) == ("fraud", 1000, 2000)
    assert fraud.tags == {"owner": "ada"}
    assert (first.run.user, first.run.started_at_ms, first.run.ended_at_ms) == ("grace", 10_000, 20_000)
    assert first.params == {"c": "1", "empty": ""}
    assert first.datasets == run(RUN).datasets
    assert first.model_outputs == run(RUN).model_outputs
    assert gone.run.deleted_at_ms is not None
    assert sorted(map(repr, odd)) == sorted(repr(each) for each in points() if each.key == "odd")
    assert (logged.created_at_ms, logged.updated_at_ms, logged.source_run_id) == (11_000, 12_000, RUN)
    assert [each.point.value for each in logged.metrics] == [0.9]


def test_versions_are_real_with_their_numbers_and_times(world, there):
    move(world, there)
    with world.means.database.read() as records:
        first, third = records.versions.get(CHURN, 1), records.versions.get(CHURN, 3)
        kept = records.models.get(CHURN)
        copy = records.versions.get(records.models.known("Big Model").name, 1)
        frozen = records.kept_files.frozen(f"7/{RUN}/artifacts/model")
    assert [each.path for each in first.files] == ["MLmodel", "m.bin"]
    assert first.registered_at == instant(23_001)
    assert first.changed_at == instant(24_001)
    assert first.registered_by == "grace"
    assert first.provenance.hyperparameters == {"c": "1", "empty": ""}
    assert third.source.logged_model_id == MODEL_ID
    assert copy.digest == third.digest
    assert frozen == first.address
    assert (kept.created_at, kept.changed_at) == (instant(21_000), instant(22_000))


def test_a_copy_that_names_no_run_keeps_its_provenance(world, there):
    there.versions_kept[2] = replace(there.versions_kept[2], run_id="")
    assert move(world, there).complete
    with world.means.database.read() as records:
        third = records.versions.get(CHURN, 3)
        copy = records.versions.get(records.models.known("Big Model").name, 1)
    assert copy.source.run_id == ""
    assert copy.provenance == third.provenance


def test_a_second_import_changes_nothing(world, there):
    move(world, there)
    before, count = everything(world), len(world.events())
    report = move(world, there)
    assert report.complete
    assert everything(world) == before
    assert [each.verb for each in world.events()[count:]] == ["import.finish"]
    assert not any(each.added or each.changed for each in report.counts.values())


def test_an_import_that_breaks_off_anywhere_goes_on(world, there, tmp_path_factory):
    from usecases.registry_world import World

    move(world, there)
    whole, steps = everything(world), there.steps
    for patience in range(1, steps, 7):
        again = World(tmp_path_factory.mktemp("again"))
        broken = Elsewhere()
        broken.patience = patience
        with suppress(UnavailableError):
            assert not move(again, broken).complete  # it broke off while files were read again
        broken.patience = math.inf
        report = move(again, broken)
        assert report.complete, (patience, report.findings)
        found = everything(again)
        assert without_moments(found) == without_moments(whole), patience
        again.means.database.close()


def without_moments(found):
    """Leave out what tells when the import itself took place."""
    runs = [replace(each, run=replace(each.run, deleted_at_ms=0)) for each in found["runs"]]
    return {**found, "runs": runs}


def test_what_is_new_there_is_added(world, there):
    move(world, there)
    fresh = [*points(), Point("loss", 0.001, 20_000, 500)]
    there.points_kept[RUN] = fresh
    there.runs_kept["7"][0] = run(RUN, name="renamed", latest=newest(fresh))
    there.write(f"there:/7/{RUN}/artifacts", {"late.txt": b"late"})
    there.versions_kept.append(version("churn", 4, source=f"models:/{MODEL_ID}", model_id=MODEL_ID))
    there.models_kept[0] = model("churn", updated_at_ms=99_000, aliases={"fresh": 4})
    report = move(world, there)
    assert report.complete, report.findings
    assert {kind: each.added for kind, each in report.counts.items() if each.added} == {
        "point": 36,
        "file": 1,
        "version": 1,
        "alias": 1,
    }
    with world.means.database.read() as records:
        assert records.runs.find(RUN).name == "renamed"
        assert len(records.run_logs.history(RUN, "loss", 100).items) == 31
        assert records.aliases.of_model(CHURN) == {"fresh": 4}
        assert records.models.get(CHURN).changed_at == instant(99_000)


def test_what_people_change_here_stays_and_is_told(world, there):
    move(world, there)
    with world.means.database.write() as records:
        records.runs.save(replace(records.runs.find(RUN), name="ours"))
    world.use.annotating.set_alias(world.local, CHURN, "mine", AliasTarget("1"))
    report = move(world, there)
    assert report.complete
    assert any(each.kind == "run" and "changed here" in each.what for each in report.findings)
    with world.means.database.read() as records:
        assert records.runs.find(RUN).name == "ours"
        assert records.aliases.of_model(CHURN) == {"mine": 1}


def test_an_experiment_whose_id_is_taken_gets_another_one(world, there):
    with world.means.database.write() as records:
        records.experiments.add(replace(records.experiments.get(0), id=7, name="something else"))
    report = move(world, there)
    assert report.complete
    assert any("has the id 8 here, 7 there" in each.what for each in report.findings)
    with world.means.database.read() as records:
        assert records.experiments.get(8).name == "fraud"
        assert records.runs.find(RUN).artifact_root == f"mlflow-artifacts:/8/{RUN}/artifacts"
        assert records.versions.get(CHURN, 1) is not None


def test_an_experiment_of_the_same_name_takes_the_runs_in(world, there):
    made = world.use.experiments.create(world.local, "default", "fraud", tags={"owner": "ours"})
    report = move(world, there)
    assert report.complete, report.findings
    with world.means.database.read() as records:
        assert records.runs.find(RUN).experiment_id == made.id
        assert records.experiments.get(made.id).tags == {"owner": "ours"}
    assert move(world, there).complete


def test_stages_come_ungated_where_the_policy_observes(world, there):
    there.versions_kept[0] = replace(there.versions_kept[0], stage="Production")
    there.versions_kept[1] = replace(there.versions_kept[1], stage="Production")
    report = move(world, there)
    assert report.complete, report.findings
    with world.means.database.read() as records:
        first, third = records.versions.get(CHURN, 1), records.versions.get(CHURN, 3)
    assert (first.stage, third.stage) == (Stage.ARCHIVED, Stage.PRODUCTION)
    assert third.ungated
    assert any("the newest" in each.what for each in report.findings)
    before = everything(world)
    assert move(world, there).complete
    assert everything(world) == before


def test_stages_stay_in_development_where_the_policy_enforces(world, there):
    there.models_kept = [model("team.scorer", aliases={"production": 1, "staging": 1, "other": 1})]
    there.versions_kept = [version("team.scorer", 1, source=f"runs:/{RUN}/model", stage="Production")]
    report = move(world, there)
    assert report.complete, report.findings
    with world.means.database.read() as records:
        found = records.versions.get(ModelName("team/scorer"), 1)
        assert records.aliases.of_model(ModelName("team/scorer")) == {"other": 1}
        assert not records.promotions.of_model(ModelName("team/scorer"))
    assert found.stage is Stage.DEVELOPMENT
    assert any("assay promote team/scorer/v1.0.0" in each.advice for each in report.findings)


def test_an_alias_that_names_a_stage_wins_over_the_stage(world, there):
    there.versions_kept[0] = replace(there.versions_kept[0], stage="Production")
    there.models_kept[0] = model("churn", aliases={"production": 3, "archived": 3})
    report = move(world, there)
    assert report.complete, report.findings
    with world.means.database.read() as records:
        assert records.stages.holder(CHURN) == 3
    assert any(each.kind == "alias" and "name of a stage" in each.what for each in report.findings)
    assert move(world, there).complete


def test_no_version_stands_for_nothing(world, there):
    there.versions_kept += [
        version("churn", 5, source=f"runs:/{'f' * 32}/model"),
        version("churn", 6, source="file:///etc"),
        version("churn", 7, source="s3://bucket/model", run_id=""),
        version("churn", 8, source="there:/custom/place", run_id=""),
    ]
    there.write("there:/custom/place", {"m.bin": b"on its own"})
    report = move(world, there)
    assert report.complete
    left_out = {each.name for each in report.findings if each.what.startswith("is not moved")}
    assert left_out == {"churn/5", "churn/6"}
    with world.means.database.read() as records:
        assert records.versions.get(CHURN, 5) is None
        assert records.versions.get(CHURN, 7).external == "s3://bucket/model"
        assert [each.path for each in records.versions.get(CHURN, 8).files] == ["m.bin"]


def test_a_number_that_was_deleted_there_is_given_no_more(world, there):
    there.versions_kept.append(version("churn", 9, stage=DELETED))
    assert move(world, there).complete
    with world.means.database.read() as records:
        assert records.versions.highest(CHURN)[0] == 9
        assert records.versions.get(CHURN, 9) is None
    count = len(world.events())
    move(world, there)
    assert len(world.events()) == count + 1


@pytest.mark.parametrize(
    "name",
    ["../up", "a/../../b", "/etc/passwd", "c:/x", "a\\b", "a//b", "%2e%2e/x", "tab\there", "\udcff", ""],
)
def test_a_hostile_name_is_left_out_and_told(world, there, name):
    there.write(f"there:/7/{RUN}/artifacts", {name: b"x"})
    report = move(world, there)
    assert report.complete
    assert [each.explained for each in report.findings if each.kind == "file"] == [True]
    with world.means.database.read() as records:
        assert len(records.files.under("")) == 5


@pytest.mark.parametrize("name", ["fig#1.png", "k%step%41%timestamp%1795000000000%g0", "a%2541b", "a%00"])
def test_an_odd_name_comes_as_it_is(world, there, name):
    there.write(f"there:/7/{RUN}/artifacts", {name: b"x"})
    report = move(world, there)
    assert report.complete
    assert not [each for each in report.findings if each.kind == "file"]
    with world.means.database.read() as records:
        assert records.files.get(f"7/{RUN}/artifacts/{name}").size_bytes == 1


def test_what_is_no_plain_file_is_left_out_and_told(world, there):
    there.write(f"there:/7/{RUN}/artifacts", {"link": "is a link, which is not followed"})
    report = move(world, there)
    assert report.complete
    assert any("is not followed" in each.what for each in report.findings)


def test_files_in_an_object_store_stay_there(world, there):
    there.runs_kept["7"][0] = run(RUN, artifact_root="s3://bucket/run")
    assert move(world, there).complete
    with world.means.database.read() as records:
        assert records.runs.find(RUN).artifact_root == "s3://bucket/run"


def test_files_out_of_reach_are_no_complete_import(world, there):
    there.runs_kept["7"][0] = run(RUN, artifact_root="lost:/x")
    report = move(world, there)
    assert not report.complete
    assert kinds(report, explained=False) == {"file"}


def test_other_bytes_never_replace_those_of_a_version(world, there):
    move(world, there)
    there.write(f"there:/7/{RUN}/artifacts", {"model/m.bin": b"swapped!"})
    report = move(world, there)
    assert any("has other bytes there now" in each.what for each in report.findings)
    with world.means.database.read() as records:
        assert records.versions.get(CHURN, 1).files[1].size_bytes == 5
        assert records.files.get(f"7/{RUN}/artifacts/model/m.bin").size_bytes == 5


def test_words_that_break_a_rule_are_left_out_and_told(world, there):
    odd = [Point("bad\\key", 1.0, 1, 0), Point("late", 1.0, -5, 0)]
    there.points_kept[RUN] = [*points(), *odd]
    there.runs_kept["7"][0] = run(RUN, tags={"ok": "1", "../x": "2"}, latest=newest([*points(), *odd]))
    report = move(world, there)
    assert report.complete, report.findings
    with world.means.database.read() as records:
        (found,) = records.runs.logged([RUN])
    assert found.tags == {"ok": "1"}
    assert {each.key for each in found.metrics} == {"loss", "odd", "accuracy"}


def test_a_model_of_the_same_name_is_not_mixed_up(world, there):
    digest, size = world.upload(b"ours", world.local)
    from assay.core.digests import FileEntry
    from assay.wire.requests import NewVersion

    world.use.registration.register(world.local, CHURN, NewVersion((FileEntry("m", digest, size),)))
    report = move(world, there)
    assert not report.complete
    with world.means.database.read() as records:
        assert records.versions.get(CHURN, 3) is None
    assert move(world, there, team="moved").counts["version"].here == 3


def test_an_empty_model_of_the_same_name_is_filled(world, there):
    made = world.use.outside.create(world.local, "default", "churn")
    report = move(world, there)
    assert report.complete, report.findings
    with world.means.database.read() as records:
        assert records.models.get(CHURN).created_at == made.created_at
        assert records.versions.get(CHURN, 3) is not None
    assert move(world, there).complete


def test_another_team_takes_all_in(world, there):
    report = move(world, there, team="cards")
    assert report.complete, report.findings
    with world.means.database.read() as records:
        assert records.experiments.get(7).team == "cards"
        assert records.models.known("cards.churn").name == ModelName("cards/churn")


def test_a_deleted_logged_model_comes_hidden(world, there):
    there.logged["7"] = [logged_model(deleted_at_ms=13_000)]
    report = move(world, there)
    assert report.complete, report.findings
    with world.means.database.read() as records:
        assert not records.logged_models.get([MODEL_ID])
    assert move(world, there).complete


def test_a_run_that_is_here_in_another_experiment_is_a_fault(world, there):
    move(world, there)
    there.experiments_kept.append(experiment("9", "other"))
    there.runs_kept["9"] = there.runs_kept.pop("7")
    report = move(world, there)
    assert not report.complete
    assert "run" in kinds(report, explained=False)


def test_many_points_are_moved_in_pieces(world, there):
    many = [Point("loss", float(step), 1000 + step, step) for step in range(25_000)]
    there.points_kept[RUN] = many
    there.runs_kept["7"][0] = run(RUN, latest=newest(many))
    report = move(world, there)
    assert report.complete
    assert report.counts["point"].here == 25_000


def test_only_an_admin_moves_in(world, there):
    with pytest.raises(DeniedError):
        MovingIn(world.means).move(world.ada, there.source(), MoveOptions())


@pytest.mark.parametrize("options", [{"team": "Not A Team"}, {"verify": "some"}])
def test_options_are_checked(options):
    with pytest.raises(BadInputError):
        MoveOptions(**options)


def test_every_import_and_every_version_leaves_its_event(world, there):
    move(world, there)
    verbs = [each.verb for each in world.events() if each.verb.startswith("import.")]
    assert verbs == ["import.experiment"] * 2 + ["import.model"] * 2 + ["import.version"] * 3 + [
        "import.finish"
    ]
