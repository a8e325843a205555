"""How the door answers: errors, downloads, documentation, and who may reach it at all."""

import asyncio
import json
import logging
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import LEAVES, DeniedError
from assay.doors.native import ROUTES, native_app
from assay.doors.native.errors import ERRORS
from assay.doors.native.openapi import openapi_document
from assay.doors.native.serving import MAX_QUERY_FIELDS
from assay.http.guard import OriginGuard
from assay.wire.codec import MAX_DEPTH
from doors.app_client import AppClient
from doors.native.asgi import ask
from doors.native.native_world import BLOB, DIGEST, NativeWorld

API = "/api/v1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "files", "tags", "version", "provenance", "x"]), inner)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = NativeWorld(tmp_path_factory.mktemp("native"))
    one.version()
    yield one
    one.close()


@pytest.fixture(scope="module")
def app(world):
    return native_app(world.use, world.means.clock, loopback=True, anonymous=True)


class Failing:
    """A clock that fails."""

    def __init__(self, error):
        self._error = error

    def now(self):
        raise self._error


# Errors


@pytest.mark.parametrize("leaf", sorted(LEAVES, key=lambda each: each.kind))
def test_every_error_is_said_with_its_status_and_kind(world, leaf):
    app = native_app(world.use, Failing(leaf("it happened")), loopback=True, anonymous=True)
    answer = ask(app, "GET", "/healthz")
    assert (answer.status, answer.json["kind"], answer.json["message"]) == (
        ERRORS[leaf],
        leaf.kind,
        "it happened",
    )
    assert answer.headers["cache-control"] == "no-store"


def test_a_missing_login_is_401_and_says_how(world):
    error = DeniedError("who are you?", authenticate=True)
    answer = ask(native_app(world.use, Failing(error), loopback=True, anonymous=True), "GET", "/healthz")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_what_went_wrong_inside_is_for_the_log_and_an_id_for_the_caller(world, caplog):
    app = native_app(world.use, Failing(RuntimeError("the password is x")), loopback=True, anonymous=True)
    with caplog.at_level(logging.ERROR, "assay.native"):
        answer = AppClient(app).get("/healthz")
    assert (answer.status_code, answer.json()["kind"]) == (500, "error")
    assert "password" not in answer.text
    assert "Traceback" not in answer.text
    number = re.search(r"[0-9a-f]{12}", answer.json()["message"])[0]
    assert number in caplog.text
    assert "the password is x" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", f"{API}/nothing", 404),
        ("GET", f"{API}/models/a/b/c/d", 404),
        ("PUT", f"{API}/whoami", 405),
        ("BREW", f"{API}/whoami", 405),
        ("GET", f"{API}/blobs/{DIGEST}", 405),
    ],
)
def test_what_there_is_not_is_refused_in_the_same_form(app, method, path, status):
    answer = ask(app, method, path)
    assert answer.status == status
    assert answer.json["kind"] in ("not_found", "bad_input")
    assert answer.json["reasons"][0]["rule"]


@given(body=JSON, path=st.sampled_from(["/models", "/models/team/task/versions", "/principals", "/tokens"]))
@settings(max_examples=150, deadline=None)
def test_no_document_is_too_strange_for_an_answer(world, body, path):
    before = world.send("GET", "/versions?limit=1000").text
    answer = world.send("POST", path, body=json.dumps(body))
    assert answer.status_code in (400, 409, 422), answer.text
    assert answer.status_code != 400 or answer.json()["reasons"]
    assert world.send("GET", "/versions?limit=1000").text == before


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_no_policy_text_is_too_strange_for_an_answer(world, content):
    assert world.send("PUT", "/policies", body=content).status_code == 400


@pytest.mark.parametrize(
    "text",
    ["!!bool maybe", "!!timestamp x", "!!map [[1, 2]]", "!!set {a, b}", "a: 2026-13-45", "a: " + "9" * 5000,
     "[" * 20_000, "{a: " * 3_000, "? [a]\n: b", "a: \0", "=", "<<: 3", "a: !local x"],
)  # fmt: skip
def test_yaml_that_its_reader_stumbles_over_is_bad_input(world, text):
    answer = world.send("PUT", "/policies", body=text)
    assert answer.status_code == 400
    assert answer.json()["reasons"][0]["rule"]


@pytest.mark.parametrize(("depth", "status"), [(MAX_DEPTH - 3, 202), (MAX_DEPTH + 1, 400), (100_000, 400)])
def test_deep_nesting_is_refused_before_anything_walks_over_it(world, depth, status):
    nested = "[" * depth + "]" * depth
    body = f'{{"check": "scan", "settings": {{"a": {nested}}}}}'
    answer = world.send("POST", "/models/team/task/versions/1/checks", body=body)
    assert answer.status_code == status
    assert status == 202 or "nested" in answer.json()["reasons"][0]["rule"]


def test_a_query_of_thousands_is_refused(app):
    answer = ask(app, "GET", f"{API}/models?" + "&".join(["tag=a"] * (MAX_QUERY_FIELDS + 1)))
    assert (answer.status, answer.json["reasons"][0]["field"]) == (400, "query")


def test_a_token_in_the_address_is_never_taken(world):
    app = native_app(world.use, world.means.clock, loopback=True, anonymous=False)
    assert ask(app, "GET", f"{API}/whoami", [("Authorization", f"Bearer {world.admin}")]).status == 200
    for name in ("token", "access_token", "authorization"):
        assert ask(app, "GET", f"{API}/whoami?{name}={world.admin}").status == 401


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/models", "application/json", 409),
        ("/models", "application/json; charset=utf-8", 409),
        ("/models", "text/plain", 415),
        ("/models", "application/x-www-form-urlencoded", 415),
        ("/policies", "application/yaml", 400),
        ("/policies", "application/json", 400),
        ("/policies", "multipart/form-data; boundary=x", 415),
    ],
)
def test_a_body_of_another_media_type_is_refused(world, path, kind, status):
    method = "PUT" if path == "/policies" else "POST"
    answer = world.send(method, path, body={"name": "team/task"}, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert status != 415 or answer.json()["reasons"][0]["field"] == "Content-Type"


# Downloads


@pytest.fixture(scope="module")
def file(world):
    name = world.send("GET", "/models/team/task/versions/1").json()["files"][0]["path"]
    return f"/models/team/task/versions/1/files/{name}"


def test_every_range_is_the_slice_it_names(world, file):
    size = len(BLOB)
    for start in range(size + 2):
        for last in range(size + 2):
            answer = world.send("GET", file, headers={"Range": f"bytes={start}-{last}"})
            if start >= size or last < start:
                assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
                assert answer.json()["reasons"][0]["field"] == "Range"
            else:
                assert (answer.status_code, answer.content) == (206, BLOB[start : last + 1])
                assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "lines=0-1"},
        {"Range": "bytes=0-0,2-3"},
        {"Range": "bytes=0-0", "If-Range": '"sha256:another"'},
        {"Range": "bytes=0-0", "If-Range": "Tue, 24 Nov 2026 00:00:00 GMT"},
    ],
)
def test_what_is_not_one_range_of_this_very_file_is_answered_whole(world, file, headers):
    answer = world.send("GET", file, headers=headers)
    assert (answer.status_code, answer.content) == (200, BLOB)


def test_a_download_that_was_broken_off_goes_on_if_the_file_is_the_same(world, file):
    answer = world.send("GET", file, headers={"Range": "bytes=3-", "If-Range": f'"{DIGEST}"'})
    assert (answer.status_code, answer.content) == (206, BLOB[3:])


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-1"}, {"Range": "bytes=99-"}])
def test_head_answers_as_get_does_without_the_body(world, file, headers):
    whole, head = world.send("GET", file), world.send("HEAD", file, headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(whole.headers)


def test_a_file_is_for_saving_not_for_showing(world, file):
    headers = world.send("GET", file).headers
    assert headers["content-disposition"].startswith("attachment")
    assert headers["x-content-type-options"] == "nosniff"


def test_a_damaged_file_is_unavailable_and_not_a_broken_answer(tmp_path):
    world = NativeWorld(tmp_path)
    path = world.version()["files"][0]["path"]
    blob = world.means.blobs._path(DIGEST)
    blob.chmod(0o600)
    blob.write_bytes(BLOB[::-1])
    for headers in ({}, {"Range": "bytes=0-1"}):
        answer = world.send("GET", f"/models/team/task/versions/1/files/{path}", headers=headers)
        assert (answer.status_code, answer.json()["kind"]) == (503, "unavailable")
    world.close()


# Who may reach it


@pytest.mark.parametrize(
    ("headers", "client", "status"),
    [
        ([], "127.0.0.1", 200),
        ([], "::1", 200),
        ([], "192.0.2.7", 401),
        ([], "somewhere", 401),
        ([("X-Forwarded-For", "192.0.2.7")], "127.0.0.1", 401),
        ([("Forwarded", "for=192.0.2.7")], "127.0.0.1", 401),
        ([("Via", "1.1 proxy")], "127.0.0.1", 401),
        ([("X-Forwarded-Host", "assay.example")], "127.0.0.1", 401),
        ([("X-Forwarded-Proto", "https")], "127.0.0.1", 401),
        ([("Authorization", "")], "127.0.0.1", 401),
        ([("Authorization", "Bearer x"), ("Authorization", "")], "127.0.0.1", 401),
        ([("Authorization", ""), ("Authorization", "")], "127.0.0.1", 401),
    ],
)
def test_only_this_machine_itself_needs_no_token(app, headers, client, status):
    assert ask(app, "GET", f"{API}/whoami", headers, client=client).status == status


def test_auth_required_wants_a_token_even_here(world):
    app = native_app(world.use, world.means.clock, loopback=True, anonymous=False)
    answer = ask(app, "GET", f"{API}/whoami")
    assert answer.status == 401
    assert "ASSAY_TOKEN" in answer.json["hint"]
    assert ask(app, "GET", "/healthz").status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.9.9.9:1", 200),
        ("[::1]:8640", 200),
        ("LOCALHOST:8640", 200),
        ("", 403),
        ("localhost.", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("0.0.0.0:8640", 403),
        ("169.254.0.1", 403),
        ("evil@127.0.0.1", 400),
        ("127.0.0.1:abc", 400),
        ("127.0.0.1:99999", 400),
        ("[::1", 400),
        ("127.0.0.1/x", 400),
        ("127.0.0.1, evil.example", 400),
    ],
)
def test_a_local_server_is_reached_by_its_own_name_only(app, host, status):
    assert ask(app, "GET", "/healthz", [("Host", host)]).status == status


def test_two_host_names_are_one_too_many(app):
    assert ask(app, "GET", "/healthz", [("Host", "127.0.0.1"), ("Host", "evil.example")]).status == 400


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8640", 200),
        ("http://127.0.0.1:9999", 403),
        ("http://[::1", 403),
        ("127.0.0.1:8640", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_no_page_of_another_origin_gets_an_answer(app, origin, status):
    answer = ask(app, "GET", "/healthz", [("Origin", origin)])
    assert answer.status == status
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("site", "status"), [("none", 200), ("same-origin", 200), ("same-site", 403), ("cross-site", 403)]
)
def test_the_browser_says_where_a_request_comes_from(app, site, status):
    assert ask(app, "GET", "/healthz", [("Sec-Fetch-Site", site)]).status == status


def test_a_public_server_has_any_name_but_still_no_foreign_pages(world):
    app = native_app(world.use, world.means.clock, loopback=False, anonymous=False)
    host = ("Host", "registry.example")
    assert ask(app, "GET", "/healthz", [host]).status == 200
    assert ask(app, "GET", "/healthz", [host, ("Origin", "https://registry.example")]).status == 200
    assert ask(app, "GET", "/healthz", [host, ("Origin", "https://evil.example")]).status == 403


@given(st.binary(max_size=40), st.binary(max_size=40), st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_header_is_too_strange_for_the_guard(host, origin, loopback):
    passed, sent = [], []

    async def inner(scope, receive, send):
        passed.append(scope)

    async def send(event):
        sent.append(event)

    scope = {"type": "http", "headers": [(b"host", host), (b"origin", origin)]}
    asyncio.run(OriginGuard(inner, lambda error: str(error).encode(), loopback=loopback)(scope, None, send))
    if passed:
        assert origin.lower().partition(b"://")[2] == host.lower()
        assert host
    else:
        assert sent[0]["status"] in (400, 403)


# Documentation


def test_the_application_has_no_route_that_the_table_does_not_know(app):
    declared = {(route.method, API + route.path) for route in ROUTES}
    extra = {("GET", "/healthz"), ("GET", "/docs"), ("GET", "/docs/openapi.json")}
    extra |= {("PUT", f"{API}/uploads/{{id}}/parts/{{number}}")}
    extra |= {
        (method.upper(), path)
        for path, methods in openapi_document(ROUTES, API)["paths"].items()
        for method in methods
        if path.startswith("/auth/")
    }
    extra |= {("PUT", f"{API}/blobs/{{digest}}"), ("HEAD", f"{API}/blobs/{{digest}}")}
    served = {(method, path.replace(":path}", "}")) for method, path in app._app._paths}
    known = {(method, path.replace(":path}", "}")) for method, path in declared | extra}
    heads = {("HEAD", path) for method, path in known if method == "GET"}
    assert known <= served <= known | heads


def test_the_document_describes_every_body_and_answer(world):
    document = world.client.get("/docs/openapi.json").json()
    for route in ROUTES:
        operation = document["paths"][API + route.path.replace(":path}", "}")][route.method.lower()]
        assert ("requestBody" in operation) is (route.takes is not None), route.path
        if route.takes is not None:
            assert set(operation["requestBody"]["content"]) == set(route.takes_types)
        good = operation["responses"][str(route.status)]
        assert ("content" in good) is (route.status != 204), route.path
        assert {"400", "401", "403", "404", "409", "422", "503"} <= set(operation["responses"])
        names = re.findall(r"{(\w+)", route.path)
        assert [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"] == names


def test_every_reference_in_the_document_leads_somewhere(world):
    text = world.client.get("/docs/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert used
    assert used <= set(schemas)


def test_names_digests_and_versions_are_texts_with_a_pattern(world):
    schemas = world.client.get("/docs/openapi.json").json()["components"]["schemas"]
    fields = schemas["Version"]["properties"]
    for name, good, bad in (
        ("model", "team/task", "task"),
        ("digest", DIGEST, "md5:1"),
        ("semver", "v1.2.0", "1.2"),
    ):
        assert fields[name]["type"] == "string"
        assert re.search(fields[name]["pattern"], good)
        assert not re.search(fields[name]["pattern"], bad)
