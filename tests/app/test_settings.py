"""Settings: where they come from, which wins, and what is refused."""

import pytest

from assay.app.server import serve
from assay.app.settings import Settings, as_environment, read_settings
from assay.core.errors import BadInputError


def test_without_anything_the_defaults_hold(tmp_path):
    assert read_settings({}, tmp_path / "none.toml") == Settings()


def test_arguments_win_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "assay.toml"
    file.write_text('port = 1\nworkers = 2\nhost = "127.0.0.3"\n')
    found = read_settings({"ASSAY_PORT": "4", "ASSAY_WORKERS": "5"}, file, port=6, auth=None)
    assert (found.port, found.workers, found.host, found.auth) == (6, 5, "127.0.0.3", "local")


@pytest.mark.parametrize(
    "text",
    ["[", "\xff", "colour = 1", "port = 1.5", "port = true", 'port = "x"', "port = 70000", "port = -1",
     "workers = 65", "workers = []", "host = 5", 'host = ""', "data = 7", 'data = ""', "auth = 3",
     'auth = "none"', "webhook_hosts = 5", "webhook_hosts = [5]", 'webhook_hosts = ["a b"]',
     'webhook_hosts = ["http://x"]', 'webhook_hosts = ["10.0.0.0/8"]', 'webhook_hosts = "*"',
     "public_url = 5", 'public_url = ""'],
)  # fmt: skip
def test_a_file_that_says_what_cannot_be_is_refused(tmp_path, text):
    file = tmp_path / "assay.toml"
    file.write_text(text, "latin1")
    with pytest.raises(BadInputError) as caught:
        read_settings({}, file)
    assert caught.value.reasons[0].rule


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", ""), ("PORT", "80 80"), ("PORT", "²"), ("WORKERS", "-1"), ("AUTH", "off"), ("DATA", "")],
)
def test_an_environment_that_says_what_cannot_be_is_refused(tmp_path, name, value):
    with pytest.raises(BadInputError) as caught:
        read_settings({f"ASSAY_{name}": value}, tmp_path / "none.toml")
    assert caught.value.reasons[0].field == name.lower()


def test_a_folder_in_place_of_the_file_is_bad_input(tmp_path):
    with pytest.raises(BadInputError, match="must be a TOML file"):
        read_settings({}, tmp_path)


def test_hosts_that_webhooks_may_reach_come_as_a_list_or_with_commas(tmp_path):
    file = tmp_path / "assay.toml"
    file.write_text('webhook_hosts = ["Hooks.internal", "::1"]')
    assert read_settings({}, file).webhook_hosts == ("hooks.internal", "::1")
    listed = {"ASSAY_WEBHOOK_HOSTS": " 127.0.0.1, [0::1] ,"}
    assert read_settings(listed, file).webhook_hosts == ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("https://models.example.org", "https://models.example.org"),
        ("https://models.example.org/", "https://models.example.org"),
        ("http://10.0.0.1:8080/a/registry/", "http://10.0.0.1:8080/a/registry"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_a_public_url_is_kept_without_a_slash_at_its_end(tmp_path, said, kept):
    found = read_settings({"ASSAY_PUBLIC_URL": said}, tmp_path / "none.toml")
    assert found.public_url == kept


@pytest.mark.parametrize(
    "said",
    ["models.example.org", "ftp://x", "https://", "https:///a", "https://x:0", "https://x:70000", "https://x:a",
     "https://ada@x", "https://ada:pw@x", "https://x?a=1", "https://x/?", "https://x#a", "https://x/a#",
     "https://x/a b", "https://x/a\n", "https://x\\a", "https://x/../a", "https://x//a", "https://x/%2e",
     'https://x/"a', "javascript:alert(1)", " https://x", "https://\u00e4.org"],
)  # fmt: skip
def test_a_public_url_that_is_none_is_refused_by_name(tmp_path, said):
    with pytest.raises(BadInputError) as caught:
        read_settings({}, tmp_path / "none.toml", public_url=said)
    assert caught.value.reasons[0].field == "public_url"
    assert "HOST" in caught.value.reasons[0].rule


def test_whoever_is_reached_from_outside_wants_a_token(tmp_path):
    settings = read_settings(
        {}, tmp_path / "none.toml", data=tmp_path / "d", public_url="https://x.example.org"
    )
    with pytest.raises(BadInputError, match=r"public_url x\.example\.org") as caught:
        serve(settings)
    assert caught.value.reasons[0].field == "auth"
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_format", "xml"),
        ("log_level", "loud"),
        ("metrics", "perhaps"),
        ("shutdown_s", "3601"),
        ("drain_s", "601"),
        ("rate_limit", "-1"),
        ("rate_limit", "1.5"),
        ("rate_burst", "0"),
        ("max_upload_bytes", "5 GB"),
    ],
)
def test_what_an_operator_cannot_mean_is_refused_by_name(tmp_path, name, value):
    with pytest.raises(BadInputError, match=name):
        read_settings({f"ASSAY_{name.upper()}": value}, tmp_path / "none.toml")


def test_limits_and_logs_are_read_from_the_environment(tmp_path):
    environ = {"ASSAY_LOG_FORMAT": "json", "ASSAY_MAX_UPLOAD_BYTES": str(10**15), "ASSAY_RATE_LIMIT": "0"}
    found = read_settings(environ | {"ASSAY_RATE_BURST": "0"}, tmp_path / "none.toml")
    assert (found.log_format, found.max_upload_bytes, found.rate_limit) == ("json", 10**15, 0)


def test_a_process_that_is_started_has_the_very_same_settings(tmp_path):
    address = "postgresql://ada:secret@db.example.org:5433/assay?sslmode=require"
    given = Settings(
        host="127.0.0.7",
        data=tmp_path,
        auth="required",
        workers=3,
        webhook_hosts=("a.example.org", "b.example.org"),
        public_url="https://models.example.org/x",
        database=address,
    )
    environment = as_environment(given, {"ASSAY_PORT": "9", "ASSAY_TOKEN": "t", "PATH": "/bin"})
    assert read_settings(environment, None) == given
    assert "ASSAY_PORT" not in environment
    assert (environment["ASSAY_TOKEN"], environment["PATH"]) == ("t", "/bin")
    assert as_environment(Settings(), {}) == {}


@pytest.mark.parametrize("address", ["mysql://u:secret@h/db", "sqlite:///x", "secret", "postgresql:secret"])
def test_a_database_of_another_kind_is_refused_without_showing_its_address(address):
    with pytest.raises(BadInputError) as refused:
        read_settings({"ASSAY_DATABASE": address}, None)
    assert address not in f"{refused.value} {refused.value.reasons}"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ada:secret@h:1/db?password=secret", "postgresql://h:1/db"),
        ("postgresql://ada:sec@ret@h1,h2/db", "postgresql://h1,h2/db"),
        ("postgresql:///db?host=/run&password=secret", "postgresql:///db"),
        ("postgres://h", "postgres://h"),
    ],
)
def test_a_database_is_shown_without_user_and_password(address, shown):
    settings = Settings(database=address)
    assert settings.database_shown == shown
    assert "sec@ret" not in repr(settings)
    assert address not in repr(settings)


def test_a_process_that_is_started_gets_no_secret_of_sign_in():
    given = {"ASSAY_SIGN_IN_CLIENT_SECRET": "hush", "ASSAY_SIGN_IN_ISSUER": "https://i.example", "HOME": "/h"}
    assert as_environment(Settings(), given) == {"HOME": "/h"}
