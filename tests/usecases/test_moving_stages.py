"""Stages and aliases that move in: once, the same way ever after, and never over what people did here."""

from dataclasses import replace

import pytest

from assay.core.moving import DELETED
from assay.core.names import ModelName
from assay.core.stages import Stage
from assay.usecases.moving.importing import MoveOptions, MovingIn
from usecases.elsewhere import RUN, Elsewhere, model, version
from usecases.registry_world import POLICY
from usecases.test_moving_in import everything

CHURN = ModelName("default/churn")
IS_PROMPT = {"mlflow.prompt.is_prompt": "true"}
PROMPT = {**IS_PROMPT, "mlflow.prompt.text": "Hi"}


@pytest.fixture
def there():
    return Elsewhere()


def move(world, there, **options):
    return MovingIn(world.means).move(world.local, there.source(), MoveOptions(**options))


def stages_of(world, name=CHURN, numbers=(1, 3)):
    with world.means.database.read() as records:
        return {number: records.versions.get(name, number).stage for number in numbers}


def staged(there, stages, aliases, *, tags=None):
    """Let the source say these stages, and these aliases."""
    kept = [each for each in there.versions_kept if each.name == "churn"]
    if tags:
        kept = [replace(each, source="prompt-template", run_id="", model_id="", tags=PROMPT) for each in kept]
    there.versions_kept = [replace(each, stage=stages.get(each.number, "None")) for each in kept]
    there.models_kept = [model("churn", aliases=aliases, tags=tags or {})]


def again_nothing(world, there, times=3):
    """Import again and again; return the report after it was seen that nothing was done."""
    before, count = everything(world), len(world.events())
    for _ in range(times):
        report = move(world, there)
        assert report.complete, report.findings
        assert not any(each.added or each.changed for each in report.counts.values())
        assert not [each for each in report.findings if "since it moved in" in each.what]
    assert everything(world) == before
    assert [each.verb for each in world.events()[count:]] == ["import.finish"] * times
    return report


@pytest.mark.parametrize("tags", [{}, IS_PROMPT])
@pytest.mark.parametrize(
    ("stages", "aliases", "serving"),
    [
        ({1: "Production"}, {"production": 3}, 3),
        ({3: "Production"}, {"production": 1}, 1),
        ({1: "Production", 3: "Production"}, {"production": 1}, 1),
        ({}, {"production": 1}, 1),
        ({1: "Staging"}, {"production": 1, "staging": 3}, 1),
        ({1: "Production"}, {"staging": 1}, 1),
        ({1: "Production"}, {"staging": 3, "champion": 1}, 1),
        ({1: "Production"}, {"production": 9}, 1),
        ({1: "Production"}, {"production": 3, "staging": 3}, 3),
        ({1: "Archived"}, {"Production": 1}, 1),
    ],
)
def test_a_second_import_of_stages_and_aliases_does_nothing_at_all(
    world, there, stages, aliases, serving, tags
):
    staged(there, stages, aliases, tags=tags)
    first = move(world, there)
    assert first.complete, first.findings
    found = stages_of(world)
    if not tags:
        assert found[serving] is Stage.PRODUCTION
    else:
        assert set(found.values()) <= {Stage.DEVELOPMENT, Stage.ARCHIVED}
        with world.means.database.read() as records:
            kept = {alias.lower(): number for alias, number in aliases.items() if number in found}
            assert records.aliases.of_model(CHURN) == kept
    again_nothing(world, there)
    assert stages_of(world) == found


def test_production_moves_again_only_where_the_source_moved_it(world, there):
    staged(there, {1: "Production"}, {})
    move(world, there)
    staged(there, {1: "Archived", 3: "Production"}, {})
    assert move(world, there).complete
    assert stages_of(world) == {1: Stage.ARCHIVED, 3: Stage.PRODUCTION}
    again_nothing(world, there)
    staged(there, {1: "Production", 3: "None"}, {})
    assert move(world, there).complete
    assert stages_of(world) == {1: Stage.PRODUCTION, 3: Stage.DEVELOPMENT}
    again_nothing(world, there)
    staged(there, {1: "Production", 3: "None"}, {"production": 3})
    assert move(world, there).complete
    assert stages_of(world) == {1: Stage.ARCHIVED, 3: Stage.PRODUCTION}
    again_nothing(world, there)


@pytest.mark.parametrize("ours", ["other", "nobody"])
def test_production_that_was_moved_here_is_never_moved_from_over_there(world, there, ours):
    staged(there, {1: "Production"}, {})
    move(world, there)
    stage = Stage.ARCHIVED if ours == "nobody" else Stage.PRODUCTION
    number = "1" if ours == "nobody" else "3"
    world.use.outside_stages.transition(world.local, "churn", number, stage, archive_existing=False)
    serving = [number for number, stage in stages_of(world).items() if stage is Stage.PRODUCTION]
    for stages, aliases in (
        ({1: "Production"}, {}),
        ({1: "Staging", 3: "None"}, {}),
        ({1: "Production", 3: "Archived"}, {}),
        ({1: "Production"}, {"production": 1}),
    ):
        staged(there, stages, aliases)
        for _ in range(2):
            report = move(world, there)
            assert report.complete, report.findings
            found = stages_of(world)
            assert [each for each in found if found[each] is Stage.PRODUCTION] == serving
            assert found[1] is Stage.ARCHIVED
            said = [each.what for each in report.findings if each.kind == "version"]
            assert any("people have" in each or "changed here since it moved in" in each for each in said), (
                said
            )


def test_a_version_that_people_kept_out_of_production_stays_out_when_they_clear_it(world, there):
    staged(there, {}, {})
    move(world, there)
    world.use.outside_stages.transition(world.local, "churn", "3", Stage.PRODUCTION, archive_existing=False)
    staged(there, {1: "Production"}, {})
    report = move(world, there)
    assert any("people have put version 3" in each.what for each in report.findings)
    world.use.outside_stages.transition(world.local, "churn", "3", Stage.ARCHIVED, archive_existing=False)
    assert move(world, there).complete
    assert stages_of(world) == {1: Stage.DEVELOPMENT, 3: Stage.ARCHIVED}


def test_what_the_policy_held_back_is_not_moved_by_a_policy_that_observes_later(world, there):
    there.models_kept = [model("team.scorer", aliases={"production": 1})]
    there.versions_kept = [version("team.scorer", 1, source=f"runs:/{RUN}/model", stage="Production")]
    name = ModelName("team/scorer")
    for _ in range(2):
        report = move(world, there)
        assert report.complete, report.findings
        assert any("assay promote team/scorer/v1.0.0" in each.advice for each in report.findings)
        assert stages_of(world, name, (1,)) == {1: Stage.DEVELOPMENT}
        world.use.policies.set(world.local, "team", {**POLICY, "mode": "observe"})


def test_a_prompt_whose_last_number_was_deleted_there_moves_in_too(world, there):
    staged(there, {}, {"production": 1}, tags=IS_PROMPT)
    there.versions_kept.append(version("churn", 4, stage=DELETED))
    assert move(world, there).complete
    with world.means.database.read() as records:
        assert records.versions.highest(CHURN)[0] == 4
    again_nothing(world, there)
