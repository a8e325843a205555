"""The table ``[sign_in]``: where its values come from, which cannot be, and what a server needs for it."""

import pytest

from assay.app.server import serve
from assay.app.server_address import check_reached, reached_at
from assay.app.settings import Settings, read_settings
from assay.core.errors import BadInputError
from assay.core.sign_in import SignInRules

GOOD = {"issuer": "https://login.example.org/realm", "client_id": "assay"}


def settings(tmp_path, table="", environ=None):
    file = tmp_path / "assay.toml"
    file.write_text(table)
    return read_settings(environ or {}, file)


def test_without_anything_nobody_signs_in_with_a_provider(tmp_path):
    assert settings(tmp_path).sign_in == SignInRules()
    assert not SignInRules().issuer


def test_the_environment_wins_over_the_table_and_brings_the_secret(tmp_path):
    table = (
        '[sign_in]\nissuer = "https://a.example"\nclient_id = "b"\nhours = 1\nalgorithms = ["RS256", "ES256"]'
    )
    environ = {
        "ASSAY_SIGN_IN_ISSUER": "https://c.example",
        "ASSAY_SIGN_IN_CLIENT_SECRET": "s",
        "ASSAY_PORT": "1",
    }
    found = settings(tmp_path, table, environ | {"ASSAY_SIGN_IN_CREATE_PEOPLE": "false"})
    rules = found.sign_in
    assert (rules.issuer, rules.client_id, rules.client_secret, found.port) == (
        "https://c.example",
        "b",
        "s",
        1,
    )
    assert (rules.hours, rules.algorithms, rules.create_people) == (1.0, "RS256 ES256", False)
    assert "'s'" not in repr(found)


def test_the_secret_may_lie_in_a_file_of_its_own(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("very\n")
    environ = {f"ASSAY_SIGN_IN_{name.upper()}": value for name, value in GOOD.items()}
    found = settings(tmp_path, "", environ | {"ASSAY_SIGN_IN_CLIENT_SECRET_FILE": str(secret)})
    assert found.sign_in.client_secret == "very"


@pytest.mark.parametrize(
    ("name", "value"),
    [("client_secret", '"s"'), ("colour", "1"), ("issuer", "5"), ("issuer", '"http://login.example.org"'),
     ("issuer", '"https://login.example.org?x=1"'), ("issuer", '"https://a:b@login.example.org"'),
     ("issuer", '"https://login.example.org#x"'), ("issuer", '"login.example.org"'), ("issuer", '"https://"'),
     ("client_id", '""'), ("algorithms", '"none"'), ("algorithms", '"HS256"'), ("algorithms", '""'),
     ("algorithms", '["RS256", "HS512"]'), ("scopes", '"profile"'), ("hours", "0"), ("hours", "1000"),
     ("hours", "true"), ("hours", "nan"), ("idle_minutes", '"soon"'), ("create_people", "1"),
     ("client_secret_file", '"/nowhere"'), ("ci_issuers", '"http://ci.example.org"'), ("ci_audience", "[1]")],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_by_its_name(tmp_path, name, value):
    words = {each: f'"{good}"' for each, good in GOOD.items()} | {name: value}
    table = "[sign_in]\n" + "\n".join(f"{each} = {said}" for each, said in words.items())
    with pytest.raises(BadInputError) as caught:
        settings(tmp_path, table)
    assert caught.value.reasons[0].field == f"sign_in.{name}"


@pytest.mark.parametrize("table", ['sign_in = "x"', "sign_in = []"])
def test_what_is_no_table_is_refused(tmp_path, table):
    with pytest.raises(BadInputError, match="must be a table"):
        settings(tmp_path, table)


@pytest.mark.parametrize(
    ("host", "url", "good"),
    [("127.0.0.1", "", True), ("::1", "http://localhost:9", True), ("127.0.0.1", "https://m.example", True),
     ("10.0.0.1", "", False), ("10.0.0.1", "http://m.example.org", False),
     ("127.0.0.1", "http://m.example.org", False)],
)  # fmt: skip
def test_browsers_need_an_address_to_come_back_to_that_nobody_reads_along(host, url, good):
    asked = Settings(host=host, public_url=url, auth="required", sign_in=SignInRules(**GOOD))
    if good:
        check_reached(asked)
        return
    with pytest.raises(BadInputError, match="public_url"):
        check_reached(asked)
    if host == "127.0.0.1":
        with pytest.raises(BadInputError, match="public_url"):
            serve(asked)


def test_an_identity_token_of_a_job_is_for_this_server_and_no_other():
    assert reached_at(Settings()).ci_audience == "http://127.0.0.1:8640"
    assert reached_at(Settings(host="10.0.0.1", auth="required")).ci_audience == ""
    public = Settings(host="10.0.0.1", auth="required", public_url="https://m.example.org")
    assert reached_at(public).ci_audience == "https://m.example.org"
    named = Settings(sign_in=SignInRules(ci_audience="assay-of-acme"))
    assert reached_at(named).ci_audience == "assay-of-acme"
