"""What every database must do with passwords, groups and teams."""

from contextlib import closing
from dataclasses import replace

import pytest

from assay.core.access import Principal, PrincipalKind, Role
from assay.core.errors import ConflictError
from assay.core.groups import Group, GroupGrant
from assay.core.passwords import Cost, StoredPassword
from assay.core.stages import Stage
from assay.core.teams import Team
from assay.core.tracking.experiments import Experiment
from contracts.samples import NOON, later

ADA, BEN = (Principal(name, PrincipalKind.PERSON, NOON) for name in ("ada", "ben"))
PASSWORD = StoredPassword("ada", "salt", "00" * 32, Cost(2, 8, 1), NOON)
GROUP = Group(-1, "risk", "analysts", "who look", (GroupGrant(1, Role.READER, "risk/*"),), ("ada", "ben"), 1)


@pytest.fixture
def peopled(database):
    """A database with two people."""
    with database.write() as records:
        records.principals.add(ADA)
        records.principals.add(BEN)
    return database


def test_a_stored_password_is_there_after_opening_again_and_the_last_one_counts(open_database):
    newer = replace(PASSWORD, key="11" * 32, changed_at=later(5))
    with closing(open_database()) as one, one.write() as records:
        records.principals.add(ADA)
        assert records.passwords.get("ada") is None
        records.passwords.put(PASSWORD)
        assert records.passwords.get("ada") == PASSWORD
        records.passwords.put(newer)
    with closing(open_database()) as two, two.write() as records:
        assert records.passwords.get("ada") == newer
        assert records.passwords.get("ben") is None
        assert records.passwords.remove("ada")
        assert not records.passwords.remove("ada")
        assert records.passwords.get("ada") is None


def test_a_group_is_found_by_id_team_and_member(peopled):
    with peopled.write() as records:
        made = records.groups.add(GROUP)
        other = records.groups.add(Group(-1, "credit", "analysts", members=("ben",)))
        assert made == replace(GROUP, id=made.id)
        assert records.groups.get(made.id) == made
        assert records.groups.get(99) is None
        assert records.groups.all() == (other, made)
        assert records.groups.all("risk") == (made,)
        assert records.groups.of("ada") == (made,)
        assert records.groups.of("ben") == (other, made)
        assert records.groups.of("nobody") == ()


def test_a_saved_group_has_its_new_grants_and_members(peopled):
    with peopled.write() as records:
        made = records.groups.add(GROUP)
        limited = GroupGrant(2, Role.MAINTAINER, "risk/fraud", frozenset({Stage.ARCHIVED}))
        after = replace(made, name="leads", grants=(limited,), members=("ben",), given=2)
        records.groups.save(after)
        assert records.groups.get(made.id) == after
        assert records.groups.of("ada") == ()


def test_a_group_is_named_once_in_its_team_and_its_id_is_never_given_again(peopled):
    with peopled.write() as records:
        made = records.groups.add(GROUP)
        second = records.groups.add(Group(-1, "risk", "leads"))
    for again in (GROUP, replace(second, name="analysts")):
        with pytest.raises(ConflictError), peopled.write() as records:
            (records.groups.add if again.id < 0 else records.groups.save)(again)
    with peopled.write() as records:
        records.groups.delete(second.id)
        records.groups.delete(made.id)
        assert records.groups.all() == ()
        assert records.groups.add(GROUP).id not in (made.id, second.id)


def test_a_team_holds_what_belongs_to_it_deleted_or_not(peopled):
    with peopled.write() as records:
        assert records.teams.get("risk") is None
        records.teams.put(Team("risk", "one", NOON, "ada"))
        records.teams.put(Team("risk", "two", NOON, "ada"))
        assert records.teams.all() == (Team("risk", "two", NOON, "ada"),)
        assert records.teams.holding() == frozenset()
        made = records.experiments.add(Experiment(-1, "risk", "numbers", "x", 1, 1))
        records.experiments.save(replace(made, deleted=True))
        assert records.teams.holding() == {"risk"}
        assert records.teams.contents("risk") == {"experiments": 1}
        assert records.teams.contents("credit") == {}
        records.teams.remove("risk")
        assert records.teams.get("risk") is None
