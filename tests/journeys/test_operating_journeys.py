"""What operators see of a real server: its log, its limits, its metrics."""

import json
import re
import sys

import httpx

from journeys.test_server_start import PATIENCE_S, running, wait_for

LOGS = 'log_format = "json"\n'
# Runs the command line with a door behind which everything fails.
BROKEN = """
import sys
from assay.usecases.browsing import Browsing
def broken(*_, **__):
    raise RuntimeError("line one\\nline two")
Browsing.models = broken
from assay.cli.main import run
run(sys.argv[1:])
"""


def lines(server):
    return [json.loads(line) for line in server.log.splitlines()]


def answers(server, sent):
    with server.connect(sent) as peer:
        peer.settimeout(PATIENCE_S)
        return peer.recv(1000).decode("latin1")


def test_every_line_is_json_and_names_its_request(tmp_path):
    (tmp_path / "assay.toml").write_text(LOGS)
    with running(tmp_path, "--workers", "1") as server:
        mine = {"X-Request-Id": "mine-1"}
        assert server.get("/api/v1/whoami?", headers=mine).headers["x-request-id"] == "mine-1"
        assert server.get("/api/v1/a%0Ab%1B[2J%E2%80%A8").status_code == 404
        assert server.end() == 0
    found = lines(server)
    (line,) = [each for each in found if each.get("request_id") == "mine-1"]
    assert line["route"] == "/api/v1/whoami"
    assert line["principal"] == "local"
    assert not any(each.get("route") == "/healthz" for each in found)


def test_the_id_that_a_failure_names_is_in_the_log_with_its_reason(tmp_path):
    (tmp_path / "assay.toml").write_text(LOGS)
    with running(tmp_path, "--workers", "0", program=[sys.executable, "-c", BROKEN]) as server:
        answer = server.get("/api/v1/models")
        assert answer.status_code == 500
        name = answer.headers["x-request-id"]
        assert name in answer.json()["message"]
        assert server.end() == 0
    told = [each for each in lines(server) if each.get("request_id") == name]
    assert any("RuntimeError: line one" in each.get("error", "") for each in told)
    assert any(each.get("status") == 500 for each in told)


def test_huge_headers_and_addresses_are_refused_and_the_server_goes_on(tmp_path):
    begun = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    with running(tmp_path, "--workers", "0") as server:
        assert " 431 " in answers(server, begun + "X: " + "a" * 1_000_000 + "\r\n\r\n")
        assert " 431 " in answers(server, begun + "X: a\r\n" * 200 + "\r\n")
        assert " 414 " in answers(server, f"GET /{'a' * 100_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert server.get("/healthz").status_code == 200


def test_metrics_of_a_real_server(tmp_path):
    with running(tmp_path, "--workers", "0") as server:
        httpx.put(f"{server.url}/api/v1/blobs/sha256:{'0' * 64}", content=b"x")
        server.get("/metrics")
        wait_for(lambda: "assay_blobs 0" in server.get("/metrics").text)
        text = server.get("/metrics").text
    assert re.search(r'requests_total\{door="native",route="/api/v1/blobs/\{digest\}",method="PUT",', text)
    assert re.search(r"^process_open_fds [1-9]", text, re.MULTILINE)
