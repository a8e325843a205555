"""A web page of somebody else reaches nothing here, and nothing that is kept here becomes a page."""

import json
import re

import pytest

from doors.mlflow.hole_world import HoleWorld, Request, ask_all

REGISTERED = "2.0/mlflow/registered-models"
SCRIPT = "<script>alert(document.domain)</script>"
PAGES = {
    "page.html": b"<script>alert(1)</script>",
    "page.htm": b"<body onload=alert(1)>",
    "page.xhtml": b"<x xmlns='http://www.w3.org/1999/xhtml'/>",
    "picture.svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "feed.xml": b"<?xml version='1.0'?><?xml-stylesheet href='x'?><x/>",
    "script.js": b"alert(1)",
    "paper.pdf": b"%PDF-1.7",
    "no-extension": b"<!doctype html><script>alert(1)</script>",
    "x.html;x.png": b"<script>alert(1)</script>",
    "page.HTML": b"<script>alert(1)</script>",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = HoleWorld(tmp_path_factory.mktemp("browsers"))
    one.version()
    yield one
    one.close()


def ask(world, *requests):
    """Send; every answer that is an error is MLflow's JSON."""
    replies = ask_all(world.app, requests)
    for request, reply in zip(requests, replies, strict=True):
        world.check_reply(reply, request)
    return replies


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8640",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "169.254.169.254",
        "0.0.0.0",
        "192.168.1.7:8640",
        "[::]",
        "",
        "127.0.0.1@evil.example",
        "evil.example/127.0.0.1",
        "127.0.0.1:99999",
        "127.0.0.1 evil.example",
        "2130706433",
        "0x7f000001",
    ],
)
def test_a_foreign_name_for_this_machine_is_refused_before_anything_is_read(world, host):
    before = world.tables()
    for method, path in (
        ("GET", "2.0/mlflow/experiments/get"),
        ("POST", "2.0/mlflow/runs/create"),
        ("GET", "/version"),
    ):
        answer = world.send(method, path, {"experiment_id": "0"}, headers=[("host", host)])
        assert answer.status in (400, 403)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["error_code"] in ("PERMISSION_DENIED", "INVALID_PARAMETER_VALUE")
    assert world.tables() == before


@pytest.mark.parametrize("host", ["127.0.0.1:8640", "localhost", "LOCALHOST:9", "[::1]:8640", "127.0.0.2"])
def test_every_name_of_this_machine_is_answered(world, host):
    assert world.send("GET", "/version", headers=[("host", host)]).status == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8640", "file://", "", "x"],
)
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", None]
)
def test_a_foreign_page_can_send_nothing_whatever_it_calls_its_body(world, origin, kind):
    before = world.tables()
    body = json.dumps({"experiment_id": "0", "name": "by a page"}).encode()
    sent = [("origin", origin), *([("content-type", kind)] if kind else [])]
    for path in ("runs/create", "experiments/create", "registered-models/create", "runs/log-batch"):
        for prefix in ("2.0/mlflow/", "/ajax-api/2.0/mlflow/"):
            answer = world.send("POST", prefix + path, body, headers=sent)
            assert (answer.status, answer.json["error_code"]) == (403, "PERMISSION_DENIED")
    assert world.tables() == before


@pytest.mark.parametrize(
    "sent",
    [
        [("authorization", "")],
        [("authorization", "Bearer x"), ("authorization", "")],
        [("authorization", ""), ("authorization", "Bearer x")],
        [("x-forwarded-host", "assay.example")],
        [("x-forwarded-proto", "https")],
    ],
)
def test_who_says_nothing_or_two_things_of_themselves_is_nobody(world, sent):
    for method, path in (("GET", "2.0/mlflow/runs/get"), ("POST", "2.0/mlflow/runs/create")):
        answer = world.send(method, path, {}, headers=sent)
        assert (answer.status, answer.json["error_code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE"])
def test_a_request_that_a_browser_marks_as_foreign_is_refused(world, site):
    for method, path in (("GET", "2.0/mlflow/runs/get"), ("POST", "2.0/mlflow/runs/create")):
        assert world.bad(method, path, headers=[("sec-fetch-site", site)])[:2] == (403, "PERMISSION_DENIED")


def test_no_answer_lets_another_origin_read_it(world):
    own = (("origin", "http://127.0.0.1:8640"),)
    for reply in ask(
        world,
        Request("GET", "/version", headers=own),
        Request("GET", "2.0/mlflow/runs/get", {"run_id": world.run_id}, headers=own),
        Request("GET", f"2.0/mlflow-artifacts/artifacts/{world.base}/model/MLmodel", headers=own),
        Request("OPTIONS", "2.0/mlflow/runs/create", headers=own),
    ):
        assert not [name for name, _ in reply.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("name", PAGES)
def test_a_file_is_something_to_save_and_never_a_page_of_this_server(world, name):
    folder = f"pages{list(PAGES).index(name)}"
    world.put(f"{world.base}/{folder}/{name}", PAGES[name])
    world.put(f"{world.mine}/models/{world.model_id}/artifacts/{folder}/{name}", PAGES[name])
    number = world.version("pages", source=f"runs:/{world.run_id}/{folder}")
    signed = world.good(
        "GET", f"2.0/mlflow-artifacts/presigned/{world.base}/{folder}/{name.replace(';', '%3B')}"
    )["url"]
    path, _, query = signed.partition(":8640")[2].replace("%3B", ";").partition("?")
    for reply in ask(
        world,
        Request("GET", f"2.0/mlflow-artifacts/artifacts/{world.base}/{folder}/{name}"),
        Request("GET", f"/ajax-api/2.0/mlflow-artifacts/artifacts/{world.base}/{folder}/{name}"),
        Request("GET", "/get-artifact", {"run_id": world.run_id, "path": f"{folder}/{name}"}),
        Request("GET", "/model-versions/get-artifact", {"name": "pages", "version": number, "path": name}),
        Request(
            "GET",
            f"2.0/mlflow/logged-models/{world.model_id}/artifacts/files",
            {"artifact_file_path": f"{folder}/{name}"},
        ),
        Request("GET", path, query),
        Request("GET", path, query, headers=(("range", "bytes=0-3"),)),
        Request("HEAD", f"2.0/mlflow-artifacts/artifacts/{world.base}/{folder}/{name}"),
    ):
        assert reply.status in (200, 206)
        assert reply.header("content-disposition").startswith("attachment; filename=")
        assert reply.header("x-content-type-options") == "nosniff"
        assert reply.header("content-security-policy") == "sandbox; default-src 'none'"


def test_a_script_in_a_name_comes_back_as_json_only(world):
    created = ask(
        world,
        Request("POST", "2.0/mlflow/experiments/create", body={"name": SCRIPT}),
        Request(
            "POST",
            "2.0/mlflow/runs/create",
            body={"experiment_id": world.mine, "run_name": SCRIPT, "tags": [{"key": "t", "value": SCRIPT}]},
        ),
        Request("POST", f"{REGISTERED}/set-tag", body={"name": "fraud", "key": "t", "value": SCRIPT}),
        Request("PATCH", f"{REGISTERED}/update", body={"name": "fraud", "description": SCRIPT}),
        Request("PUT", f"2.0/mlflow-artifacts/artifacts/{world.base}/<script>", body=b"x"),
        Request("GET", "2.0/mlflow/experiments/get-by-name", {"experiment_name": SCRIPT}),
        Request("GET", f"{REGISTERED}/get", {"name": "fraud"}),
        Request("GET", "2.0/mlflow-artifacts/artifacts", {"path": world.base}),
        Request("POST", "2.0/mlflow/runs/search", body={"experiment_ids": [world.mine], "max_results": 9}),
        # and where it is not accepted, or not found: in the error
        Request("GET", f"{REGISTERED}/get", {"name": SCRIPT}),
        Request("GET", f"2.0/mlflow/{SCRIPT}"),
        Request("GET", "2.0/mlflow/runs/get", {"run_id": SCRIPT}),
        Request("POST", f"{REGISTERED}/alias", body={"name": "fraud", "alias": SCRIPT, "version": "1"}),
        Request("POST", "2.0/mlflow/runs/search", body={"experiment_ids": [world.mine], "filter": SCRIPT}),
    )
    shown = [reply for reply in created if b"script>" in reply.body]
    assert len(shown) > 5
    for reply in created:
        if reply.body:
            assert reply.header("content-type") == "application/json"
        assert reply.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="b.html',
        "a\u2028b.html",
        "ä ö.txt",
        "a;b",
        "x" * 250,
        "\u202egpj.exe",
        "a%0d%0aset-cookie: x=1",
    ],
)
def test_no_name_of_a_file_writes_a_header(world, name):
    path = f"{world.base}/named/{name}"
    stored, read = ask(
        world,
        Request("PUT", f"2.0/mlflow-artifacts/artifacts/{path}", body=b"x"),
        Request("GET", f"2.0/mlflow-artifacts/artifacts/{path}"),
    )
    assert (stored.status, read.status) == (200, 200)
    said = read.header("content-disposition")
    assert re.fullmatch(r'attachment; filename=("?)[A-Za-z0-9._-]+\1', said)


@pytest.mark.parametrize("name", ["a\r\nset-cookie: x=1", "a\nb", "a\rb", "a\x85b"])
def test_a_line_break_in_a_name_is_refused(world, name):
    path = f"{world.base}/named/{name}"
    for reply in ask(
        world,
        Request("PUT", f"2.0/mlflow-artifacts/artifacts/{path}", body=b"x"),
        Request("GET", f"2.0/mlflow-artifacts/artifacts/{path}"),
        Request("GET", f"2.0/mlflow-artifacts/presigned/{path}"),
        Request("GET", "/get-artifact", {"run_id": world.run_id, "path": name}),
    ):
        assert reply.status == 400
        assert not any("\r" in value or "\n" in value or key == "set-cookie" for key, value in reply.headers)


def test_the_type_of_a_file_is_one_that_a_header_can_say(world):
    names = ("x.tar.gz", "x.js", "x.unknown", "x." + "y" * 200, "data:text/html,x.html", "x.html\u200b")
    requests = [
        request
        for name in names
        for request in (
            Request("PUT", f"2.0/mlflow-artifacts/artifacts/{world.base}/types/{name}", body=b"x"),
            Request("GET", f"2.0/mlflow-artifacts/artifacts/{world.base}/types/{name}"),
        )
    ]
    for reply in ask(world, *requests)[1::2]:
        assert reply.header("content-type").isascii()
        assert reply.header("content-disposition").startswith("attachment")


def test_a_host_that_a_client_claims_leads_no_signed_address_away(world):
    """On loopback only local names are taken; what is signed then leads back to this machine."""
    url = world.good("GET", f"2.0/mlflow-artifacts/presigned/{world.base}/model/MLmodel")["url"]
    assert url.startswith("http://127.0.0.1:8640/api/2.0/mlflow-artifacts/signed/")
    answer = world.send(
        "GET",
        f"2.0/mlflow-artifacts/presigned/{world.base}/model/MLmodel",
        headers=[("host", "evil.example"), ("x-forwarded-host", "evil.example")],
    )
    assert answer.status == 403
