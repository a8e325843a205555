"""Rows as portable lines: what one database wrote, every other one takes, and goes on from there."""

from contextlib import closing

import pytest

import postgres
from assay.core.tracking.experiments import DEFAULT_ID
from contracts.samples import entry, model
from contracts.stores import DATABASES
from contracts.tracking_samples import experiment, log, points, run


@pytest.fixture(params=sorted(DATABASES))
def other(request, tmp_path):
    """Another database, of each kind, that nothing was stored in."""
    root = tmp_path / "other"
    root.mkdir()
    with closing(DATABASES[request.param](root)) as one:
        yield one
    postgres.take_back(root)


def found(database, *more):
    """Store what every registry has, and further experiments."""
    with database.write() as records:
        for each in (experiment("Default", number=DEFAULT_ID), *more):
            records.experiments.add(each)
        records.audit.append(entry())


def lines(database):
    with database.read() as records:
        return list(records.copies.dump(secrets=True))


def load(database, copied):
    with database.write() as records:
        assert records.copies.is_empty()
        return records.copies.load(copied)


def next_number(database):
    with database.write() as records:
        return records.experiments.add(experiment("the next")).id


def test_what_has_only_what_it_was_founded_with_is_loaded_and_goes_on(database, other):
    found(database)
    counts = load(other, lines(database))
    assert (counts["experiments"], counts["audit_events"]) == (1, 1)
    assert lines(other) == lines(database)
    assert next_number(other) == next_number(database) == 1


def test_what_has_numbers_of_its_own_is_loaded_and_goes_on_behind_them(database, other):
    found(database, experiment("a"), experiment("b"))
    with database.write() as records:
        records.models.add(model(description="späte Grüße \U0001f600"))
        records.runs.add(run("a" * 32), {"mlflow.user": "ann"})
    log(database, "a" * 32, *points(1, 2, 3))
    load(other, lines(database))
    assert lines(other) == lines(database)
    assert next_number(other) == next_number(database) == 3


def test_an_empty_table_of_numbers_begins_at_one(database, other):
    load(other, lines(database))
    assert next_number(other) == next_number(database) == 1
