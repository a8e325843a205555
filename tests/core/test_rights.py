"""The decision function over role x action x scope x place."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.access import (
    Action,
    Caller,
    Grant,
    Principal,
    PrincipalKind,
    Role,
    Scope,
    Token,
    may,
    readable,
    require,
)
from assay.core.errors import BadInputError, DeniedError, NotFoundError
from assay.core.names import ModelName
from assay.core.stages import Stage
from assay.core.tokens import check_new_token, check_token, format_token, parse_token, secret_hash
from core.sample_versions import NOON

OURS, THEIRS = ModelName("team/task"), ModelName("other/task")
ADA = Principal("ada", PrincipalKind.PERSON, NOON)
BOT = Principal("bot", PrincipalKind.SERVICE, NOON, owner="ada")


def caller(role, pattern="team/*", principal=ADA, **more):
    return Caller(principal, (Grant(principal.name, role, pattern),), **more)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_its_rank_allows_and_only_where_it_was_granted(role, action):
    enough = role.rank >= action.role.rank
    assert may(caller(role), action, OURS) is enough
    assert may(caller(role), action, THEIRS) is False
    assert may(caller(role), action) is False
    assert may(caller(role, "*"), action) is enough
    assert may(caller(role, OURS), action, OURS) is enough
    assert may(Caller(ADA, ()), action, OURS) is False


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("scope", Scope)
def test_a_token_only_narrows(action, scope):
    admin = caller(Role.ADMIN, "*", scopes=frozenset({scope}))
    assert may(admin, action, OURS) is (scope is action.scope)
    narrowed = Caller(ADA, (Grant("ada", Role.ADMIN, "*"),), pattern="team/task")
    assert may(narrowed, action, OURS)
    assert not may(narrowed, action, THEIRS)
    assert not may(narrowed, action)


def test_only_people_approve():
    assert may(caller(Role.ADMIN), Action.APPROVE, OURS)
    assert not may(caller(Role.ADMIN, principal=BOT), Action.APPROVE, OURS)
    with pytest.raises(DeniedError, match="service"):
        require(caller(Role.ADMIN, principal=BOT), Action.APPROVE, OURS)
    with pytest.raises(BadInputError, match="people"):
        check_new_token(BOT, frozenset({Scope.APPROVE}), timedelta(days=1))


def test_rights_can_be_limited_to_stages():
    limited = Caller(ADA, (Grant("ada", Role.MAINTAINER, "team/*", frozenset({Stage.STAGING})),))
    assert may(limited, Action.CHANGE_STAGE, OURS, Stage.STAGING)
    assert not may(limited, Action.CHANGE_STAGE, OURS, Stage.PRODUCTION)


def test_who_may_not_read_learns_nothing():
    with pytest.raises(NotFoundError):
        require(caller(Role.ADMIN), Action.DELETE, THEIRS)
    with pytest.raises(DeniedError, match="role"):
        require(caller(Role.READER), Action.DELETE, OURS)


def test_a_disabled_principal_may_nothing():
    gone = Principal("ada", PrincipalKind.PERSON, NOON, disabled=True)
    assert not any(may(caller(Role.ADMIN, "*", principal=gone), action, OURS) for action in Action)


@pytest.mark.parametrize(
    ("grants", "pattern", "seen"),
    [
        (["*"], "*", ("*",)),
        (["team/*", "other/x"], "*", ("other/x", "team/*")),
        (["*"], "team/*", ("team/*",)),
        (["team/*"], "team/task", ("team/task",)),
        (["team/task", "team/b"], "team/*", ("team/b", "team/task")),
        (["other/*"], "team/*", ()),
        ([], "*", ()),
    ],
)
def test_what_a_listing_may_show(grants, pattern, seen):
    one = Caller(ADA, tuple(Grant("ada", Role.READER, each) for each in grants), pattern=pattern)
    assert readable(one) == seen


@given(
    st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9]{43}", fullmatch=True),
    st.data(),
)
def test_a_token_reads_back_and_a_typing_error_is_seen(token_id, secret, data):
    text = format_token(token_id, secret)
    assert text.startswith("assay_")
    assert parse_token(text) == (token_id, secret)
    place = data.draw(st.integers(6, len(text) - 1))
    wrong = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
    with pytest.raises(DeniedError):
        parse_token(wrong)


def token(**changes):
    values = {
        "id": "0" * 16,
        "principal": "ada",
        "secret_sha256": secret_hash("s"),
        "scopes": frozenset({Scope.READ}),
        "pattern": "*",
        "created_at": NOON,
        "expires_at": NOON + timedelta(days=1),
        "created_by": "ada",
    }
    return Token(**{**values, **changes})


def test_a_token_is_good_until_it_is_not():
    assert check_token(token(), "s", NOON) == token()
    for bad, secret, at in (
        (token(), "x", NOON),
        (None, "s", NOON),
        (token(), "s", NOON + timedelta(days=1)),
        (token(revoked_at=NOON), "s", NOON),
    ):
        with pytest.raises(DeniedError) as caught:
            check_token(bad, secret, at)
        assert caught.value.authenticate


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_token_lives_a_year_at_most(days):
    with pytest.raises(BadInputError, match="lifetime"):
        check_new_token(ADA, frozenset({Scope.READ}), timedelta(days=days))
