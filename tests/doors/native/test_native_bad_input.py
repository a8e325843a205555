"""Bad input is a clear 4xx that names field and rule; never a 500, never half a write."""

import hashlib
import json

import pytest

from doors.native.native_world import BLOB, DIGEST, NativeWorld

ZERO = "sha256:" + "0" * 64
FILES = [{"path": "m.bin", "digest": DIGEST, "size_bytes": len(BLOB)}]
GATES = {"staging": ["signature"], "production": ["signature"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = NativeWorld(tmp_path_factory.mktemp("native"))
    one.version()
    yield one
    one.close()


def refused(answer, field):
    assert 400 <= answer.status_code < 500, answer.text[:500]
    document = answer.json()
    assert document["kind"]
    assert any(field in reason["field"] for reason in document["reasons"]), document
    assert all(reason["rule"] for reason in document["reasons"])


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("../etc", "model"),
        ("a/..", "model"),
        ("a/b/c", "model"),
        ("A/b", "model"),
        ("a/b\n", "model"),
        ("a/\u202eb", "model"),
        ("a/" + "b" * 97, "model"),
        ("", "model"),
        (7, "name"),
        (None, "name"),
    ],
)
def test_names(world, name, field):
    answer = world.send("POST", "/models", body={"name": name})
    assert answer.status_code == 400
    assert answer.json()["reasons"]


@pytest.mark.parametrize(
    "path",
    ["/models/..%2fetc/task", "/models/team/%2e%2e", "/models/team/task/versions/v1",
     "/models/team/task/versions/0", "/models/team/task/versions/@../x",
     "/models/team/task/versions/1/files/..%2f..%2fetc", "/models/team/ta%00sk"],
)  # fmt: skip
def test_paths(world, path):
    assert world.send("GET", path).status_code in (400, 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"files": FILES, "colour": 1}, "colour"),
        ({"files": [{**FILES[0], "mode": 1}]}, "files[0].mode"),
        ({"files": []}, "files"),
        ({"files": "m"}, "files"),
        ({}, "files"),
        ({"files": [{**FILES[0], "digest": ZERO}]}, "files[m.bin].digest"),
        ({"files": [{**FILES[0], "digest": "md5:1"}]}, "files[0].digest"),
        ({"files": [{**FILES[0], "size_bytes": 3}]}, "files[m.bin].size_bytes"),
        ({"files": [{**FILES[0], "path": "../m"}]}, "files[0]"),
        ({"files": [{**FILES[0], "path": "/m"}]}, "files[0]"),
        ({"files": [FILES[0], FILES[0]]}, "files"),
        ({"files": FILES, "version": "two"}, "version"),
        ({"files": FILES, "entrypoint": "nowhere"}, "entrypoint"),
        ({"files": FILES, "provenance": {"metrics": {"accuracy": "NaN"}}}, "provenance.metrics"),
        ({"files": FILES, "provenance": {"code": {"commit": "HEAD"}}}, "provenance.code"),
        ({"files": FILES, "signature": {"inputs": [], "outputs": []}}, "signature"),
        ({"files": FILES, "tags": {"a\x00b": "1"}}, "tag"),
        ({"files": FILES, "description": "x" * 300_000}, "description"),
    ],
)
def test_registrations(world, body, field):
    before = world.send("GET", "/audit?limit=1000").json()
    refused(world.send("POST", "/models/team/fresh/versions", body=body), field)
    assert world.send("GET", "/models/team/fresh").status_code == 404
    assert world.send("GET", "/audit?limit=1000").json() == before


def test_numbers_that_are_none(world):
    for text in (
        '{"files": [], "provenance": {"metrics": {"a": NaN}}}',
        '{"provenance": {"metrics": {"a": 1e999}}}',
    ):
        assert world.send("POST", "/models/team/fresh/versions", body=text).status_code == 400


def test_a_body_of_ten_megabytes(world):
    answer = world.send("POST", "/models", body=json.dumps({"name": "x" * 10_000_000}))
    assert answer.status_code == 413
    assert answer.json()["reasons"]


@pytest.mark.parametrize("body", ["", "[]", "null", "{", "\xff", '{"name": "a/b", "name": 1}'])
def test_bodies_that_are_no_document(world, body):
    assert world.send("POST", "/models", body=body).status_code == 400


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"applies_to": "*", "gates": {}}, "policy.gates"),
        ({"applies_to": "*", "gates": {"staging": [], "production": ["signature"]}}, "policy.gates.staging"),
        ({"applies_to": "*", "gates": {**GATES, "staging": ["vibes"]}}, "policy.gates.staging[0].vibes"),
        (
            {"applies_to": "*", "gates": {**GATES, "staging": [{"load": {"fast": 1}}]}},
            "policy.gates.staging[0].load",
        ),
        ({"applies_to": "a/b/c", "gates": GATES}, "policy.applies_to"),
        ({"applies_to": "*", "gates": GATES, "mode": "dream"}, "policy.mode"),
        ({"applies_to": "*", "gates": {**GATES, "development": []}}, "policy.gates.development"),
        ({"applies_to": "*", "gates": GATES, "stage_aliases": {"latest": "staging"}}, "policy.stage_aliases"),
        ({"applies_to": "*", "gates": GATES, "mood": 1}, "policy.mood"),
        (
            {"applies_to": "*", "gates": {**GATES, "staging": ["signature", "signature"]}},
            "policy.gates.staging[1]",
        ),
    ],
)
def test_policies(world, document, field):
    before = world.send("GET", "/policies").json()
    refused(world.send("PUT", "/policies", body=document), field)
    assert world.send("GET", "/policies").json() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pattern": "a/b/c", "mode": "observe"}, "pattern"),
        ({"pattern": "*", "mode": "dream"}, "mode"),
        ({"pattern": "*"}, "mode"),
        ({"pattern": "*", "mode": "observe", "why": 1}, "why"),
    ],
)
def test_a_mode_is_switched_by_pattern_and_mode_alone(world, body, field):
    before = world.send("GET", "/policies").json()
    refused(world.send("POST", "/policies/switch", body=body), field)
    assert world.send("GET", "/policies").json() == before


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: &x [1]\nb: *x",
        "a: 1\na: 2",
        "\t",
        "!!python/object/apply:os.system [true]",
        "x" * 1_100_000,
    ],
)
def test_yaml_that_is_none_or_does_too_much(world, text):
    assert world.send("PUT", "/policies", body=text).status_code == 400


def test_wrong_and_short_uploads_keep_nothing(world):
    content = b"something else"
    for digest in (ZERO, "sha256:xyz"):
        assert world.send("PUT", f"/blobs/{digest}", body=content).status_code == 400
    real = "sha256:" + hashlib.sha256(content).hexdigest()
    assert (
        world.send("PUT", f"/blobs/{real}", body=content, headers={"Content-Length": "9999"}).status_code
        == 400
    )
    assert world.send("HEAD", f"/blobs/{real}").status_code == 404
    assert not list((world.means.blobs._root / ".tmp").iterdir())


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "cursor=nonsense", "metric=accuracy",
     "metric=a>=NaN",
     "stage=nowhere", "registered_after=yesterday", "registered_after=2026-01-01", "colour=red",
     "token=assay_x"],
)  # fmt: skip
def test_queries(world, query):
    answer = world.send("GET", f"/versions?{query}")
    assert answer.status_code == 400
    assert answer.json()["reasons"][0]["rule"]


def test_evidence_that_does_not_fit(world):
    version = world.version()
    path = f"/models/team/task/versions/{version['number']}/evidence"
    good = {"check": "metrics", "subject": version["digest"], "measured_at": "2026-01-01T00:00:00Z"}
    refused(world.send("POST", path, body={**good, "subject": ZERO}), "subject")
    refused(world.send("POST", path, body={**good, "check": "vibes"}), "check")
    refused(world.send("POST", path, body={**good, "measured_at": "2026-01-01T00:00:00"}), "measured_at")
    refused(world.send("POST", path, body={**good, "measured_at": "2999-01-01T00:00:00Z"}), "measured_at")
    missing = {"attachments": [{"name": "x", "digest": ZERO, "size_bytes": 1}]}
    refused(world.send("POST", path, body={**good, "measurement": missing}), "attachments")
    assert world.send("GET", path).json() == []


def test_ranges(world):
    version = world.version()
    path = f"/models/team/task/versions/{version['number']}/files/{version['files'][0]['path']}"
    whole = world.send("GET", path)
    assert (whole.content, whole.headers["etag"]) == (BLOB, f'"{DIGEST}"')
    part = world.send("GET", path, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (
        206,
        BLOB[2:5],
        f"bytes 2-4/{len(BLOB)}",
    )
    assert world.send("GET", path, headers={"Range": "bytes=-3"}).content == BLOB[-3:]
    for bad in ("bytes=9-", "bytes=-0", "bytes=x-y", "bytes=5-2"):
        answer = world.send("GET", path, headers={"Range": bad})
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(BLOB)}")
    head = world.send("HEAD", path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(BLOB)), b"")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:8640"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "localhost:8640"}, 200),
        ({"Host": "[::1]:8640"}, 200),
        ({"Origin": "http://127.0.0.1:8640"}, 200),
    ],
)
def test_a_web_page_cannot_reach_a_local_server(world, headers, status):
    assert world.send("GET", "/whoami", headers=headers).status_code == status


def test_unknown_routes_and_methods_answer_in_the_same_form(world):
    assert world.send("GET", "/nothing").json()["kind"] == "not_found"
    assert world.send("PUT", "/whoami").status_code == 405
    assert world.send("PUT", "/whoami").json()["reasons"]


def test_the_documentation_lists_every_route_and_asks_no_other_host(world):
    document = world.client.get("/docs/openapi.json").json()
    page = world.client.get("/docs")
    from assay.doors.native import ROUTES

    for route in ROUTES:
        path = "/api/v1" + route.path.replace(":path}", "}")
        assert route.method.lower() in document["paths"][path]
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
