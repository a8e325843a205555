"""The server as operators stop it: who is served to the end, who is turned away, and how long it takes."""

import hashlib
import json
import signal
import socket
import time

import httpx
import pytest

from journeys.test_server_start import PATIENCE_S, beginning, lives, running, wait_for

CONTENT = b"weights" * 1000
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


def settings(folder, **values):
    (folder / "assay.toml").write_text(
        "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    )


def open_upload(server, sent):
    """Begin an upload and send only a part of it; return the connection."""
    head = f"PUT /api/v1/blobs/{DIGEST} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
    peer = server.connect(head)
    peer.sendall(CONTENT[:sent])
    temporary = server.folder / "data" / "blobs" / ".tmp"
    wait_for(lambda: list(temporary.iterdir()))
    return peer


def answer(peer):
    """Read until the other side closes."""
    peer.settimeout(PATIENCE_S)
    found = b""
    while piece := peer.recv(65536):
        found += piece
    return found.decode()


def refused(server):
    try:
        server.get("/healthz")
    except httpx.ConnectError:
        return True
    return False


def test_a_slow_upload_is_finished_after_sigterm_while_nobody_new_gets_in(tmp_path):
    with running(tmp_path, "--workers", "0") as server, open_upload(server, 3000) as peer:
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: refused(server))
        for start in range(3000, len(CONTENT), 1000):
            peer.sendall(CONTENT[start : start + 1000])
            time.sleep(0.05)  # slowly: the point of it
        said = answer(peer)
        assert said.startswith("HTTP/1.1 201 ")
        assert "connection: close" in said
        assert server.process.wait(PATIENCE_S) == 0
    assert "1 requests under way" in server.log
    with running(tmp_path, "--workers", "0") as server:
        assert httpx.head(f"{server.url}/api/v1/blobs/{DIGEST}").status_code == 200


def test_a_stuck_peer_does_not_hold_the_server_beyond_the_setting(tmp_path):
    settings(tmp_path, shutdown_s=1)
    with running(tmp_path, "--workers", "0") as server, open_upload(server, 3000):
        begun = time.monotonic()
        assert server.end() == 0
        assert 1 <= time.monotonic() - begun < 15
        assert not list((tmp_path / "data" / "blobs" / ".tmp").iterdir())
    assert "1 requests did not end in time; they are broken off" in server.log


def test_a_second_signal_ends_the_server_and_its_workers_at_once(tmp_path):
    with running(tmp_path, "--workers", "1") as server, open_upload(server, 3000):
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "stopping" in server.log)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 1
    assert "told a second time to stop" in server.log
    assert not lives(server.process.pid)


def test_idle_connections_and_half_a_request_do_not_keep_the_server(tmp_path):
    with (
        running(tmp_path, "--workers", "0") as server,
        server.connect("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as idle,
        server.connect("GET /healthz HTTP/1.1\r\nHos"),
    ):
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - begun < 15
        assert idle.recv(1000) == b""


def test_while_it_drains_it_answers_and_says_that_it_is_not_ready(tmp_path):
    settings(tmp_path, drain_s=600)
    with running(tmp_path, "--workers", "0") as server:
        assert server.get("/readyz").json() == {"status": "ready", "reasons": []}
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: server.get("/readyz").status_code == 503)
        leaving = server.get("/readyz")
        assert leaving.json()["reasons"][0]["field"] == "shutdown"
        assert leaving.headers["connection"] == "close"
        alive = server.get("/healthz")
        assert (alive.status_code, alive.headers["connection"]) == (200, "close")
        assert server.get("/api/v1/whoami").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 1


@pytest.mark.parametrize("sent", [beginning(), "GET /healthz HTTP/1.1\r\nHos"])
def test_a_peer_that_stops_in_the_middle_is_given_up(tmp_path, sent):
    settings(tmp_path, shutdown_s=1)
    with running(tmp_path, "--workers", "0") as server, server.connect(sent) as peer:
        assert server.end() == 0
        assert isinstance(peer, socket.socket)
