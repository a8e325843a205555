"""Tokens for others: none carries more than whoever makes it, and approval stays people's own."""

import pytest

from assay.core.access import Scope
from assay.core.errors import DeniedError
from assay.wire.requests import NewGrant, NewPrincipal, NewToken

GOOD = "correct horse battery"
EVERY = tuple(scope.value for scope in Scope)


@pytest.fixture
def admin(world):
    """A person who is an admin; returns what makes callers with tokens of hers."""
    world.use.access.create_principal(world.local, NewPrincipal("root"))
    world.use.access.grant(world.local, NewGrant("root", "admin", "*"))

    def caller(*scopes, pattern="*"):
        made = world.use.access.create_token(
            world.local, NewToken(scopes, principal="root", pattern=pattern, lifetime_days=1)
        )
        return world.use.access.authenticate(made.text)

    return caller


@pytest.mark.parametrize("scope", ["read", "write", "evidence", "approve"])
def test_no_token_makes_one_for_somebody_else_that_carries_more(world, admin, scope):
    with pytest.raises(DeniedError, match="more than itself"):
        world.use.access.create_token(admin("admin"), NewToken((scope,), principal="ben"))


def test_no_narrowed_token_makes_a_wider_one_for_somebody_else(world, admin):
    with pytest.raises(DeniedError):
        world.use.access.create_token(admin("admin", "read", pattern="team/*"), NewToken(("read",), "ben"))


def test_an_admin_still_makes_tokens_that_carry_no_more(world, admin):
    made = world.use.access.create_token(
        admin("admin", "read", "write"), NewToken(("read", "write"), principal="ben")
    )
    assert world.use.access.authenticate(made.text).scopes == {Scope.READ, Scope.WRITE}


def test_nobody_makes_a_token_to_approve_with_for_somebody_else(world, admin):
    with pytest.raises(DeniedError, match="to approve with"):
        world.use.access.create_token(admin(*EVERY), NewToken(("approve",), principal="ben"))
    own = world.use.access.create_token(admin(*EVERY), NewToken(("approve",)))
    assert own.token.principal == "root"


def test_a_token_of_the_operator_is_not_the_operator(world):
    made = world.use.access.create_token(world.local, NewToken(EVERY))
    far = world.use.access.authenticate(made.text)
    assert far.name == world.local.name
    with pytest.raises(DeniedError, match="to approve with"):
        world.use.access.create_token(far, NewToken(("approve",), principal="ben"))
    assert world.use.access.create_token(world.local, NewToken(("approve",), principal="ben"))


def test_a_person_makes_their_own_token_to_approve_with(world):
    world.use.people.create(world.local, "eve", GOOD)
    signed_in = world.use.access.authenticate_basic("eve", GOOD)
    made = world.use.access.create_token(signed_in, NewToken(("read", "approve")))
    assert made.token.created_by == "eve"


def test_a_narrow_token_sets_nobodys_password(world, admin):
    people = world.use.people
    people.create(world.local, "eve", GOOD)
    narrow = admin("admin", "read", "write")
    with pytest.raises(DeniedError, match="password"):
        people.set_password(narrow, "eve", GOOD + "!")
    with pytest.raises(DeniedError, match="password"):
        people.create(narrow, "eva", GOOD)
    people.set_password(admin(*EVERY), "eve", GOOD + "!")
