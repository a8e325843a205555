"""The same program, with the same client, against a stock ``mlflow server`` and against Assay."""

import re
from pathlib import Path

import pytest

from clients.comparing import unlisted
from clients.differences import DIFFERENCES, places
from clients.players import environments, scenarios

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mlflow.md"
SCENARIOS = scenarios()
PLAYS = [
    (client, scenario)
    for client in environments.clients()
    for scenario, known in SCENARIOS.items()
    if client.removeprefix("mlflow-").rpartition(".")[0] in known
]


@pytest.mark.parametrize(("client", "scenario"), PLAYS, ids=lambda each: each)
def test_a_real_client_sees_what_a_stock_server_shows_it(theatre, client, scenario):
    stock, ours = theatre.play_on_both(client, scenario)
    listed = places(scenario, client.removeprefix("mlflow-").rpartition(".")[0])
    wrong = unlisted(stock, ours, listed)
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_difference_is_written_down_and_seen_by_a_scenario():
    written = PAGE.read_text("utf-8").partition("## Deliberate differences")[2].partition("\n## ")[0]
    entries = re.findall(r"^- \*\*(.+?)\*\*: (.+?)(?=\n- |\n\n|\Z)", written, re.MULTILINE | re.DOTALL)
    page = {name: " ".join(reason.split()) for name, reason in entries}
    assert {each.name: each.reason for each in DIFFERENCES} == page
    assert not [each.name for each in DIFFERENCES if not each.places]
    assert not {place.scenario for each in DIFFERENCES for place in each.places} - set(SCENARIOS)


def test_the_clients_that_must_hold_are_the_ones_that_play():
    assert [each.rpartition(".")[0] for each in environments.clients()] == [
        "mlflow-2.22",
        "mlflow-3.17",
        "mlflow-3.18",
    ]
