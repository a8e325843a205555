"""The names by which other clients know models, and how they become ``team/task``."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.names import ModelName
from assay.core.outside_names import MAX_LENGTH, check_team, known_as, model_for, normal_name

part = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True).filter(lambda text: ".." not in text)


@pytest.mark.parametrize("written", ["risk.fraud", "risk/fraud", "risk%2Ffraud", "risk%2ffraud"])
def test_three_ways_of_writing_one_name(written):
    name = normal_name(written)
    assert name == "risk.fraud"
    assert model_for(name) == ModelName("risk/fraud")


@pytest.mark.parametrize(
    ("written", "name", "model"),
    [
        ("fraud-detector", "fraud-detector", "default/fraud-detector"),
        ("default.fraud-detector", "fraud-detector", "default/fraud-detector"),
        ("default/fraud-detector", "fraud-detector", "default/fraud-detector"),
        ("default.a.b", "default.a.b", "default/a.b"),
        ("team.a.b", "team.a.b", "team/a.b"),
        ("a.b/c", "a.b/c", "a.b/c"),
        ("0", "0", "default/0"),
    ],
)
def test_names_by_example(written, name, model):
    assert normal_name(written) == name
    assert model_for(name) == model


@given(part, part)
def test_a_model_made_elsewhere_is_found_by_the_name_it_is_known_as(team, task):
    model = ModelName(f"{team}/{task}")
    name = known_as(model)
    assert normal_name(name) == name
    assert model_for(name) == model
    assert normal_name(str(model)) == name
    assert normal_name(f"{team}%2F{task}") == name


@given(st.text(max_size=40))
def test_every_accepted_name_stands_for_one_model_and_stays_itself(text):
    try:
        name = normal_name(text)
    except BadInputError:
        return
    assert normal_name(name) == name
    assert unicodedata.is_normalized("NFC", name)
    model = model_for(name)
    assert model == model_for(name)
    assert ModelName(str(model)) == model


@pytest.mark.parametrize(
    "name", ["My Model", "Modèle", "模型", "A", "a b", "x" * 200, "-a", ".a", "a..b", "..a"]
)
def test_names_with_other_letters_get_a_task_of_their_own(name):
    model = model_for(normal_name(name))
    assert model.team == "default"
    assert model.task != model_for(normal_name(name + "x")).task


def test_names_that_differ_only_in_case_are_different_models():
    assert len({model_for(normal_name(name)) for name in ("Model", "model", "MODEL", "modél")}) == 4


def test_composed_and_decomposed_letters_are_one_name():
    assert normal_name("Mode\u0301l") == normal_name("Mod\u00e9l")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            " ",
            "\t",
            "..",
            ".",
            "a/b/c",
            "/",
            "/a",
            "a/",
            "../x",
            "A/../b",
            "a:b",
            "models:/x",
            "a%2Fb%2Fc",
            "%2F",
        ),
        *("a\0b", "a\nb", "\ud800", "x" * (MAX_LENGTH + 1), "..%2f..", "a/..", "../..", None, 5),
    ],
)
def test_names_that_read_as_paths_or_addresses_are_refused(name):
    with pytest.raises(BadInputError) as caught:
        normal_name(name)
    assert caught.value.reasons[0].field == "name"


@pytest.mark.parametrize("team", ["", "A", "a/b", "..", "a..b", "-a", "é", "x" * 97, None])
def test_what_is_no_team(team):
    with pytest.raises(BadInputError, match="team"):
        check_team(team)


def test_what_is_a_team():
    assert check_team("risk-1.x_y") == "risk-1.x_y"
