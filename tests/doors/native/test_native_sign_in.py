"""Signing in through the door: what comes back counts once, in one browser, for one person."""

import base64
import hashlib

import pytest

from app.paper_provider import ISSUER
from assay.doors.native import ROUTES, native_app
from assay.doors.native.openapi import openapi_document
from assay.doors.native.serving import BASE
from assay.http.exchanges import Exchanges
from assay.http.limits import Limits
from assay.wire.requests import NewGrant, NewPrincipal, PrincipalChange
from assay.wire.sign_in import NewGroupRole, NewIdentity
from doors.native.asgi import ask
from doors.native.sign_in_world import NAVIGATION, Browser, SignInWorld, sent_json

SESSION, AWAY = "__Host-assay-session", "__Host-assay-sign-in"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def world(tmp_path):
    one = SignInWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture
def browser(world):
    return Browser(world)


def kind_and_rule(answer):
    reasons = answer.json["reasons"]
    return answer.status, reasons[0]["field"] if reasons else answer.json["message"]


def test_a_browser_goes_to_the_provider_and_comes_back_as_somebody(world, browser):
    asked = browser.leave("?next=/models")
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "https://models.example.org/auth/callback"
    answer = browser.come_back(asked, world.person(name="Ada Lovelace"))
    assert (answer.status, answer.headers["location"]) == (303, "/models")
    form, _ = world.provider.forms[0]
    sent = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(sent).rstrip(b"=").decode() == asked["code_challenge"]
    me = browser.whoami().json
    assert (me["principal"]["name"], me["principal"]["kind"]) == ("ada", "person")
    assert me["principal"]["display_name"] == "Ada Lovelace"
    assert AWAY not in browser.cookies


def test_cookies_are_for_this_host_alone_and_unseen_by_scripts_and_other_sites(browser):
    answer = browser.sign_in()
    (line,) = [each for each in answer.cookies if each.startswith(SESSION)]
    words = {each.strip().lower() for each in line.split(";")[1:]}
    assert {"path=/", "httponly", "secure", "samesite=lax"} <= words
    assert not [each for each in words if each.startswith("domain")]


def test_pages_of_signing_in_can_be_framed_by_nobody_and_kept_by_nobody(browser):
    for answer in (browser.go("GET", "/auth/login", *NAVIGATION), browser.sign_in()):
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "place",
    ["//evil.example", "https://evil.example", "/\\evil.example", "%2F%2Fevil.example", "/%09/evil.example",
     "javascript:alert(1)", "/a%0d%0aSet-Cookie:x=1", "models", "/\N{FULLWIDTH SOLIDUS}evil"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(browser, place):
    answer = browser.go("GET", f"/auth/login?next={place}", *NAVIGATION)
    assert kind_and_rule(answer) == (400, "next")


@pytest.mark.parametrize(
    "uri",
    ["http://evil.example:80/x", "http://localhost:80/x", "https://127.0.0.1:80/x", "http://127.0.0.1/x",
     "http://127.0.0.1:80@evil.example/x", "http://127.0.0.1:99999/x", "http://127.0.0.1:80/x?a=b",
     "http://127.0.0.1:80%23@evil.example/", "http://127.0.0.2:80/x", "assay://x"],
)  # fmt: skip
def test_a_code_goes_to_the_loopback_of_the_browsers_own_machine_only(browser, uri):
    answer = browser.go("GET", f"/auth/login?code_challenge={CHALLENGE}&redirect_uri={uri}", *NAVIGATION)
    assert kind_and_rule(answer) == (400, "redirect_uri")


def test_a_command_line_without_a_challenge_gets_no_code(browser):
    answer = browser.go("GET", "/auth/login?redirect_uri=http://127.0.0.1:80/x", *NAVIGATION)
    assert kind_and_rule(answer) == (400, "code_challenge")


def test_an_answer_counts_only_in_the_browser_that_asked(world, browser):
    asked = browser.leave()
    victim = Browser(world)
    for other in (victim, Browser(world)):
        if other is victim:
            other.leave()
        answer = other.come_back(asked, world.person())
        assert (answer.status, SESSION in other.cookies) == (403, False)
    assert world.provider.forms == []


def test_an_answer_counts_once(world, browser):
    asked = browser.leave()
    kept = dict(browser.cookies)
    assert browser.come_back(asked, world.person()).status == 303
    browser.cookies = kept
    assert browser.come_back(asked, world.person(), code="code-2").status == 403
    assert len(world.provider.forms) == 1


def test_an_answer_that_comes_too_late_does_not_count(world, browser):
    asked = browser.leave()
    world.pass_time(minutes=11)
    assert browser.come_back(asked, world.person()).status == 403


@pytest.mark.parametrize("change", [{"state": "x"}, {"state": ""}, {"state": None}, {"state": "%FF%00"}])
def test_an_answer_with_another_state_does_not_count(world, browser, change):
    assert browser.come_back(browser.leave(), world.person(), **change).status == 403
    assert world.provider.forms == []


def test_an_answer_of_another_provider_does_not_count(world, browser):
    answer = browser.come_back(browser.leave(), world.person(), iss="https://evil.example")
    assert kind_and_rule(answer) == (403, "iss")
    assert world.provider.forms == []
    assert browser.come_back(browser.leave(), world.person(), iss=ISSUER).status == 303


def test_a_provider_that_says_who_it_is_has_to_say_it_every_time(world, browser):
    world.provider.more = {"authorization_response_iss_parameter_supported": True}
    assert kind_and_rule(browser.come_back(browser.leave(), world.person())) == (403, "iss")


WRONG = {
    "iss": [{"iss": "https://evil.example"}, {"iss": f"{ISSUER}/"}, {"iss": None}],
    "aud": [{"aud": "another"}, {"aud": None}, {"aud": ["registry", "another"]}, {"aud": []}, {"aud": 5}],
    "azp": [{"azp": "another"}],
    "sub": [{"sub": None}, {"sub": ""}, {"sub": 5}, {"sub": "x" * 256}],
    "nonce": [{"nonce": "another"}, {"nonce": None}, {"nonce": 5}],
    "exp": [{"exp": -60}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": 1e400}],
    "iat": [{"iat": 120}, {"iat": None}],
    "nbf": [{"nbf": 120}],
}


@pytest.mark.parametrize(
    ("claim", "change"), [(claim, change) for claim, changes in WRONG.items() for change in changes], ids=str
)
def test_a_token_that_was_not_made_for_this_moment_lets_nobody_in(world, browser, claim, change):
    asked = browser.leave()
    change = {
        name: value + world.seconds
        if isinstance(value, int) and claim in ("exp", "iat", "nbf") and value is not True
        else value
        for name, value in change.items()
    }
    claims = {"nonce": asked["nonce"], **world.person(), **change}
    answer = browser.come_back(
        asked,
        {name: each for name, each in claims.items() if each is not None}
        | ({"nonce": ""} if change.get("nonce", "") is None else {}),
    )
    assert kind_and_rule(answer) == (403, claim)
    assert SESSION not in browser.cookies


def test_a_provider_that_is_down_lets_nobody_in_and_is_named(world, browser):
    asked = browser.leave()
    world.provider.down = True
    answer = browser.come_back(asked, world.person())
    assert answer.status == 503
    assert ISSUER in answer.json["message"]
    assert browser.go("GET", "/auth/login", *NAVIGATION).status in (303, 503)


def test_a_refusal_of_the_provider_is_told_without_its_markup(browser):
    answer = browser.come_back(browser.leave(), error="access_denied%3Cscript%3E%07")
    assert answer.status == 403
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["reasons"][0]["rule"] == "access_denied<script>"


def test_a_name_that_is_taken_is_never_given_to_somebody_else(world, browser):
    world.use.access.create_principal(world.local, NewPrincipal("ada"))
    answer = browser.sign_in()
    assert answer.status == 403
    assert "assay principal link ada" in answer.json["hint"]
    assert SESSION not in browser.cookies
    world.use.identities.link(world.local, "ada", NewIdentity(ISSUER, "u-1"))
    browser.sign_in(preferred_username="whatever-they-call-themselves")
    assert browser.whoami().json["principal"]["name"] == "ada"


def test_another_subject_of_the_same_name_is_somebody_else(world, browser):
    browser.sign_in()
    assert Browser(world).sign_in(sub="u-2").status == 403


def test_who_changes_their_name_at_the_provider_stays_who_they_are(world, browser):
    browser.sign_in()
    again = Browser(world)
    again.sign_in(preferred_username="root")
    assert again.whoami().json["principal"]["name"] == "ada"


@pytest.mark.parametrize(
    "name", ["local", "assay", "nobody", "worker", "publisher.x", "A b", "", 5, "x" * 97]
)
def test_nobody_takes_a_name_of_the_registry_itself(browser, name):
    assert browser.sign_in(preferred_username=name, email="").status == 403


@pytest.mark.parametrize(("verified", "status"), [(True, 303), (False, 403), (None, 403), ("true", 403)])
def test_an_address_names_somebody_only_when_it_is_verified(browser, verified, status):
    said = {"preferred_username": None, "email": "ada@example.org", "email_verified": verified}
    assert browser.sign_in(**said).status == status


def test_an_operator_may_let_in_only_whom_an_admin_linked(tmp_path):
    world = SignInWorld(tmp_path, create_people=False)
    browser = Browser(world)
    assert browser.sign_in().status == 403
    world.use.access.create_principal(world.local, NewPrincipal("ada"))
    world.use.identities.link(world.local, "ada", NewIdentity(ISSUER, "u-1"))
    assert browser.sign_in().status == 303
    world.close()


def test_who_was_disabled_is_out_at_once_and_stays_out(world, browser):
    browser.sign_in()
    world.use.access.change_principal(world.local, "ada", PrincipalChange(disabled=True))
    assert browser.whoami().status == 401
    assert browser.sign_in().status == 403
    world.use.access.change_principal(world.local, "ada", PrincipalChange(disabled=False))
    assert browser.whoami().status == 401, "the old session stays ended"


def roles(browser):
    grants = browser.whoami().json["grants"]
    return {(each["pattern"], each["role"], each["group"]) for each in grants}


def test_groups_give_roles_until_the_next_sign_in_and_what_was_given_by_hand_stays(world, browser):
    for group, pattern, role in (
        ("ml", "risk", "contributor"),
        ("leads", "risk/*", "approver"),
        ("ml", "risk/cards", "reader"),
    ):
        world.use.identities.map(world.local, NewGroupRole(group, pattern, role))
    browser.sign_in(groups=["ml", "unknown"])
    assert roles(browser) == {
        ("risk/*", "contributor", "sign-in:ml"),
        ("risk/cards", "reader", "sign-in:ml"),
    }
    world.use.access.grant(world.local, NewGrant("ada", "reader", "risk/*"))
    browser.sign_in(groups=["ml", "leads"])
    assert ("risk/*", "approver", "sign-in:leads") in roles(browser)
    browser.sign_in(groups=[])
    assert roles(browser) == {("risk/*", "reader", "")}
    told = [(len(each.before["grants"]), len(each.after["grants"])) for each in world.events("grant.borrow")]
    assert told == [(0, 2), (2, 2), (2, 0)]


def test_what_groups_gave_ends_with_the_sign_in_also_for_tokens(world, browser):
    world.use.identities.map(world.local, NewGroupRole("ml", "*", "admin"))
    browser.sign_in(groups=["ml"])
    body = sent_json({"scopes": ["read", "admin"], "lifetime_days": 90})
    own = ("Sec-Fetch-Site", "same-origin")
    token = browser.go("POST", "/api/v1/tokens", own, body=body).json["text"]
    bearer = ("Authorization", f"Bearer {token}")
    assert Browser(world).go("GET", "/api/v1/principals", bearer).status == 200
    world.pass_time(hours=12, minutes=1)
    assert Browser(world).go("GET", "/api/v1/principals", bearer).status == 403
    assert browser.whoami().status == 401


@pytest.mark.parametrize(
    "said",
    [{"groups": None}, {"groups": "ml"}, {"groups": {"ml": 1}}, {"groups": ["ml", 5]}, {"groups": ["ml", ""]},
     {"groups": ["ml"] * 2001}, {"groups": ["ml"], "hasgroups": True},
     {"groups": ["ml"], "_claim_names": {"groups": "src1"}}],
    ids=str,
)  # fmt: skip
def test_groups_that_are_malformed_or_not_all_there_give_nothing(world, browser, said):
    world.use.identities.map(world.local, NewGroupRole("ml", "*", "admin"))
    assert browser.sign_in(groups=["ml"]).status == 303
    assert roles(browser)
    assert browser.sign_in(**said).status == 303
    assert roles(browser) == set()
    assert world.events("session.create")[-1].after["notice"]


def test_a_session_ends_unused_in_the_end_and_when_it_is_left(world, browser):
    browser.sign_in()
    world.pass_time(minutes=59)
    assert browser.whoami().status == 200
    world.pass_time(minutes=59)
    assert browser.whoami().status == 200
    world.pass_time(minutes=61)
    assert browser.whoami().status == 401
    browser.sign_in()
    kept = dict(browser.cookies)
    assert browser.go("POST", "/auth/logout", ("Sec-Fetch-Site", "same-origin")).status == 204
    assert SESSION not in browser.cookies
    browser.cookies = kept
    assert browser.whoami().status == 401
    for _ in range(14):
        browser.sign_in()
        world.pass_time(minutes=50)
        assert browser.whoami().status == 200


def test_a_session_ends_however_much_it_is_used(world, browser):
    browser.sign_in()
    for _ in range(14):
        world.pass_time(minutes=50)
        assert browser.whoami().status == 200
    world.pass_time(minutes=50)
    assert browser.whoami().status == 401


def test_every_session_of_somebody_can_be_ended_at_once(world, browser):
    other = Browser(world)
    for each in (browser, other):
        each.sign_in()
    path = "/api/v1/principals/ada/sessions"
    assert browser.go("DELETE", path, ("Origin", "https://models.example.org")).json == {"count": 2}
    assert other.whoami().status == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [(), (("Origin", "null"),), (("Origin", "https://evil.example"),), (("Sec-Fetch-Site", "cross-site"),),
     (("Sec-Fetch-Site", "same-site"),), (("Sec-Fetch-Site", "none"),), NAVIGATION,
     (("Origin", "https://models.example.org"), ("Sec-Fetch-Site", "cross-site"))],
    ids=str,
)  # fmt: skip
def test_no_page_but_our_own_changes_anything_with_a_session(browser, method, headers):
    browser.sign_in()
    path = "/api/v1/grants?principal=ada&pattern=*" if method == "DELETE" else "/api/v1/principals/ada"
    answer = browser.go(method, path, *headers, body=b"{}" if method != "DELETE" else b"")
    assert answer.status in (403, 405)
    if answer.status == 403:
        assert answer.json["message"] == "a web page may not reach this server"
    assert browser.go("POST", "/auth/logout", *headers).status == 403
    assert browser.whoami().status == 200


def test_only_whole_pages_that_begin_or_end_signing_in_are_opened_from_elsewhere(browser):
    browser.sign_in()
    assert browser.go("GET", "/api/v1/whoami", *NAVIGATION).status == 403
    framed = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"))
    assert browser.go("GET", "/auth/login", *framed).status == 403
    assert browser.go("GET", "/auth/login", ("Origin", "https://evil.example"), *NAVIGATION).status == 403


@pytest.mark.parametrize("cookie", ["", "x", "x.y", ".", "0" * 16 + ".", "a" * 300, "\xe4.\xe4"])
def test_a_made_up_session_is_nobodys(world, cookie):
    browser = Browser(world)
    browser.cookies[SESSION] = cookie
    assert browser.whoami().status == 401


def test_a_cookie_that_is_there_twice_is_nobodys(world, browser):
    browser.sign_in()
    value = browser.cookies[SESSION]
    headers = ("Cookie", f"{SESSION}={value}; {SESSION}={value}")
    assert Browser(world).go("GET", "/api/v1/whoami", headers).status == 401


def test_a_session_that_another_host_planted_is_nobodys_behind_https(world, browser):
    browser.sign_in()
    value = browser.cookies[SESSION]
    victim = Browser(world)
    victim.cookies["assay-session"] = value  # as a sibling host sets it, for all of the domain
    assert victim.whoami().status == 401
    own = ("Sec-Fetch-Site", "same-origin")
    assert victim.go("POST", "/api/v1/tokens", own, body=b"{}").status == 401
    assert victim.go("POST", "/auth/logout", own).status == 401
    assert browser.whoami().status == 200
    browser.cookies["assay-session"] = "planted"
    assert browser.whoami().status == 200, "nor does it get in the way of one's own"


def test_without_https_the_session_is_the_plain_one(world, browser):
    browser.sign_in()
    value = browser.cookies[SESSION]
    local = native_app(world.use, world.clock, loopback=True, anonymous=False)
    for name, status in (("assay-session", 200), (SESSION, 401)):
        headers = [("Host", "127.0.0.1"), ("Cookie", f"{name}={value}")]
        assert ask(local, "GET", "/api/v1/whoami", headers).status == status


def redeem(browser, code, verifier=VERIFIER):
    body = sent_json({"code": code, "code_verifier": verifier})
    return browser.go("POST", "/auth/token", body=body)


def test_a_command_line_gets_a_code_and_for_it_a_token_that_ends_with_the_sign_in(world, browser):
    uri = "http://127.0.0.1:4711/signed-in"
    answer = browser.sign_in(f"?code_challenge={CHALLENGE}&redirect_uri={uri}&state=s1")
    assert answer.status == 303
    place, _, query = answer.headers["location"].partition("?")
    code, state = (each.partition("=")[2] for each in query.split("&"))
    assert (place, state) == (uri, "s1")
    assert SESSION not in browser.cookies
    terminal = Browser(world)
    signed = redeem(terminal, code).json
    assert signed["principal"] == "ada"
    me = terminal.go("GET", "/api/v1/whoami", ("Authorization", f"Bearer {signed['text']}")).json
    assert me["scopes"] == ["admin", "approve", "evidence", "read", "write"]
    with world.means.database.read() as records:
        (token,) = records.tokens.of("ada")
    assert token.expires_at - token.created_at <= world.rules.lifetime
    assert redeem(terminal, code).status == 401, "a code counts once"


def test_a_code_is_worth_nothing_without_the_verifier_and_after_a_while(world, browser):
    query = f"?code_challenge={CHALLENGE}"
    page = browser.sign_in(query)
    code = page.body.decode().partition("<code>")[2].partition("</code>")[0]
    assert page.status == 200
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert redeem(browser, code, "w" * 43).status == 401
    assert redeem(browser, code).status == 401, "whoever guesses, guesses once"
    page = browser.come_back(browser.leave(query), world.person(), code="code-2")
    code = page.body.decode().partition("<code>")[2].partition("</code>")[0]
    world.pass_time(minutes=6)
    assert redeem(browser, code).status == 401


PUBLIC = [
    ("GET", "/auth/offer"), ("GET", "/auth/login"), ("GET", "/auth/callback"), ("POST", "/auth/token"),
    ("POST", "/auth/logout"), ("GET", "/auth/ci/audience"), ("POST", "/auth/ci/mint-token"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PUBLIC)
def test_whoever_asks_for_no_token_counts_by_their_address_and_by_the_route(world, method, path):
    told = []
    app = Exchanges(told.append, Limits(1, 3, lambda: 100.0)).before(world.app)

    def come(client):
        return ask(app, method, path, [("Host", "models.example.org")], client=client).status

    codes = [come("192.0.2.1") for _ in range(5)]
    assert 429 not in codes[:3]
    assert codes[3:] == [429, 429]
    assert come("192.0.2.2") == codes[0]
    assert {each.route for each in told} == {path}


def test_what_is_made_up_keeps_no_writer_waiting(world, browser, monkeypatch):
    asked = browser.leave()
    kept = dict(browser.cookies)
    browser.come_back(asked, world.person())
    own = ("Sec-Fetch-Site", "same-origin")
    session = browser.cookies[SESSION]
    browser.go("POST", "/auth/logout", own)
    begun = []
    monkeypatch.setattr(world.means.database, "write", lambda: begun.append(1))
    assert redeem(browser, "0" * 43).status == 401
    browser.cookies = {SESSION: session.partition(".")[0] + "." + "0" * 43}
    assert browser.go("POST", "/auth/logout", own).status == 401
    browser.cookies = {SESSION: session}
    assert browser.go("POST", "/auth/logout", own).status == 204, "to end it twice changes nothing"
    browser.cookies = kept
    assert browser.come_back(asked, world.person(), code="code-2").status == 403
    assert begun == []


def test_no_secret_is_in_the_audit_log(world, browser):
    browser.sign_in()
    page = browser.come_back(browser.leave(f"?code_challenge={CHALLENGE}"), world.person(), code="code-2")
    code = page.body.decode().partition("<code>")[2].partition("</code>")[0]
    token = redeem(browser, code).json["text"]
    with world.means.database.read() as records:
        said = str(records.audit.read(0))
    secrets = [code, token, token[22:], browser.cookies[SESSION].partition(".")[2], "code-1", "code-2"]
    assert not [each for each in secrets if each in said]
    assert {each.verb for each in world.events("token.create")} == {"token.create"}


def test_where_no_provider_is_set_nobody_is_sent_anywhere(tmp_path):
    world = SignInWorld(tmp_path, issuer="", client_id="")
    browser = Browser(world)
    assert browser.go("GET", "/auth/offer").json == {"browser": False, "issuer": "", "ci": True}
    assert browser.go("GET", "/auth/login", *NAVIGATION).status == 404
    assert browser.go("GET", "/auth/callback?code=x&state=y", *NAVIGATION).status == 404
    world.close()


def test_a_service_account_is_nobody_at_the_provider(world):
    world.use.access.create_principal(world.local, NewPrincipal("grace"))
    world.use.access.create_principal(world.local, NewPrincipal("robot", "service", owner="grace"))
    browser = Browser(world)
    with pytest.raises(Exception, match="must be a person"):
        world.use.identities.link(world.local, "robot", NewIdentity(ISSUER, "u-1"))
    assert browser.sign_in(preferred_username="robot").status == 403


def test_who_is_let_go_loses_sessions_and_what_came_through_groups(world, browser):
    world.use.identities.map(world.local, NewGroupRole("ml", "*", "reader"))
    browser.sign_in(groups=["ml"])
    world.use.people.remove(world.local, "ada")
    assert browser.whoami().status == 401
    assert browser.sign_in(groups=["ml"]).status == 403
    assert not world.use.access.grants(world.local, "ada")


def test_an_identity_that_is_unlinked_is_out_at_once(world, browser):
    world.use.identities.map(world.local, NewGroupRole("ml", "*", "reader"))
    browser.sign_in(groups=["ml"])
    world.use.identities.unlink(world.local, "ada", NewIdentity(ISSUER, "u-1"))
    assert browser.whoami().status == 401
    assert not world.use.access.grants(world.local, "ada")
    assert browser.sign_in(groups=["ml"]).status == 403, "the name is taken: an admin decides"


def test_the_routes_that_ask_for_no_token_are_few_and_documented():
    paths = openapi_document(ROUTES, BASE)["paths"]
    public = {path for path, each in paths.items() if any(one.get("security") == [] for one in each.values())}
    assert public == {
        "/healthz",
        "/auth/offer",
        "/auth/login",
        "/auth/callback",
        "/auth/token",
        "/auth/logout",
        "/auth/ci/audience",
        "/auth/ci/mint-token",
    }
