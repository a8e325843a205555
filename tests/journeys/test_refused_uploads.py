"""Uploads that are refused: also clients that send first and listen afterwards are told why."""

import base64
import hashlib
import http.client
import json
import socket

import pytest

from assay.http.unread import MOST_BYTES
from journeys.test_server_start import PATIENCE_S, running

PART = 16 * 1024 * 1024


def field(content):
    """What ``Content-Digest`` says of some bytes."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


NOTHING = field(b"")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server"), "--workers", "0") as one:
        yield one


def send(server, method, path, body, **headers):
    peer = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    try:
        peer.request(method, f"/api/v1{path}", body, headers)
        answer = peer.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        peer.close()


@pytest.fixture(scope="module")
def upload(server):
    begun = json.dumps({"size_bytes": 2 * PART, "part_bytes": PART})
    status, made = send(server, "POST", "/uploads", begun, **{"Content-Type": "application/json"})
    assert status == 201
    return f"/uploads/{made['id']}"


def refusals(server, upload):
    """Yield what is sent where, and the status and the words that it is refused with."""
    content, other, wrong = bytes(PART), b"x" * PART, {"Content-Digest": NOTHING}
    assert send(server, "PUT", f"{upload}/parts/1", content, **{"Content-Digest": field(content)})[0] == 201
    conflicting = {"Content-Digest": field(other)}
    yield "PUT", f"{upload}/parts/1", other, conflicting, 409, "other bytes came for part 1"
    yield "PUT", f"{upload}/parts/2", content, {}, 400, "Content-Digest: must be"
    yield "PUT", f"{upload}/parts/2", content, wrong, 400, "Content-Digest: must be that of"
    yield "PUT", "/uploads/none/parts/1", content, wrong, 404, "none"
    yield "PUT", "/blobs/sha256:none", content, {}, 400, "sha256"
    yield "PUT", f"/blobs/sha256:{'0' * 64}", content, {"Authorization": "Bearer x"}, 401, "token"
    yield "POST", "/models", content, {}, 413, "too large"
    yield "PUT", "/nothing", content, {}, 404, "no such route"


def test_a_refusal_reaches_who_sends_first_and_listens_afterwards(server, upload):
    for method, path, content, headers, status, words in refusals(server, upload):
        for _ in range(3):
            found, said = send(server, method, path, content, **headers)
            assert (found, words in json.dumps(said)) == (status, True), (method, path, said)


def beginning(server, path, **headers):
    """Send a request without its body, asking whether it is wanted; return what is answered first."""
    lines = [f"PUT /api/v1{path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Expect: 100-continue"]
    lines += [f"Content-Length: {PART}", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as peer:
        peer.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return peer.recv(1000).decode("latin1").splitlines()[0]


def test_who_asks_before_sending_is_told_so_before_sending(server, upload):
    assert beginning(server, f"{upload}/parts/2").startswith("HTTP/1.1 400")
    assert beginning(server, "/uploads/none/parts/1", **{"Content-Digest": NOTHING}).startswith(
        "HTTP/1.1 404"
    )
    assert beginning(server, f"{upload}/parts/2", **{"Content-Digest": NOTHING}).startswith("HTTP/1.1 100")


def test_what_is_refused_and_too_long_to_be_listened_to_is_not_read(server):
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as peer:
        head = f"PUT /api/v1/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {MOST_BYTES + 1}\r\n\r\n"
        peer.sendall(head.encode())
        assert peer.recv(1000).startswith(b"HTTP/1.1 404")
