"""Signing in, whole: a real provider, a real server, the real command line, and a browser between them."""

import json
import os
import re
import subprocess
from contextlib import contextmanager

import httpx
import pytest

from journeys.live_provider import LiveProvider, Visitor
from journeys.live_server import ASSAY, LiveServer

ADA = {"sub": "u-ada", "preferred_username": "ada", "name": "Ada Lovelace", "groups": ["ml"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("sign-in")


@pytest.fixture(scope="module")
def provider(place):
    one = LiveProvider(place, ADA)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def server(place, provider):
    settings = {"ASSAY_SIGN_IN_ISSUER": provider.issuer, "ASSAY_SIGN_IN_CLIENT_ID": "registry"}
    settings["ASSAY_SIGN_IN_CLIENT_SECRET"] = "a secret of the registry"
    before = dict(os.environ)
    os.environ.update(settings)
    one = LiveServer(place, "--workers", "0")
    os.environ.clear()
    os.environ.update(before)
    try:
        one.run("sign-in", "map", "ml", "risk", "contributor")
        yield one
    finally:
        code = one.stop()
    assert code == 0
    assert "a secret of the registry" not in (place / "server.log").read_text()


@contextmanager
def typed(server, credentials, *words):
    """Begin a command as somebody without a token of their own would; it has no browser to open."""
    environment = {name: value for name, value in os.environ.items() if name != "ASSAY_TOKEN"}
    environment |= {"ASSAY_URL": server.url, "ASSAY_CREDENTIALS": str(credentials), "BROWSER": "true"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([ASSAY, *words], env=environment, text=True, **pipes) as process:
        yield process


def address_told(process):
    line = process.stderr.readline()
    found = re.search(r"http://\S+", line)
    assert found, line + process.stderr.read()
    return found[0]


def run(server, credentials, *words, expect=0):
    with typed(server, credentials, *words) as process:
        out, error = process.communicate(timeout=60)
    assert process.returncode == expect, error
    return out


def test_a_command_line_signs_in_through_a_browser_and_out_again(server, provider, tmp_path):
    credentials = tmp_path / "credentials.json"
    visitor = Visitor("u-ada")
    with typed(server, credentials, "login") as process:
        page = visitor.open(address_told(process))
        assert "You are signed in" in page.text
        out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "signed in as ada" in out
    assert credentials.stat().st_mode & 0o777 == 0o600
    me = json.loads(run(server, credentials, "whoami", "--json"))
    assert me["principal"]["name"] == "ada"
    assert [(each["role"], each["pattern"]) for each in me["grants"]] == [("contributor", "risk/*")]
    token = next(iter(json.loads(credentials.read_text()).values()))["token"]
    seen = "\n".join(visitor.seen)
    assert token not in seen
    assert "id_token" not in seen
    assert "signed out" in run(server, credentials, "logout")
    assert json.loads(credentials.read_text()) == {}
    assert server.ask("GET", "/whoami", token).status_code == 401
    visitor.close()
    assert provider.issuer in seen


def test_a_command_line_without_a_browser_takes_the_code_that_is_shown(server, provider, tmp_path):
    credentials = tmp_path / "credentials.json"
    visitor = Visitor("u-ada")
    with typed(server, credentials, "login", "--no-browser", "--json") as process:
        page = visitor.open(address_told(process))
        code = re.search(r"<code>(\w+)</code>", page.text)[1]
        out, error = process.communicate(code + "\n", timeout=60)
    assert process.returncode == 0, error
    assert json.loads(out)["principal"] == "ada"
    assert code not in out + error
    assert json.loads(run(server, credentials, "whoami", "--json"))["principal"]["name"] == "ada"
    visitor.close()
    assert provider.process.poll() is None


def test_a_wrong_code_keeps_nothing(server, provider, tmp_path):
    credentials = tmp_path / "credentials.json"
    with typed(server, credentials, "login", "--no-browser") as process:
        address_told(process)
        _, error = process.communicate("x" * 43 + "\n", timeout=60)
    assert process.returncode == 6, error
    assert not credentials.exists()
    assert provider.process.poll() is None


def test_a_browser_has_a_session_until_it_signs_out(server, provider):
    visitor = Visitor("u-ada")
    visitor.open(f"{server.url}/auth/login?next=/api/v1/whoami")
    me = visitor.http.get(f"{server.url}/api/v1/whoami")
    assert (me.status_code, me.json()["principal"]["name"]) == (200, "ada")
    foreign = visitor.http.post(f"{server.url}/auth/logout")
    assert foreign.status_code == 403
    own = {"Origin": server.url}
    assert visitor.http.post(f"{server.url}/auth/logout", headers=own).status_code == 204
    visitor.close()
    assert provider.process.poll() is None


def test_who_left_a_group_loses_its_role_with_the_next_sign_in(server, provider):
    visitor = Visitor("u-ada")
    for groups, roles in ((["ml"], 1), ([], 0), (["ml"], 1)):
        provider.person("u-ada", preferred_username="ada", groups=groups)
        visitor.open(f"{server.url}/auth/login?next=/api/v1/whoami")
        me = visitor.http.get(f"{server.url}/api/v1/whoami").json()
        assert len(me["grants"]) == roles
    visitor.close()


def test_where_a_provider_ends_a_sign_in_is_an_error_that_names_it(server, provider, place):
    with httpx.Client() as http:
        answer = http.get(f"{server.url}/auth/callback?code=x&state=y")
    assert answer.status_code == 403
    assert "did not ask to sign in" in answer.json()["message"]
    assert provider.issuer not in answer.text
    assert place.exists()
