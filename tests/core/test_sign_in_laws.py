"""Laws of identity tokens and of what their claims give, whatever stands in them."""

import base64
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.access import CI_ACTIONS, Action, Caller, Grant, Principal, PrincipalKind, Role, may
from assay.core.ci_runs import CiRun
from assay.core.errors import BadInputError, DeniedError
from assay.core.id_tokens import (
    LEEWAY,
    Expected,
    check_claims,
    checked_header,
    read_claims,
    unverified_issuer,
)
from assay.core.names import ModelName
from assay.core.publishers import GITHUB, Provider, Publisher, mismatches, unknown_claims
from assay.core.sign_in import (
    GroupRole,
    borrowed,
    check_loopback_redirect,
    check_next,
    groups_said,
    name_said,
)
from core.sample_versions import NOON

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = ("iss", "aud", "azp", "sub", "exp", "iat", "nbf", "nonce")
SECONDS = int(NOON.timestamp())
GOOD = {"iss": "https://i", "aud": "me", "sub": "u", "exp": SECONDS + 60, "iat": SECONDS, "nonce": "n"}
EXPECTED = Expected("https://i", "me", NOON, "n")


@given(st.dictionaries(st.sampled_from(CLAIMS), JSON, max_size=4))
def test_claims_are_taken_only_when_each_says_what_it_must(changes):
    claims = GOOD | changes
    try:
        check_claims(claims, EXPECTED)
    except DeniedError:
        assert claims != GOOD
        return
    assert claims["iss"] == "https://i"
    assert claims["aud"] in ("me", ["me"])
    assert claims["nonce"] == "n"
    assert isinstance(claims["sub"], str)
    assert claims["exp"] > SECONDS - LEEWAY.total_seconds()


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_a_token_is_made_of_it_is_denied_and_nothing_breaks(head, body):
    parts = (base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in (head, body))
    token = ".".join((*parts, "x"))
    for read in (unverified_issuer, lambda text: checked_header(text, ["RS256"])):
        with pytest.raises(DeniedError):
            read(token)


@given(JSON)
def test_what_is_read_of_claims_can_be_stored(value):
    try:
        found = read_claims(json.dumps(value).encode())
    except DeniedError:
        return
    assert "\0" not in json.dumps(found, ensure_ascii=False)
    json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize(("seconds", "good"), [(-30, False), (-29, True), (0, True)])
def test_clocks_may_differ_by_half_a_minute(seconds, good):
    claims = GOOD | {"exp": SECONDS + seconds, "iat": SECONDS - seconds}
    if good:
        check_claims(claims, EXPECTED)
        return
    with pytest.raises(DeniedError):
        check_claims(claims, EXPECTED)


@given(JSON)
def test_groups_are_all_there_or_none_is(value):
    said = groups_said({"groups": value}, "groups")
    if said.names:
        assert said.names == frozenset(value)
    else:
        assert value == [] or said.notice


@given(JSON, JSON, JSON)
def test_nobody_is_named_by_what_is_no_name(name, mail, verified):
    claims = {"preferred_username": name, "email": mail, "email_verified": verified}
    try:
        found = name_said(claims, "")
    except DeniedError:
        return
    assert found in [str(each).strip().lower() for each in (name, mail)]
    assert name or verified is True


@given(st.text(max_size=40))
def test_a_browser_stays_on_this_server(text):
    for place in (text, "/" + text):
        try:
            kept = check_next(place)
        except BadInputError:
            continue
        assert kept.startswith("/")
        assert not kept.startswith(("//", "/\\"))
        assert kept.isascii()
        assert kept.isprintable()


@given(st.text(alphabet="http:/127.0.1[]@#?\\8%", max_size=40))
def test_a_code_goes_to_loopback_only(text):
    for uri in (text, "http://127.0.0.1:80" + text):
        try:
            kept = check_loopback_redirect(uri)
        except BadInputError:
            continue
        assert kept.startswith(("http://127.0.0.1:", "http://[::1]:"))
        assert "@" not in kept


@given(
    st.sets(st.sampled_from("abc")), st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(list(Role))))
)
def test_a_pattern_is_borrowed_once_with_the_highest_role_of_ones_own_groups(held, roles):
    given_roles = {(group, role): GroupRole(group, "team/*", role) for group, role in roles}.values()
    found = borrowed("ada", held, given_roles, NOON + timedelta(hours=1))
    mine = [each.role.rank for each in given_roles if each.group in held]
    assert [each.role.rank for each in found] == ([max(mine)] if mine else [])


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("kind", list(PrincipalKind))
def test_a_job_does_five_things_whatever_role_and_scopes_it_has(action, kind):
    job = Caller(Principal("x", kind, NOON, "ann"), (Grant("x", Role.ADMIN, "*"),), ci=CiRun(GITHUB, "p"))
    assert may(job, action, ModelName("team/task")) is (action in CI_ACTIONS)
    assert {
        Action.APPROVE,
        Action.REQUEST_PROMOTION,
        Action.CHANGE_STAGE,
        Action.SET_ALIAS,
    } & CI_ACTIONS == set()


PUBLISHER = Publisher("p", "t/*", "x", Provider.GITHUB, GITHUB, NOON, "a", "Acme/Fraud", "1", "r.yml", "prod")
PLACE = "acme/fraud/.github/workflows/r.yml@refs/heads/main"
JOB = {
    "iss": GITHUB,
    "repository": "acme/fraud",
    "repository_owner": "acme",
    "repository_owner_id": "1",
    "job_workflow_ref": PLACE,
    "workflow_ref": PLACE,
    "ref": "refs/heads/main",
    "environment": "prod",
}


@given(st.sampled_from(sorted(JOB)), JSON)
def test_a_job_matches_only_when_every_claim_does(name, value):
    assert mismatches(PUBLISHER, JOB) == ()
    assert mismatches(PUBLISHER, JOB | {name: value}) or str(value) == JOB[name]
    assert mismatches(PUBLISHER, {key: said for key, said in JOB.items() if key != name})


def test_claims_that_nobody_knows_are_named():
    assert unknown_claims(PUBLISHER, JOB | {"zeta": 1, "actor": "ann"}) == ("zeta",)
