"""What every store promises of signing in: links, borrowed grants, sessions, what is used once, jobs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assay.core.access import Principal, PrincipalKind, Role
from assay.core.errors import ConflictError
from assay.core.publishers import GITHUB, Provider, Publisher
from assay.core.sign_in import BorrowedGrant, GroupRole, Identity, Session
from contracts.samples import NOON

ISSUER = "https://login.example.org"
LATER = NOON + timedelta(hours=1)
SESSION = Session("0" * 16, "ada", "f" * 64, ISSUER, "u-1", NOON, NOON, LATER)
PUBLISHER = Publisher(
    "a" * 16, "team/*", "ada", Provider.GITHUB, GITHUB, NOON, "ada", "acme/x", "1", "release.yml"
)


@pytest.fixture
def peopled(database):
    with database.write() as records:
        for name in ("ada", "ben"):
            records.principals.add(Principal(name, PrincipalKind.PERSON, NOON))
    return database


def test_an_identity_is_somebodys_or_nobodys(peopled):
    identity = Identity(ISSUER, "u-1", "ada", NOON, "root")
    with peopled.write() as records:
        records.sign_in.identities.link(identity)
        records.sign_in.identities.link(replace(identity, subject="U-1", principal="ben"))
        assert records.sign_in.identities.get(ISSUER, "u-1") == identity
        assert records.sign_in.identities.get(f"{ISSUER}/", "u-1") is None
        assert records.sign_in.identities.of("ada") == (identity,)
        assert records.sign_in.identities.unlink(ISSUER, "u-1") == identity
        assert records.sign_in.identities.unlink(ISSUER, "u-1") is None
        assert records.sign_in.identities.of("ada") == ()


def test_an_identity_is_not_linked_twice(peopled):
    with peopled.write() as records:
        records.sign_in.identities.link(Identity(ISSUER, "u-1", "ada", NOON, "root"))
    with pytest.raises(ConflictError), peopled.write() as records:
        records.sign_in.identities.link(Identity(ISSUER, "u-1", "ben", NOON, "root"))
    with peopled.read() as records:
        assert records.sign_in.identities.get(ISSUER, "u-1").principal == "ada"


def test_a_group_has_one_role_on_a_pattern(peopled):
    first, second = GroupRole("ml", "a/*", Role.READER), GroupRole("ml", "a/*", Role.ADMIN)
    with peopled.write() as records:
        assert records.sign_in.group_roles.put(first) is None
        assert records.sign_in.group_roles.put(second) == first
        assert records.sign_in.group_roles.put(GroupRole("ML", "a/*", Role.READER)) is None
        assert [each.group for each in records.sign_in.group_roles.all()] == ["ML", "ml"]
        assert records.sign_in.group_roles.remove("ml", "a/*") == second
        assert records.sign_in.group_roles.remove("ml", "a/*") is None


def test_borrowed_grants_are_replaced_whole_and_end(peopled):
    one = BorrowedGrant("ada", "a/*", Role.READER, "ml", LATER)
    two = BorrowedGrant("ada", "b/*", Role.ADMIN, "ops", LATER)
    other = BorrowedGrant("ben", "a/*", Role.READER, "ml", LATER)
    with peopled.write() as records:
        records.sign_in.borrowed.replace("ada", [two, one])
        records.sign_in.borrowed.replace("ben", [other])
    with peopled.write() as records:
        assert records.sign_in.borrowed.of("ada", NOON) == (one, two)
        assert records.sign_in.borrowed.all(NOON) == (one, two, other)
        assert records.sign_in.borrowed.of("ada", LATER) == ()
        assert records.sign_in.borrowed.of("ada", LATER - timedelta(microseconds=1)) == (one, two)
        records.sign_in.borrowed.replace("ada", [])
        assert records.sign_in.borrowed.all(NOON) == (other,)


def test_a_session_is_used_revoked_and_forgotten(peopled):
    with peopled.write() as records:
        sessions = records.sign_in.sessions
        sessions.add(SESSION)
        sessions.add(replace(SESSION, id="1" * 16))
        sessions.touch(SESSION.id, LATER)
        assert sessions.get(SESSION.id) == replace(SESSION, last_used_at=LATER)
        assert sessions.get("2" * 16) is None
        assert sessions.revoke("ben", LATER) == 0
        assert sessions.revoke("ben", LATER, SESSION.id) == 0, "somebody else's"
        assert sessions.revoke("ada", NOON, SESSION.id) == 1
        assert sessions.revoke("ada", LATER) == 1
        assert sessions.get(SESSION.id).revoked_at == NOON, "the first time counts"
        sessions.sweep(LATER)
        assert sessions.get(SESSION.id) is not None
        sessions.sweep(LATER + timedelta(seconds=1))
        assert sessions.get(SESSION.id) is None


def test_what_may_be_used_once_is_stored_once_and_taken_once(peopled):
    with peopled.write() as records:
        once = records.sign_in.used_once
        assert once.add("jti:1", LATER)
        assert not once.add("jti:1", LATER + timedelta(hours=1))
        assert not once.is_there("code:1")
        assert once.add("code:1", LATER, "content")
        assert once.is_there("code:1")
        assert once.take("code:1", NOON) == "content"
        assert once.take("code:1", NOON) is None
        assert not once.is_there("code:1")
        assert once.add("code:2", LATER, "content")
        assert once.take("code:2", LATER) is None, "too late"
        assert once.take("code:2", NOON) is None, "and gone"
        once.sweep(LATER)
        assert not once.add("jti:1", LATER)
        once.sweep(LATER + timedelta(seconds=1))
        assert once.add("jti:1", LATER)


def test_what_was_used_in_a_transaction_that_failed_was_not_used(peopled):
    def fail():
        with peopled.write() as records:
            assert records.sign_in.used_once.add("jti:1", LATER)
            raise ConflictError("undone")

    with pytest.raises(ConflictError):
        fail()
    with peopled.write() as records:
        assert records.sign_in.used_once.add("jti:1", LATER)


def test_publishers_are_found_by_issuer_oldest_first(peopled):
    younger = replace(PUBLISHER, id="0" * 16, created_at=LATER)
    other = replace(PUBLISHER, id="b" * 16, issuer="https://gitlab.com", provider=Provider.GITLAB)
    with peopled.write() as records:
        for each in (younger, PUBLISHER, other):
            records.sign_in.publishers.add(each)
        assert records.sign_in.publishers.of_issuer(GITHUB) == (PUBLISHER, younger)
        assert records.sign_in.publishers.of_issuer(f"{GITHUB}/") == ()
        assert records.sign_in.publishers.get(other.id) == other
        assert len(records.sign_in.publishers.all()) == 3
        records.sign_in.publishers.remove(other.id)
        assert records.sign_in.publishers.get(other.id) is None
