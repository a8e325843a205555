"""A client that works in one team leaves the team out of names, and means the same models."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.names import PART
from assay.core.outside_names import DEFAULT_TEAM, model_for, name_in, normal_name, says_team, shown_in

TEAMS = st.sampled_from([DEFAULT_TEAM, "risk", "a.b", "r-1", "x_"])
WORDS = st.text("abRx.%/2Ff -_é1", min_size=1, max_size=12)
NAMES = st.one_of(WORDS, st.builds("{}.{}".format, TEAMS, WORDS), st.builds("{}/{}".format, TEAMS, WORDS))


def kept(team, text):
    try:
        return name_in(team, text)
    except BadInputError:
        assume(False)


@given(TEAMS, TEAMS, NAMES)
def test_what_a_team_is_shown_means_the_same_model_when_it_asks_for_it(own, other, text):
    name = kept(own, text)
    reads_as_a_task = re.fullmatch(PART, name) and "." in name and not says_team(name)
    assume(not reads_as_a_task)
    assert name_in(own, shown_in(own, name)) == name
    assert name_in(other, shown_in(other, name)) == name


@given(TEAMS, NAMES)
def test_a_kept_name_stays_as_it_is_and_is_the_teams_own_unless_it_says_another(team, text):
    name = kept(team, text)
    assert normal_name(name) == name
    if team != DEFAULT_TEAM and not says_team(text):
        assert model_for(name).team == team


@pytest.mark.parametrize(
    ("team", "text", "name", "model"),
    [
        ("risk", "fraud", "risk.fraud", "risk/fraud"),
        ("risk", "credit.fraud", "credit.fraud", "credit/fraud"),
        ("risk", "default.fraud", "fraud", "default/fraud"),
        ("a.b", "fraud", "a.b/fraud", "a.b/fraud"),
        (DEFAULT_TEAM, "fraud", "fraud", "default/fraud"),
    ],
)
def test_names_by_example(team, text, name, model):
    assert name_in(team, text) == name
    assert model_for(name) == model


def test_a_name_with_other_letters_is_the_teams_own_too():
    name = name_in("risk", "Fraud Model")
    assert name == "risk/Fraud Model"
    assert model_for(name).team == "risk"
    assert shown_in("risk", name) == "Fraud Model"
    assert shown_in("credit", name) == name
