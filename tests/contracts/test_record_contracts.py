"""What every database must do."""

import threading
from contextlib import closing
from dataclasses import replace

import pytest

from assay.core.access import Grant, Principal, PrincipalKind, Role, Scope, Token
from assay.core.audit import verify_chain
from assay.core.errors import BadInputError, ConflictError
from assay.core.evidence import Origin
from assay.core.names import Address, ModelName
from assay.core.promotions import PromotionState
from assay.core.search import MetricCondition, ModelQuery, VersionQuery
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.storage.cursors import write_cursor
from contracts.samples import (
    DIGEST,
    MODEL,
    NOON,
    entry,
    evidence,
    later,
    model,
    move,
    policy,
    promotion,
    version,
)

EVERYTHING = ("*",)
DEVELOPMENT, STAGING, PRODUCTION, ARCHIVED = Stage


def add(database, *versions):
    with database.write() as records:
        for each in versions:
            records.versions.add(each)


def resolved(database, text):
    with database.read() as records:
        found = records.versions.resolve(Address.parse(text))
    return None if found is None else found.number


def test_what_was_written_is_there_after_opening_again(open_database):
    with closing(open_database()) as one, one.write() as records:
        records.models.add(model(tags={"a": "1"}, labels=("x",), description="d"))
        records.versions.add(version(1, tags={"k": "v"}, labels=("l",)))
    with closing(open_database()) as two, two.read() as records:
        assert records.models.get(MODEL) == model(
            tags={"a": "1"}, labels=("x",), description="d", known_as="team.task", changed_at=NOON
        )
        found = records.versions.get(MODEL, 1)
    assert found == version(1, tags={"k": "v"}, labels=("l",), stage_since=later(1), changed_at=later(1))


def test_a_transaction_that_raises_leaves_nothing(filled):
    def stop():
        with filled.write() as records:
            records.versions.add(version(1))
            records.audit.append(entry())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop()
    with filled.read() as records:
        assert records.versions.get(MODEL, 1) is None
        assert records.audit.read() == ()


def test_a_reader_sees_one_state(filled):
    with filled.read() as before:
        assert before.versions.highest(MODEL) == (0, None)
        done = threading.Thread(target=add, args=(filled, version(1)))
        done.start()
        done.join()
        assert before.versions.highest(MODEL) == (0, None)
    assert resolved(filled, "team/task/1") == 1


def test_names_are_taken_once(filled):
    with pytest.raises(ConflictError), filled.write() as records:
        records.models.add(model())


def test_numbers_and_semantic_versions_are_never_given_twice(filled):
    add(filled, version(1, "v1.0.0"))
    for again in (version(1, "v1.1.0"), version(2, "v1.0.0")):
        with pytest.raises(ConflictError):
            add(filled, again)
    with filled.write() as records:
        records.versions.delete(MODEL, 1, NOON)
    for again in (version(1, "v1.1.0"), version(2, "v1.0.0")):
        with pytest.raises(ConflictError):
            add(filled, again)
    with filled.read() as records:
        assert records.versions.highest(MODEL) == (1, SemVer(1, 0, 0))
        assert records.versions.get(MODEL, 1) is None
        assert records.versions.newest(MODEL) is None
    assert resolved(filled, "team/task/1") is None


def test_every_form_of_address_finds_its_version(filled):
    add(filled, version(1, "v1.9.0"), version(2, "v1.10.0"), version(3, "v1.2.0"))
    with filled.write() as records:
        records.aliases.set(MODEL, "best", 3)
        records.stages.move(replace(move(1, DEVELOPMENT, STAGING, at=10), semver=SemVer(1, 9, 0)))
        records.stages.move(replace(move(3, DEVELOPMENT, STAGING, at=20), semver=SemVer(1, 2, 0)))
    asked = {
        "/2": 2,
        "/v1.9.0": 1,
        "@best": 3,
        "@latest": 2,
        "@staging": 3,
        "@production": None,
        "@none": None,
        "/9": None,
    }
    assert {text: resolved(filled, f"team/task{text}") for text in asked} == asked


def test_annotations_replace_and_nothing_else_changes(filled):
    add(filled, version(1, tags={"a": "1"}))
    with filled.write() as records:
        before = records.versions.get(MODEL, 1)
        records.versions.annotate(replace(before, description="new", tags={"b": "2"}, labels=("x",)))
    with filled.read() as records:
        after = records.versions.get(MODEL, 1)
    assert (after.description, after.tags, after.labels) == ("new", {"b": "2"}, ("x",))
    assert replace(after, description="", tags={"a": "1"}, labels=()) == before


def test_aliases_tell_where_they_pointed(filled):
    add(filled, version(1), version(2))
    with filled.write() as records:
        assert records.aliases.set(MODEL, "a", 1) is None
        assert records.aliases.set(MODEL, "a", 2) == 1
        assert records.aliases.of_model(MODEL) == {"a": 2}
        assert records.versions.get(MODEL, 2).aliases == ("a",)
        assert records.aliases.remove(MODEL, "a") == 2
        assert records.aliases.remove(MODEL, "a") is None


def test_the_second_of_two_movers_loses(filled):
    add(filled, version(1))
    step = move(1, DEVELOPMENT, STAGING)
    with filled.write() as records:
        records.stages.move(step)
    with pytest.raises(ConflictError, match="Staging"), filled.write() as records:
        records.stages.move(step)
    with filled.read() as records:
        assert records.stages.history(MODEL) == (step,)


def test_production_has_one_holder_and_the_loser_learns_who(filled):
    add(filled, version(1), version(2))
    with filled.write() as records:
        for number in (1, 2):
            records.stages.move(move(number, DEVELOPMENT, STAGING))
        records.stages.move(move(1, STAGING, PRODUCTION))
        assert records.stages.holder(MODEL) == 1
    with pytest.raises(ConflictError, match=r"v1\.1\.0"), filled.write() as records:
        records.stages.move(move(2, STAGING, PRODUCTION))
    with filled.write() as records:
        records.stages.move(move(1, PRODUCTION, ARCHIVED))
        records.stages.move(move(2, STAGING, PRODUCTION, predecessor=1))
        assert records.stages.holder(MODEL) == 2
    assert resolved(filled, "team/task@production") == 2


def marks(library):
    with library.read() as records:
        return (
            records.versions.get(MODEL, 1).ungated,
            records.versions.resolve(Address.parse("team/task/1")).ungated,
            records.catalogue.versions(VersionQuery(), ("*",)).items[-1].ungated,
        )


def test_the_mark_of_an_ungated_version_comes_with_a_move_and_goes_with_the_next(filled):
    add(filled, version(1), version(2))
    assert marks(filled) == ((), (), ())
    with filled.write() as records:
        records.stages.move(move(1, DEVELOPMENT, STAGING, ungated=("bias", "load")))
    assert marks(filled) == (("bias", "load"),) * 3
    with filled.write() as records:
        records.stages.mark(MODEL, 1, ("approval",))
        assert records.versions.get(MODEL, 2).ungated == ()
    assert marks(filled) == (("approval",),) * 3
    with filled.write() as records:
        records.stages.move(move(1, STAGING, DEVELOPMENT))
    assert marks(filled) == ((), (), ())


def test_of_many_movers_exactly_one_wins(filled):
    add(filled, *(version(n) for n in range(1, 9)))
    with filled.write() as records:
        for number in range(1, 9):
            records.stages.move(move(number, DEVELOPMENT, STAGING))
    outcomes = []

    def race(number):
        try:
            with filled.write() as records:
                records.stages.move(move(number, STAGING, PRODUCTION))
            outcomes.append("won")
        except ConflictError:
            outcomes.append("lost")

    threads = [threading.Thread(target=race, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost"] * 7 + ["won"]


def test_evidence_is_kept_once_and_in_order(filled):
    add(filled, version(1))
    first, second = evidence(1, at=1), evidence(1, at=2)
    with filled.write() as records:
        for each in (first, second, first):
            records.evidence.add(each)
        assert records.evidence.of_version(MODEL, 1) == (first, second)
        assert records.evidence.get(first.digest) == first
        assert records.evidence.get(DIGEST) is None


def test_a_measured_metric_replaces_a_reported_one_and_never_the_reverse(filled):
    add(filled, version(1))

    def shown():
        with filled.read() as records:
            return records.versions.resolve(Address.parse("team/task/1")).metrics["accuracy"]

    assert shown() == 0.1
    for origin, accuracy, expected in (
        (Origin.REPORTED, 0.99, 0.99),
        (Origin.MEASURED, 0.5, 0.5),
        (Origin.REPORTED, 0.98, 0.5),
        (Origin.MEASURED, 0.6, 0.6),
    ):
        with filled.write() as records:
            records.evidence.add(evidence(1, origin, accuracy))
        assert shown() == expected


def test_policies_keep_every_revision(database):
    with database.write() as records:
        for each in (policy("*", 1), policy("a/*", 1), policy("*", 2)):
            records.policies.add(each)
        assert records.policies.current() == (policy("*", 2), policy("a/*", 1))
        assert records.policies.history("*") == (policy("*", 1), policy("*", 2))
    with pytest.raises(ConflictError), database.write() as records:
        records.policies.add(policy("*", 2))


def test_promotions_change_by_compare_and_set(filled):
    add(filled, version(1))
    one, two = promotion("pr_1", at=1), promotion("pr_2", at=2)
    with filled.write() as records:
        records.promotions.add(one)
        records.promotions.add(two)
        done = one.to(PromotionState.CANCELLED)
        records.promotions.save(done, PromotionState.REQUESTED)
        assert records.promotions.get("pr_1") == done
        assert records.promotions.of_model(MODEL) == (two, done)
        assert records.promotions.of_model(MODEL, open_only=True) == (two,)
        assert records.promotions.open() == (two,)
        assert records.promotions.of_version(MODEL, 1) == (two, done)
        assert records.promotions.of_version(MODEL, 2) == ()
        assert records.promotions.get("pr_none") is None
    with pytest.raises(ConflictError), filled.write() as records:
        records.promotions.save(one, PromotionState.REQUESTED)


def test_the_audit_log_is_a_chain_without_gaps_whoever_writes(database):
    def write(count):
        for _ in range(count):
            with database.write() as records:
                records.audit.append(entry())

    threads = [threading.Thread(target=write, args=(5,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as records:
        events = records.audit.read()
    assert [event.seq for event in events] == list(range(1, 41))
    assert verify_chain(events).whole


def test_the_audit_log_is_read_by_subject_and_by_page(database):
    subjects = ["a/b", "a/b/v1.0.0", "a/b@x", "a/bc", "a", "a/b%"]
    with database.write() as records:
        for subject in subjects:
            records.audit.append(entry(subject=subject))
        assert [e.subject for e in records.audit.read(subject="a/b")] == subjects[:3]
        assert [e.seq for e in records.audit.read(after_seq=2, limit=2)] == [3, 4]
        assert [e.seq for e in records.audit.read(after_seq=1, limit=1, subject="a/b")] == [2]
        assert [e.seq for e in records.audit.read(subject="a")] == [1, 2, 3, 4, 5, 6]
        assert records.audit.read(subject="A/B") == ()


def test_principals_grants_and_tokens(database):
    ada = Principal("ada", PrincipalKind.PERSON, NOON)
    bot = Principal("bot", PrincipalKind.SERVICE, NOON, owner="ada")
    grant = Grant("ada", Role.APPROVER, "team/*", frozenset({STAGING}))
    token = Token("0" * 16, "ada", "hash", frozenset({Scope.READ}), "*", NOON, later(9), "ada")
    with database.write() as records:
        people = records.principals
        people.add(bot)
        people.add(ada)
        assert people.all() == (ada, bot)
        people.save(replace(bot, disabled=True))
        assert people.get("bot").disabled
        assert people.grant(grant) is None
        assert people.grant(replace(grant, role=Role.READER)) == grant
        assert people.grants("ada") == people.grants() == (replace(grant, role=Role.READER),)
        assert people.revoke("ada", "team/*") == replace(grant, role=Role.READER)
        assert people.revoke("ada", "team/*") is None
        records.tokens.add(token)
        records.tokens.revoke(token.id, later(1))
        records.tokens.revoke(token.id, later(2))
        assert records.tokens.get(token.id) == replace(token, revoked_at=later(1))
        assert records.tokens.of("ada") == (replace(token, revoked_at=later(1)),)
        assert records.tokens.get("f" * 16) is None
    with pytest.raises(ConflictError), database.write() as records:
        records.principals.add(ada)


@pytest.fixture
def library(filled):
    """Twenty versions of two models, with words and metrics of their own."""
    with filled.write() as records:
        records.models.add(model("team/other_task", labels=("blue",), description="Wine & cheese"))
        records.models.add(model("else/task"))
    for n in range(1, 21):
        name = "team/task" if n % 2 else "team/other_task"
        tags = {"parity": "odd" if n % 2 else "even", "n": str(n)}
        add(filled, version(n, name=name, tags=tags, labels=("five",) if n % 5 == 0 else ()))
    return filled


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ({"team": "team", "task": "task"}, [n for n in range(1, 21) if n % 2]),
        ({"task": "other_task"}, [n for n in range(1, 21) if n % 2 == 0]),
        ({"task": "otherXtask"}, []),
        ({"team": "te"}, []),
        ({"stage": PRODUCTION}, []),
        ({"tags": {"parity": "odd", "n": "7"}}, [7]),
        ({"tags": {"parity": None}}, list(range(1, 21))),
        ({"tags": {"none": None}}, []),
        ({"label": "five"}, [5, 10, 15, 20]),
        ({"metrics": (MetricCondition.parse("accuracy>=1.9"),)}, [19, 20]),
        ({"metrics": (MetricCondition.parse("accuracy<0.3"), MetricCondition.parse("accuracy>0.1"))}, [2]),
        ({"text": "EVEN other"}, [n for n in range(1, 21) if n % 2 == 0]),
        ({"text": "100%"}, []),
        ({"digest": DIGEST, "registered_after": later(19)}, [19, 20]),
        ({"registered_before": later(3)}, [1, 2]),
    ],
)
def test_every_condition_of_a_search_narrows_it(library, conditions, numbers):
    with library.read() as records:
        found = records.catalogue.versions(VersionQuery(**conditions, limit=100), EVERYTHING)
    assert [each.number for each in found.items] == sorted(numbers, reverse=True)


@pytest.mark.parametrize("limit", [1, 3, 20, 100])
def test_pages_show_every_row_once_while_rows_are_added(library, limit):
    seen, cursor, added = [], "", 100
    while True:
        with library.read() as records:
            page = records.catalogue.versions(VersionQuery(limit=limit, cursor=cursor), EVERYTHING)
        seen += [each.number for each in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
        add(library, version(added, name="else/task"))
        added += 1
    assert seen == list(range(20, 0, -1))


def test_what_is_not_visible_is_neither_listed_nor_counted(library):
    add(library, version(1, name="else/task"))
    for patterns, models in (
        (("team/*",), {"team/task", "team/other_task"}),
        (("team/task",), {"team/task"}),
        (("else/*", "team/task"), {"team/task", "else/task"}),
        ((), set()),
    ):
        with library.read() as records:
            versions = records.catalogue.versions(VersionQuery(limit=100), patterns)
            listed = records.catalogue.models(ModelQuery(), patterns)
        assert {each.model for each in versions.items} == models
        assert {each.name for each in listed.items} == models


def test_a_model_that_was_put_away_is_listed_no_more_until_it_is_added_again(library):
    def listed(**asked):
        with library.read() as records:
            return [each.name for each in records.catalogue.models(ModelQuery(**asked), EVERYTHING).items]

    with library.write() as records:
        records.models.put_away(ModelName("team/other_task"), later(99))
    assert listed() == ["else/task", "team/task"]
    assert listed(limit=1) == ["else/task"]
    assert listed(label="blue") == listed(text="cheese") == []
    with library.write() as records:
        records.models.add(model("team/other_task"))
    assert listed(team="team") == ["team/other_task", "team/task"]


@pytest.mark.parametrize("word", ["MÜLLEREI", "müllerei", "Müllerei", "ÉCHEC", "Ñandú", "ПРИВЕТ", "привет"])
def test_words_are_found_whatever_their_case_and_their_script(library, word):
    words = {"description": "Große MÜLLEREI", "tags": {"Échec": "ñandÚ"}, "labels": ("ПриВет",)}
    with library.write() as records:
        records.models.add(model("a/b", **words))
        records.models.add(model("a/c"))
    add(library, version(1, name="a/c", **words))
    with library.read() as records:
        models = records.catalogue.models(ModelQuery(text=word), EVERYTHING).items
        versions = records.catalogue.versions(VersionQuery(text=word), EVERYTHING).items
    assert [each.name for each in models] == ["a/b"]
    assert [each.model for each in versions] == ["a/c"]


def test_models_are_listed_by_name_with_what_serves(library):
    with library.write() as records:
        records.stages.move(move(1, DEVELOPMENT, STAGING))
        records.stages.move(move(1, STAGING, PRODUCTION))
    with library.read() as records:
        catalogue = records.catalogue
        first = catalogue.models(ModelQuery(limit=2), EVERYTHING)
        rest = catalogue.models(ModelQuery(limit=2, cursor=first.next_cursor), EVERYTHING)
        blue = catalogue.models(ModelQuery(label="blue"), EVERYTHING)
        cheese = catalogue.models(ModelQuery(text="cheese team"), EVERYTHING)
    names = [each.name for each in (*first.items, *rest.items)]
    assert names == ["else/task", "team/other_task", "team/task"]
    assert rest.next_cursor == ""
    (task,) = rest.items
    assert (task.version_count, task.latest, task.production) == (10, SemVer(1, 19, 0), SemVer(1, 1, 0))
    assert (
        [each.name for each in blue.items]
        == [each.name for each in cheese.items]
        == [ModelName("team/other_task")]
    )


def test_a_cursor_that_names_an_instant_beyond_all_calendars_is_no_failure(library):
    with library.read() as records:
        page = records.catalogue.versions(VersionQuery(cursor=write_cursor([2**62, 1])), EVERYTHING)
    assert len(page.items) == 20


@pytest.mark.parametrize("cursor", ["x", "!!", "W10", "WyJhIl0", "é"])
def test_a_cursor_of_ones_own_making_is_refused(library, cursor):
    with library.read() as records, pytest.raises(BadInputError, match="Invalid page token") as refused:
        records.catalogue.versions(VersionQuery(cursor=cursor), EVERYTHING)
    assert [each.field for each in refused.value.reasons] == ["cursor"]
