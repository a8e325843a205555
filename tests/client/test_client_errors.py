"""Whatever goes wrong below, the caller catches one of core's errors and reads what to do."""

import inspect

import httpx
import pytest

from assay.client import Client
from assay.client.answered_errors import error_from
from assay.client.repeating import ATTEMPTS
from assay.client.transport import Transport, check_url, is_loopback
from assay.core.errors import (
    LEAVES,
    BadInputError,
    ConflictError,
    DeniedError,
    NotFoundError,
    Reason,
    RefusedError,
    UnavailableError,
)
from assay.wire import codec
from assay.wire.views import ErrorDocument

HTTPX_ERRORS = sorted(
    (each for _, each in inspect.getmembers(httpx, inspect.isclass) if issubclass(each, Exception)),
    key=lambda each: each.__name__,
)
REQUEST = httpx.Request("GET", "http://registry.test/")


def build(kind: type[Exception]) -> Exception:
    """Make an httpx error with whatever arguments its class takes."""
    if kind is httpx.HTTPStatusError:
        return kind("said", request=REQUEST, response=httpx.Response(500))
    wanted = list(inspect.signature(kind).parameters.values())
    required = [
        each for each in wanted if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    return kind(*("said" for _ in required))


@pytest.mark.parametrize("kind", HTTPX_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_httpx_becomes_a_leaf_that_says_what_to_do(kind):
    def fail(request):
        raise build(kind)

    with (
        Client("http://registry.test", "", transport=httpx.MockTransport(fail)) as client,
        pytest.raises(tuple(LEAVES)) as caught,
    ):
        client.whoami()
    assert type(caught.value) in {BadInputError, UnavailableError}
    assert caught.value.hint or caught.value.reasons


@pytest.mark.parametrize("leaf", sorted(LEAVES, key=lambda leaf: leaf.kind), ids=lambda leaf: leaf.kind)
def test_every_error_document_becomes_the_leaf_that_it_names(leaf, answering):
    document = ErrorDocument(leaf.kind, "said", (Reason("field", "rule", "detail"),), "do this")
    client = answering(499, codec.encode(document))
    with pytest.raises(leaf) as caught:
        client.model("team/task")
    assert type(caught.value) is leaf
    assert (caught.value.message, caught.value.hint) == ("said", "do this")
    assert caught.value.reasons == (Reason("field", "rule", "detail"),)


@pytest.mark.parametrize(
    ("status", "leaf"),
    [
        (400, BadInputError),
        (401, DeniedError),
        (403, DeniedError),
        (404, NotFoundError),
        (408, UnavailableError),
        (409, ConflictError),
        (413, BadInputError),
        (422, RefusedError),
        (429, UnavailableError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
    ],
)
def test_an_error_without_a_document_is_told_by_its_status(status, leaf):
    assert type(error_from(status, b"<html>", "http://here")) is leaf


def test_an_error_of_no_known_kind_keeps_what_the_server_said():
    document = codec.encode(ErrorDocument("error", "look in the log under 1234"))
    found = error_from(500, document, "http://here")
    assert type(found) is UnavailableError
    assert "1234" in found.message


def test_401_asks_for_a_token_and_403_does_not():
    document = codec.encode(ErrorDocument("denied", "no"))
    without_login, without_right = error_from(401, document, ""), error_from(403, document, "")
    assert without_login.authenticate
    assert "ASSAY_TOKEN" in without_login.hint
    assert not without_right.authenticate


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("https://there/api/v1/whoami", "https://there"),
        ("https://there:8443/models/api/v1/whoami?team=x", "https://there:8443/models"),
        ("https://me:secret@there/api/v1/whoami", "https://there"),
    ],
)
def test_a_registry_that_moved_is_named_where_it_is_now(location, there):
    found = error_from(308, b"", "http://here", (location, "/api/v1/whoami"))
    assert type(found) is UnavailableError
    assert found.hint == f"set ASSAY_URL to {there}"


@pytest.mark.parametrize(
    "location",
    [
        "https://store.test/bucket/ab12?X-Amz-Signature=secret",
        "https://store.test/?sig=secret",
        "/secret",
        "",
        "http://[half",
    ],
)
def test_where_a_redirection_means_something_else_its_address_is_not_shown(location, answering):
    client = answering(307, location=location)
    with pytest.raises(UnavailableError) as caught:
        client.whoami()
    said = f"{caught.value} {caught.value.hint}"
    assert "sends elsewhere" in said
    assert caught.value.hint == "check ASSAY_URL"
    assert "secret" not in said
    assert "store.test" not in said


def test_a_page_that_is_not_of_this_protocol_is_not_the_callers_fault(answering):
    with pytest.raises(UnavailableError, match="does not answer as this registry"):
        answering(200, b"<html>hello</html>").whoami()


def test_a_document_of_another_kind_is_not_the_callers_fault(answering):
    with pytest.raises(UnavailableError):
        answering(200, b'{"principal": 3}').whoami()


def test_an_endless_error_page_is_not_read_to_its_end():
    read = []

    class Endless(httpx.SyncByteStream):
        def __iter__(self):
            for _ in range(1000):
                read.append(1)
                yield bytes(1024 * 1024)

    def answer(request):
        return httpx.Response(500, stream=Endless())

    with (
        Client("http://registry.test", "", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(UnavailableError),
    ):
        client.whoami()
    assert len(read) < 10


def test_a_question_is_asked_again_on_a_connection_that_was_closed_meanwhile():
    asked = []

    def answer(request):
        asked.append(request.method)
        if len(asked) == 1:
            raise httpx.RemoteProtocolError("Server disconnected")
        return httpx.Response(200, content=b"[]")

    with Client("http://registry.test", "", transport=httpx.MockTransport(answer)) as client:
        assert client.policies() == ()
    assert asked == ["GET", "GET"]


def test_a_change_that_has_no_key_is_never_sent_twice():
    asked = []

    def answer(request):
        asked.append(request.method)
        raise httpx.RemoteProtocolError("Server disconnected")

    with (
        Client("http://registry.test", "", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(UnavailableError),
    ):
        client.set_alias("team/task", "best", "1")
    assert asked == ["PUT"]


def test_what_is_asked_for_once_is_sent_again_with_its_key():
    keys = []

    def answer(request):
        keys.append(request.headers["idempotency-key"])
        raise httpx.RemoteProtocolError("Server disconnected")

    with (
        Client("http://registry.test", "", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(UnavailableError),
    ):
        client.promote("team/task/1", "staging")
    assert len(keys) == ATTEMPTS
    assert len(set(keys)) == 1


def test_nobody_listening_is_said_with_the_command_that_starts_a_server(unused_port):
    with Client(f"http://127.0.0.1:{unused_port}", "") as client, pytest.raises(UnavailableError) as caught:
        client.health()
    assert "assay serve" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "ftp://host",
        "http://",
        "http://user:secret@host",
        "http://host?x=1",
        "http://ho st",
        "http://[::1",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_before_anything_is_sent(url):
    with pytest.raises(BadInputError) as caught:
        check_url(url)
    assert caught.value.reasons[0].field == "url"


@pytest.mark.parametrize("token", ["a b", "assay_\n", "assay_ü"])
def test_a_token_that_would_break_the_header_is_refused(token):
    with pytest.raises(BadInputError, match="token"):
        Transport("http://registry.test", token)


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("example.org", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_told_from_elsewhere(host, is_here):
    assert is_loopback(host) is is_here


def test_address_and_token_come_from_the_environment(monkeypatch):
    seen = []

    def answer(request):
        seen.append((str(request.url), request.headers.get("authorization")))
        return httpx.Response(200, content=b"[]")

    monkeypatch.setenv("ASSAY_URL", "http://from.environment:1")
    monkeypatch.setenv("ASSAY_TOKEN", "assay_x")
    with Client(transport=httpx.MockTransport(answer)) as client:
        client.policies()
    with Client("http://given.test/", "", transport=httpx.MockTransport(answer)) as client:
        client.policies()
    assert seen == [
        ("http://from.environment:1/api/v1/policies", "Bearer assay_x"),
        ("http://given.test/api/v1/policies", None),
    ]
