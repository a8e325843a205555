"""Whoever connects and says nothing takes the server from nobody."""

import socket
from contextlib import ExitStack

import httpx
import pytest

from journeys.live_server import LiveServer

SILENT = 400


@pytest.mark.parametrize("begins", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /healthz HTTP/1.1\r\n"])
def test_many_silent_connections_leave_room_for_everybody_else(tmp_path, begins):
    with ExitStack() as stack:
        server = LiveServer(tmp_path, "--workers", "0")
        stack.callback(server.stop)
        for _ in range(SILENT):
            stranger = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            stranger.sendall(begins)
        assert httpx.get(f"{server.url}/healthz", timeout=10).status_code == 200
