"""What every store must do between two pages of any search: nobody is skipped, nobody is shown twice."""

import itertools
import math
from dataclasses import replace

import pytest

from assay.core.errors import BadInputError
from assay.core.names import ModelName
from assay.core.provenance import Provenance
from assay.core.tracking.evaluations import EvaluationSet
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch
from assay.core.tracking.searches import Comparison, Operator, Order, Search
from contracts.samples import later, model, version
from contracts.trace_samples import trace
from contracts.tracking_samples import experiment, logged_model, run

EVERYTHING = ("*",)
FIRST, AMONG, NAN, LACKING = -1000, 15, 200, 300


def by(kind, key, *, descending=False):
    return Order(kind, key, descending)


class Models:
    """Models, the last changed first: to tag one is to move it to the front."""

    orders = ((by("attribute", "changed_at", descending=True),),)

    def start(self, records):
        pass

    def put(self, records, number, place):
        records.models.add(model(f"team/n{number}"))
        self.move(records, number, place)

    def move(self, records, number, place):
        records.models.touch(ModelName(f"team/n{number}"), later(-place))

    def remove(self, records, number):
        records.models.put_away(ModelName(f"team/n{number}"), later(0))

    def page(self, records, search):
        found = records.registry_search.models(search, EVERYTHING)
        return [int(each.name.task[1:]) for each in found.items], found.next_cursor


class Versions:
    """Versions, the last changed first unless ordered otherwise."""

    orders = ((), (by("attribute", "known_as"), by("attribute", "changed_at", descending=True)))

    def start(self, records):
        records.models.add(model("team/m"))

    def put(self, records, number, place):
        records.versions.add(version(number, name="team/m", provenance=Provenance()))
        self.move(records, number, place)

    def move(self, records, number, place):
        records.models.touch(ModelName("team/m"), later(-place), number)

    def remove(self, records, number):
        records.versions.delete(ModelName("team/m"), number, later(0))

    def page(self, records, search):
        found = records.registry_search.versions(search, EVERYTHING)
        return [each.number for _, each in found.items], found.next_cursor


class Experiments:
    """Experiments, the last changed first."""

    orders = ((by("attribute", "updated_at_ms", descending=True),), (by("tag", "place"),))

    def start(self, records):
        pass

    def put(self, records, number, place):
        records.experiments.add(experiment(f"e{number}", number=number))
        self.move(records, number, place)

    def move(self, records, number, place):
        records.experiments.save(replace(records.experiments.get(number), updated_at_ms=5000 - place))
        if place < LACKING:
            records.experiments.set_tags(number, {"place": f"{place + 5000}"})

    def remove(self, records, number):
        records.experiments.save(replace(records.experiments.get(number), deleted=True))

    def page(self, records, search):
        found = records.experiments.search(search, EVERYTHING)
        return [each.id for each in found.items], found.next_cursor


class Runs:
    """Runs by what they log, some of them NaN, some nothing."""

    orders = (
        (by("metric", "m"),),
        (by("metric", "minus", descending=True), by("tag", "place")),
        (by("param", "none"), by("metric", "m")),
        (by("tag", "place"),),
    )
    steps = itertools.count(1)

    def start(self, records):
        records.experiments.add(experiment("e", number=1))

    def put(self, records, number, place):
        records.runs.add(run(f"r{number}", 1, 5000 - place), {})
        self.move(records, number, place)

    def move(self, records, number, place):
        value = math.nan if place >= NAN else float(place)
        step = next(self.steps)
        points = Point("m", value, 0, step), Point("minus", -value, 0, step)
        tags = {"place": f"{place + 5000}"}
        records.run_logs.log(f"r{number}", Batch(() if place >= LACKING else points, {}, tags))

    def remove(self, records, number):
        records.runs.save(replace(records.runs.find(f"r{number}"), deleted_at_ms=1))

    def page(self, records, search):
        found = records.runs.search([1], search)
        return [int(each.run.id[1:]) for each in found.items], found.next_cursor


class LoggedModels:
    """Logged models by what was measured of them."""

    orders = ((by("metric", "m"),), (by("param", "none"), by("tag", "place")))
    steps = itertools.count(1)

    def start(self, records):
        records.experiments.add(experiment("e", number=1))
        records.runs.add(run("r"), {})

    def put(self, records, number, place):
        records.logged_models.add(logged_model(number))
        self.move(records, number, place)

    def move(self, records, number, place):
        key = logged_model(number).id
        if place < NAN:
            records.run_logs.log("r", Batch((Point("m", float(place), next(self.steps), 0, key),)))
        records.logged_models.annotate(key, {"place": f"{place + 5000}"}, {})

    def remove(self, records, number):
        records.logged_models.delete(logged_model(number).id, 5000)

    def page(self, records, search):
        found = records.logged_models.search([1], search)
        return [int(each.name.removeprefix("model")) for each in found.items], found.next_cursor


class Traces:
    """Traces by a tag, and by how long they took."""

    orders = ((by("tag", "place"),), (by("attribute", "execution_time_ms"),))

    def start(self, records):
        pass

    def put(self, records, number, place):
        self.move(records, number, place)

    def move(self, records, number, place):
        one = trace(number, tags={} if place >= LACKING else {"place": f"{place + 5000}"})
        records.traces.save(replace(one, duration_ms=None if place >= LACKING else place + 5000))

    def remove(self, records, number):
        self.move(records, number, 1000)

    def page(self, records, search):
        found = records.traces.search([1], search)
        return [int(each.id[3:], 16) for each in found.items], found.next_cursor


class EvaluationSets:
    """Evaluation sets, the newest first unless ordered otherwise."""

    orders = ((), (by("tag", "place"),))

    def start(self, records):
        pass

    def put(self, records, number, place):
        self.move(records, number, place)

    def move(self, records, number, place):
        tags = {"place": f"{place + 5000}"}
        records.evaluation_sets.save(
            EvaluationSet(f"d{number}", "team", f"set{number}", 5000 - place, 0, tags=tags)
        )

    def remove(self, records, number):
        records.evaluation_sets.delete(f"d{number}")

    def page(self, records, search):
        found = records.evaluation_sets.search(EVERYTHING, None, search)
        return [int(each.id[1:]) for each in found.items], found.next_cursor


KINDS = (Models, Versions, Experiments, Runs, LoggedModels, Traces, EvaluationSets)
QUESTIONS = [(kind, order) for kind in KINDS for order in kind.orders]
# Where the things stand at first; the last ones have NaN, or nothing to be ordered by, where that can be.
PLACES = {number: 10 * number for number in range(1, 9)} | {9: NAN, 10: NAN + 1, 11: LACKING, 12: LACKING + 1}


@pytest.fixture(params=QUESTIONS, ids=lambda question: f"{question[0].__name__}-{len(question[1])}")
def asked(request, database):
    kind, order = request.param
    things = kind()
    with database.write() as records:
        things.start(records)
        for number, place in PLACES.items():
            things.put(records, number, place)
    return things, order, database


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_what_happens_between_two_pages_skips_and_doubles_nobody(asked, limit):
    things, order, database = asked
    happens = [
        lambda records: things.put(records, 21, FIRST),
        lambda records: things.move(records, 7, FIRST - 1),  # comes before everything: not seen any more
        lambda records: things.remove(records, 1),
        lambda records: things.put(records, 22, AMONG),
        lambda records: things.move(records, 2, FIRST - 2),
        lambda records: things.remove(records, 8),
    ]
    seen, cursor = [], ""
    for happening in itertools.chain(happens, itertools.repeat(None)):
        with database.read() as records:
            numbers, cursor = things.page(records, Search(order=order, limit=limit, cursor=cursor))
        seen += numbers
        if not cursor:
            break
        if happening is not None:
            with database.write() as records:
                happening(records)
    stayed = [number for number in seen if number in {3, 4, 5, 6, 9, 10, 11, 12}]
    assert sorted(stayed) == [3, 4, 5, 6, 9, 10, 11, 12]
    assert [number for number in stayed if number < 9] == [3, 4, 5, 6]
    assert seen.count(2) == 1


def test_the_row_that_a_cursor_names_may_be_gone(asked):
    things, order, database = asked
    with database.read() as records:
        first, cursor = things.page(records, Search(order=order, limit=3))
    with database.write() as records:
        for number in first:
            things.remove(records, number)
    with database.read() as records:
        rest, _ = things.page(records, Search(order=order, limit=3, cursor=cursor))
    assert (first, rest) == ([1, 2, 3], [4, 5, 6])


def test_a_cursor_answers_only_the_question_it_came_from(asked):
    things, order, database = asked
    other = Comparison("tag", "place", Operator.EQUAL, "none")
    turned = tuple(replace(each, descending=not each.descending) for each in order)
    with database.read() as records:
        _, cursor = things.page(records, Search(order=order, limit=3))
        assert things.page(records, Search(order=order, limit=5, cursor=cursor))[0][:2] == [4, 5]
        for search in (Search(other, order), Search(order=turned), Search()):
            if search != Search(order=order):
                with pytest.raises(BadInputError, match="Invalid page token"):
                    things.page(records, replace(search, cursor=cursor))
