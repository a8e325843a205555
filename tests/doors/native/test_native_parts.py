"""Files in parts over HTTP: what is sent, what is answered, what is refused."""

import base64
import hashlib
import os

import pytest

from doors.native.native_world import NativeWorld

PART = 65_536
CONTENT = os.urandom(2 * PART + 10)
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def world(tmp_path):
    one = NativeWorld(tmp_path)
    yield one
    one.close()


def piece(number):
    return CONTENT[(number - 1) * PART : number * PART]


def said(content):
    return "sha-256=:" + base64.b64encode(hashlib.sha256(content).digest()).decode() + ":"


def put(world, upload, number, content=None, header=None, **headers):
    body = piece(number) if content is None else content
    headers = {"Content-Digest": said(body) if header is None else header, **headers}
    return world.send("PUT", f"/uploads/{upload}/parts/{number}", body=body, headers=headers)


def begin(world, **more):
    answer = world.send(
        "POST", "/uploads", body={"size_bytes": len(CONTENT), "digest": DIGEST, "part_bytes": PART, **more}
    )
    assert answer.status_code == 201
    return answer.json()


def test_a_file_comes_in_parts_and_is_then_a_blob(world):
    upload = begin(world)
    assert (upload["part_count"], upload["part_bytes"], upload["parts"]) == (3, PART, [])
    assert put(world, upload["id"], 3).json() == {
        "number": 3,
        "digest": "sha256:" + hashlib.sha256(piece(3)).hexdigest(),
        "size_bytes": 10,
    }
    assert put(world, upload["id"], 1, header=f"md5=:AAAA:, {said(piece(1))}").status_code == 201
    assert put(world, upload["id"], 1).status_code == 201
    shown = world.send("GET", f"/uploads/{upload['id']}").json()
    assert [each["number"] for each in shown["parts"]] == [1, 3]
    assert begin(world)["id"] == upload["id"]
    assert [each["id"] for each in world.send("GET", "/uploads").json()] == [upload["id"]]
    early = world.send("POST", f"/uploads/{upload['id']}/complete")
    assert (early.status_code, early.json()["reasons"][0]["field"]) == (400, "part 2")
    put(world, upload["id"], 2)
    for _ in range(2):
        done = world.send("POST", f"/uploads/{upload['id']}/complete")
        assert (done.status_code, done.json()["whole"], done.json()["digest"]) == (200, True, DIGEST)
    assert world.send("HEAD", f"/blobs/{DIGEST}").headers["content-length"] == str(len(CONTENT))
    assert put(world, upload["id"], 2).status_code == 409


@pytest.mark.parametrize(
    "header",
    ["", "sha-256=abc", "sha-256=:abc:", "md5=:AAAA:", f"sha-256=:{'A' * 42}:", said(b"other bytes"), "§"],
)
def test_a_part_needs_the_digest_of_its_bytes(world, header):
    upload = begin(world)
    answer = put(world, upload["id"], 1, header=header.encode())
    assert (answer.status_code, answer.json()["reasons"][0]["field"]) == (400, "Content-Digest")
    assert world.send("GET", f"/uploads/{upload['id']}").json()["parts"] == []


@pytest.mark.parametrize("number", ["0", "4", "-1", "x", "1e3", "9" * 30])
def test_a_part_that_there_is_not_is_refused(world, number):
    upload = begin(world)
    assert put(world, upload["id"], number, b"").status_code == 400


def test_a_content_length_that_lies_is_refused(world):
    upload = begin(world)
    for content in (b"", b"short", piece(1) + b"!"):
        assert put(world, upload["id"], 1, content).status_code == 400
    lies = {"Content-Length": "9999"}
    assert put(world, upload["id"], 1, **lies).status_code == 400
    assert put(world, upload["id"], 1).status_code == 201


def test_other_bytes_for_a_part_that_is_there_conflict(world):
    upload = begin(world)
    put(world, upload["id"], 1)
    assert put(world, upload["id"], 1, os.urandom(PART)).status_code == 409


def test_an_upload_that_was_given_up_is_gone(world):
    upload = begin(world)
    put(world, upload["id"], 1)
    assert world.send("DELETE", f"/uploads/{upload['id']}").status_code == 204
    assert world.send("DELETE", f"/uploads/{upload['id']}").status_code == 404
    assert put(world, upload["id"], 1).status_code == 404
    assert begin(world)["parts"] == []


def test_uploads_of_others_look_as_if_they_were_not_there(world):
    upload = begin(world)["id"]
    other = world.token("other", "contributor", "team/*")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/complete")):
        assert world.send(method, f"/uploads/{upload}{path}", other).status_code == 404
    headers = {"Content-Digest": said(piece(1))}
    answer = world.send("PUT", f"/uploads/{upload}/parts/1", other, piece(1), headers=headers)
    assert answer.status_code == 404
    assert world.send("GET", "/uploads", other).json() == []
    reader = world.token("reader", "reader", "*")
    assert world.send("POST", "/uploads", reader, {"size_bytes": 1}).status_code == 403


def test_collections_are_asked_for_over_http(world):
    world.send("PUT", f"/blobs/{DIGEST}", body=CONTENT).raise_for_status()
    done = world.send("POST", "/gc", body={"dry_run": True, "grace_s": 0})
    assert (done.status_code, done.json()["condemned"]) == (200, 0)  # it has a lease
    assert world.send("POST", "/gc", body={"grace_s": -1}).status_code == 400


def test_quotas_are_kept_over_http_and_a_refusal_says_what_to_do(world):
    assert world.send("PUT", "/quotas", body={"owner": "team", "limit_bytes": 10}).json() == {
        "owner": "team",
        "used_bytes": 0,
        "limit_bytes": 10,
    }
    version = world.version()
    assert world.send("GET", "/quotas").json() == [{"owner": "team", "used_bytes": 7, "limit_bytes": 10}]
    found = world.send("GET", "/quotas?team=team").json()
    assert [(each["owner"], each["used_bytes"]) for each in found] == [("team", 7), ("team/task", 7)]
    files = [{"path": "n", "digest": version["files"][0]["digest"], "size_bytes": 7}]
    refused = world.send("POST", "/models/team/task/versions", body={"files": files})
    assert (refused.status_code, refused.json()["kind"]) == (422, "refused")
    assert refused.json()["reasons"] == [
        {
            "field": "quota of team",
            "rule": "must be at most 10 bytes",
            "detail": "7 used, 7 asked for",
        }
    ]
    assert "assay quota set team SIZE" in refused.json()["hint"]
    early = world.send("POST", "/uploads", body={"size_bytes": 4, "model": "team/task"})
    assert (early.status_code, early.json()["reasons"][0]["field"]) == (422, "quota of team")
    assert world.send("POST", "/uploads", body={"size_bytes": 4, "model": "x"}).status_code == 400
    assert world.send("POST", "/quotas/recount").json() == []
    assert world.send("DELETE", "/quotas?owner=team").status_code == 204
    assert world.send("DELETE", "/quotas?owner=team").status_code == 404
    assert world.send("DELETE", "/quotas").status_code == 400
    assert world.send("POST", "/models/team/task/versions", body={"files": files}).status_code == 201
