"""What every store must do with searches over models and versions in the filter language."""

from dataclasses import replace

import pytest

from assay.core.errors import BadInputError
from assay.core.names import Address, ModelName
from assay.core.promotions import PromotionState, RegistrationState
from assay.core.prompts import is_prompt
from assay.core.provenance import Provenance
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.searches import Search
from assay.core.tracking.vocabularies import MODEL_VERSIONS, REGISTERED_MODELS
from assay.core.versions import Source
from contracts.samples import MODEL, NOON, later, model, move, promotion, version
from contracts.tracking_samples import FOREIGN_CURSORS, all_pages

PROMPT = "mlflow.prompt.is_prompt"
NOON_MS = int(NOON.timestamp() * 1000)
EVERYTHING = ("*",)


def touched(records, name, seconds, number=None):
    records.models.touch(ModelName(name), later(seconds), number)


@pytest.fixture
def stored(database):
    """Models a, b, c of team and other, a prompt, one put away; four versions of a, one of b, one of c."""
    with database.write() as records:
        records.models.add(
            model("team/a", known_as="Fraud Détector", tags={"k": "v", "only": ""}, description="D")
        )
        records.models.add(model("team/b", tags={"k": "V"}))
        records.models.add(model("other/c", tags={PROMPT: "false"}))
        records.models.add(model("other/p", tags={PROMPT: "true", "k": "v"}))
        records.models.add(model("team/gone", tags={"k": "v"}))
        records.models.put_away(ModelName("team/gone"), NOON)
        for number in range(1, 5):
            records.versions.add(
                version(
                    number,
                    name="team/a",
                    tags={"n": str(number), **({PROMPT: "true"} if number == 4 else {})},
                    source=Source(f"runs:/r{number}/model", f"r{number}", "m-1" if number == 1 else ""),
                    provenance=Provenance(metrics={"accuracy": number / 10}),
                    description=f"text {number}",
                )
            )
        for number, name in ((1, "team/b"), (1, "other/c")):
            records.versions.add(version(number, name=name, provenance=Provenance()))
        records.aliases.set(ModelName("team/a"), "best", 2)
        records.aliases.set(ModelName("team/b"), "Best", 1)
        step = replace(
            move(3, Stage.DEVELOPMENT, Stage.STAGING), model=ModelName("team/a"), semver=SemVer(1, 3, 0)
        )
        records.stages.move(step)
        records.versions.delete(ModelName("team/a"), 1, NOON)
        for seconds, name, number in (
            (10, "team/b", 1),
            (30, "team/a", 2),
            (20, "team/a", 4),
            (20, "team/a", 3),
        ):
            touched(records, name, seconds, number)
    return database


def models(database, text="", *order, visible=EVERYTHING, limit=2):
    condition, by = parse_filter(text, REGISTERED_MODELS), parse_order(order, REGISTERED_MODELS)

    def ask(cursor):
        with database.read() as records:
            return records.registry_search.models(Search(condition, by, limit=limit, cursor=cursor), visible)

    return [each.name.task for each in all_pages(ask)]


def versions(database, text="", *order, visible=EVERYTHING, limit=2):
    condition, by = parse_filter(text, MODEL_VERSIONS), parse_order(order, MODEL_VERSIONS)

    def ask(cursor):
        with database.read() as records:
            return records.registry_search.versions(
                Search(condition, by, limit=limit, cursor=cursor), visible
            )

    return [f"{each.model.task}{each.number}" for _, each in all_pages(ask)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "abcp"),
        ("name = 'Fraud Détector'", "a"),
        ("name = 'team.b'", "b"),
        ("name = 'team/b'", ""),
        ("name != 'team.b'", "acp"),
        ("name LIKE '%.%'", "bcp"),
        ("name LIKE 'fraud%'", ""),
        ("name ILIKE 'fraud DÉT%'", "a"),
        ("name IN ('team.b', 'other.c', 'x')", "bc"),
        ("tags.k = 'v'", "ap"),
        ("tags.k != 'v'", "b"),
        ("tags.k LIKE 'v'", "ap"),
        ("tags.k ILIKE 'v'", "abp"),
        ("tags.none != 'v'", ""),
        ("tags.only = ''", "a"),
        ("tags.only IS NULL", "bcp"),
        ("tags.only IS NOT NULL", "a"),
        ("description = 'D'", "a"),
        ("team = 'other'", "cp"),
        ("alias = 'best'", "a"),
        ("alias = 'Best'", "b"),
        ("alias ILIKE 'best'", "ab"),
        ("alias = 'Staging'", "a"),
        ("alias = 'production'", ""),
        (f"creation_timestamp = {NOON_MS}", "abcp"),
        (f"last_updated_timestamp > {NOON_MS}", "ab"),
        (f"last_updated_timestamp <= '{NOON_MS + 10_000}'", "bcp"),
        ("last_updated_timestamp > 99999999999999999999", ""),
        ("last_updated_timestamp > -99999999999999999999", "abcp"),
        ("tags.k = 'v' AND name = 'Fraud Détector' OR team = 'other' AND NOT tags.k = 'v'", "ac"),
        # The clause that clients add to every search for models, and its opposite.
        (f"tags.`{PROMPT}` != 'true'", "abc"),
        (f"tags.`{PROMPT}` = 'false'", "abc"),
        (f"tags.`{PROMPT}` = 'true'", "p"),
        (f"tags.`{PROMPT}` = 'true' AND name ILIKE '%P'", "p"),
    ],
)
def test_conditions_on_models_find_what_they_say(stored, text, expected):
    assert "".join(sorted(models(stored, text))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a2 a3 a4 b1 c1"),
        ("name = 'Fraud Détector'", "a2 a3 a4"),
        ("name != 'Fraud Détector'", "b1 c1"),
        ("name ILIKE '%DÉTECTOR'", "a2 a3 a4"),
        ("name IN ('team.b', 'Fraud Détector')", "a2 a3 a4 b1"),
        ("run_id = 'r2'", "a2"),
        ("run_id IN ('r1', 'r2', 'r3')", "a2 a3"),
        ("source_path LIKE 'runs:/r_/model'", "a2 a3 a4"),
        ("source_path = ''", "b1 c1"),
        ("version_number > 2", "a3 a4"),
        ("version_number = '3'", "a3"),
        ("version_number != 1", "a2 a3 a4"),
        ("tags.n = '2'", "a2"),
        ("tags.n != '2'", "a3 a4"),
        ("tags.n IS NULL", "b1 c1"),
        ("stage = 'staging'", "a3"),
        ("current_stage = 'None'", "a2 a4 b1 c1"),
        ("stage != 'Development'", "a3"),
        ("alias = 'best'", "a2"),
        ("alias = 'staging'", "a3"),
        ("description LIKE 'text%'", "a2 a3 a4"),
        ("user_id = 'ada'", "a2 a3 a4 b1 c1"),
        ("model_id = 'm-1'", ""),
        ("metrics.accuracy >= 0.3", "a3 a4"),
        ("metrics.accuracy != 0.3", "a2 a4"),
        ("metrics.none > 0", ""),
        (f"creation_timestamp = {NOON_MS + 2000}", "a2"),
        (f"last_updated_timestamp >= {NOON_MS + 20_000}", "a2 a3 a4"),
        (f"tags.`{PROMPT}` != 'true'", "a2 a3 b1 c1"),
        ("NOT name = 'team.b' AND (version_number = 1 OR tags.n = '4')", "a4 c1"),
    ],
)
def test_conditions_on_versions_find_what_they_say(stored, text, expected):
    assert " ".join(sorted(versions(stored, text))) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((), "a c p b"),
        (("name DESC",), "b p c a"),
        (("last_updated_timestamp DESC",), "a b c p"),
        (("timestamp ASC", "name DESC"), "p c b a"),
    ],
    ids=str,
)
def test_pages_of_models_follow_one_another_in_order(stored, order, expected, limit):
    assert " ".join(models(stored, "", *order, limit=limit)) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((), "a2 a4 a3 b1 c1"),
        (("version_number ASC", "name DESC"), "b1 c1 a2 a3 a4"),
        (("name ASC", "version_number DESC"), "a4 a3 a2 c1 b1"),
        (("creation_timestamp DESC",), "a4 a3 a2 c1 b1"),
        (("last_updated_timestamp ASC",), "c1 b1 a4 a3 a2"),
        (("version_number ASC",), "c1 b1 a2 a3 a4"),
        (("version_number DESC",), "a4 a3 a2 c1 b1"),
        (("name ASC",), "a4 a3 a2 c1 b1"),
    ],
    ids=str,
)
def test_pages_of_versions_follow_one_another_in_order(stored, order, expected, limit):
    assert " ".join(versions(stored, "", *order, limit=limit)) == expected


def test_only_what_the_asker_may_see_is_found(stored):
    assert models(stored, visible=("team/*",)) == ["a", "b"]
    assert models(stored, visible=("other/p", "team/a")) == ["a", "p"]
    assert models(stored, visible=()) == versions(stored, visible=()) == []
    assert versions(stored, visible=("other/*", "team/b")) == ["b1", "c1"]
    assert models(stored, visible=("%/*", "team/_")) == []


def test_a_model_comes_with_all_that_is_known_of_it(stored):
    with stored.read() as records:
        (found,) = records.registry_search.models(
            Search(parse_filter("alias = 'best'", REGISTERED_MODELS)), EVERYTHING
        ).items
        assert found == records.models.get(ModelName("team/a"))
        ((name, version_found),) = records.registry_search.versions(
            Search(parse_filter("alias = 'best'", MODEL_VERSIONS)), EVERYTHING
        ).items
    assert (name, version_found.model) == ("Fraud Détector", "team/a")
    assert (version_found.aliases, version_found.tags) == (("best",), {"n": "2"})
    assert (version_found.source.run_id, version_found.metrics) == ("r2", {"accuracy": 0.2})


def test_a_renamed_model_is_found_by_its_new_name_with_its_versions(stored):
    with stored.write() as records:
        records.models.annotate(replace(records.models.get(ModelName("team/a")), known_as="New"))
    assert models(stored, "name = 'New'") == ["a"]
    assert sorted(versions(stored, "name = 'New'")) == ["a2", "a3", "a4"]
    assert models(stored, "name = 'Fraud Détector'") == []


def test_what_was_put_away_is_found_when_it_comes_back(stored):
    with stored.write() as records:
        records.models.add(model("team/gone"))
    assert models(stored, "name = 'team.gone'") == ["gone"]
    assert models(stored, "name = 'team.gone' AND tags.k = 'v'") == []


@pytest.mark.parametrize("cursor", FOREIGN_CURSORS)
def test_a_cursor_of_ones_own_making_is_refused(stored, cursor):
    with stored.read() as records:
        for question in (records.registry_search.models, records.registry_search.versions):
            with pytest.raises(BadInputError, match="Invalid page token"):
                question(Search(cursor=cursor), EVERYTHING)


def test_the_sample_model_is_known_outside_by_team_and_task(filled):
    with filled.read() as records:
        (found,) = records.registry_search.models(Search(), EVERYTHING).items
    assert (found.name, found.known_as) == (MODEL, "team.task")


def test_models_come_with_the_greatest_number_of_each_stage_and_all_that_points_at_versions(stored):
    with stored.write() as records:
        early = replace(version(9, name="team/a", provenance=Provenance()), registered_at=later(-999))
        records.versions.add(early)
        records.models.add(model("team/empty"))
    with stored.read() as records:
        every = [records.models.get(ModelName(name)) for name in ("team/b", "team/a", "team/empty")]
        b, a, empty = records.registry_search.overviews(every)
        assert records.registry_search.latest(ModelName("team/a")) == a.latest
        assert records.registry_search.latest(ModelName("team/empty")) == ()
        asked = records.registry_search.latest(ModelName("team/a"), (Stage.STAGING, Stage.ARCHIVED))
        assert [each.number for each in asked] == [3]
        assert a.latest[0] == records.versions.resolve(Address(ModelName("team/a"), number=9))
        assert records.registry_search.overviews([]) == ()
    assert [each.model.name for each in (b, a, empty)] == ["team/b", "team/a", "team/empty"]
    assert [(each.stage, each.number) for each in a.latest] == [(Stage.DEVELOPMENT, 9), (Stage.STAGING, 3)]
    assert (a.aliases, b.aliases, empty.aliases) == ({"best": 2, "staging": 3}, {"Best": 1}, {})
    assert ([each.number for each in b.latest], empty.latest) == ([1], ())


@pytest.mark.parametrize("value", ["true", "TRUE", "tRuE", "false", "", "yes"])
def test_searches_and_the_rest_agree_on_what_is_a_prompt(stored, value):
    with stored.write() as records:
        tags = {PROMPT: value}
        records.models.add(model("new/x", tags=tags))
    found = {
        text: "x" in models(stored, f"tags.`{PROMPT}` {text}")
        for text in ("= 'true'", "!= 'true'", "= 'false'")
    }
    yes = is_prompt(tags)
    assert found == {"= 'true'": yes, "!= 'true'": not yes, "= 'false'": not yes}


def test_the_newest_request_decides_how_a_registration_stands(stored):
    name = ModelName("team/a")

    def state(number):
        with stored.read() as records:
            found = records.registry_search.versions(Search(limit=100), EVERYTHING).items
            resolved = records.versions.resolve(Address(name, number=number))
        (summary,) = (each for _, each in found if (each.model, each.number) == (name, number))
        assert summary == resolved
        return summary.registration.state

    def ask(key, number, at, target=Stage.DEVELOPMENT, **more):
        one = replace(promotion(key, number, at), model=name, target=target, **more)
        with stored.write() as records:
            records.promotions.add(one)

    assert state(2) is RegistrationState.READY
    ask("pr_1", 2, 10)
    ask("pr_2", 3, 11, state=PromotionState.REFUSED)
    ask("pr_3", 2, 12, target=Stage.STAGING, comment='"target":"Development"')
    assert (state(2), state(3)) == (RegistrationState.PENDING, RegistrationState.FAILED)
    ask("pr_4", 3, 13, state=PromotionState.PROMOTED)
    assert (state(2), state(3), state(4)) == (
        RegistrationState.PENDING,
        RegistrationState.READY,
        RegistrationState.READY,
    )
