"""``assay login`` without a person, ``logout``, and where the token is kept."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from assay.client.browser_login import Waiting
from assay.client.ci_identity import identity_token
from assay.client.credentials import Kept, credentials_file, keep, kept_for
from assay.core.access import Principal, PrincipalKind
from assay.core.errors import BadInputError, DeniedError, UnavailableError
from assay.wire.sign_in import Audience, MintedToken, MintProblem, MintRefusal, SignInOffer
from assay.wire.views import Identity

SECRET = "assay_" + "0123456789abcdef" + "s" * 43 + "00000000"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SOON = datetime.now(UTC) + timedelta(hours=1)
ROBOT = Identity(Principal("publisher.1", PrincipalKind.SERVICE, NOON, "ann"), (), ("write",), "fraud/*")


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CREDENTIALS", str(tmp_path / "kept" / "credentials.json"))
    for name in ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ASSAY_ID_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def trusting(server):
    server.put("GET", "/auth/ci/audience", Audience("https://models.example.org"))
    server.put("POST", "/auth/ci/mint-token", MintedToken(True, SECRET, int(SOON.timestamp())))
    server.put("GET", "/whoami", ROBOT)
    server.put("DELETE", "/tokens/0123456789abcdef", b"")
    return server


def test_a_job_of_gitlab_exchanges_the_token_that_it_was_given(trusting, assay, monkeypatch):
    monkeypatch.setenv("ASSAY_ID_TOKEN", "a.b.c")
    done = assay("login", "--json")
    assert done.code == 0, done.err
    assert done.json["principal"] == "publisher.1"
    assert trusting.body_of("POST", "mint-token") == {"token": "a.b.c", "pattern": ""}
    assert kept_for(trusting.url).token == SECRET
    assert SECRET not in done.out + done.err
    assert credentials_file().stat().st_mode & 0o777 == 0o600


def test_a_job_of_github_asks_for_its_token_first(trusting, assay, monkeypatch):
    asked = []

    class GitHub(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Authorization"]))
            body = json.dumps({"value": "d.e.f"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), GitHub) as github:
        thread = threading.Thread(target=github.handle_request)
        thread.start()
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{github.server_port}/t?v=1")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner")
        assert assay("login", "--ci", "--pattern", "fraud").code == 0
        thread.join()
    assert asked == [("/t?v=1&audience=https%3A%2F%2Fmodels.example.org", "Bearer runner")]
    assert trusting.body_of("POST", "mint-token") == {"token": "d.e.f", "pattern": "fraud"}


def test_a_refused_job_is_told_the_code_and_keeps_nothing(trusting, assay, monkeypatch):
    monkeypatch.setenv("ASSAY_ID_TOKEN", "a.b.c")
    refusal = MintRefusal("Token request failed", (MintProblem("invalid-publisher", "no such"),))
    trusting.put("POST", "/auth/ci/mint-token", refusal, status=422)
    done = assay("login")
    assert done.code == 6
    assert "invalid-publisher: no such" in done.err
    assert kept_for(trusting.url) is None


def test_ci_without_an_identity_says_what_the_job_has_to_ask_for(trusting, assay):
    done = assay("login", "--ci")
    assert done.code == 2
    assert "id-token: write" in done.err


@pytest.mark.parametrize(
    "answer", [httpx.Response(403), httpx.Response(200, text="x"), httpx.Response(200, json=[])]
)
def test_a_service_that_gives_no_token_is_unavailable(answer):
    environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://ci/t", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "r"}
    with pytest.raises(UnavailableError):
        identity_token("a", environ, httpx.MockTransport(lambda _: answer))
    with pytest.raises(BadInputError):
        identity_token("a", {})


def test_a_server_without_a_provider_says_so(server, assay):
    server.put("GET", "/auth/offer", SignInOffer(False, "", False))
    done = assay("login")
    assert done.code == 6
    assert "offers no sign-in" in done.err


def test_the_kept_token_is_used_for_its_registry_only_until_it_ends(trusting, assay, monkeypatch):
    keep(trusting.url, Kept(SECRET, "ann", SOON))
    assert kept_for(trusting.url + "/").token == SECRET
    assert kept_for("http://127.0.0.1:1") is None
    keep(trusting.url, Kept(SECRET, "ann", NOON - timedelta(days=900)))
    assert kept_for(trusting.url) is None


def test_logout_revokes_and_forgets(trusting, assay):
    keep(trusting.url, Kept(SECRET, "ann", SOON))
    assert assay("logout", "--json").json == {"signed_out": True, "revoked": True}
    assert [each for each in trusting.asked if each[0] == "DELETE"] == [
        ("DELETE", "/api/v1/tokens/0123456789abcdef", b"")
    ]
    assert kept_for(trusting.url) is None
    assert assay("logout", "--json").json == {"signed_out": False, "revoked": False}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"http://x": 5}', '{"http://x": {"token": 5}}'])
def test_a_file_that_is_no_such_file_keeps_nothing(own_place, content):
    credentials_file().parent.mkdir()
    credentials_file().write_text(content)
    assert kept_for("http://x") is None


def test_only_the_answer_to_ones_own_question_ends_the_wait():
    with Waiting() as waiting:
        for query in ("", "?code=x", "?state=x&code=x", f"?state={waiting.state}&code=a&code=b"):
            assert httpx.get(waiting.redirect_uri + query).status_code == 400
        assert httpx.get(waiting.redirect_uri.replace("signed-in", "other")).status_code == 400
        with pytest.raises(DeniedError, match="in time"):
            waiting.code(0.01)
        good = httpx.get(f"{waiting.redirect_uri}?state={waiting.state}&code=right")
        assert (good.status_code, "frame-ancestors 'none'" in str(good.headers)) == (200, True)
        assert httpx.get(f"{waiting.redirect_uri}?state={waiting.state}&code=late").status_code == 400
        assert waiting.code(5) == "right"
