"""A registry whose files lie in an object store, through real processes."""

import json
import struct

import httpx

from assay.client import Client
from contracts.stores import place_of
from journeys.live_server import LiveServer

POLICY = "applies_to: store/*\ngates:\n  staging: [file_security]\n  production: [file_security, approval]\n"


def safetensors(count):
    """A file of the format safetensors with so many numbers."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(range(256)) * (count // 64)


class Watched(httpx.HTTPTransport):
    """The network, with what was asked of whom."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def handle_request(self, request):
        self.asked.append((request.url.port, "authorization" in request.headers))
        return super().handle_request(request)


def test_a_model_lives_in_an_object_store_and_is_fetched_from_there(tmp_path):
    place = place_of("s3", tmp_path)
    content = safetensors(5 << 20)
    (tmp_path / "model.safetensors").write_bytes(content)
    words = ("--blobs", str(place), "--redirect-downloads", "asked")
    server = LiveServer(tmp_path, *words)
    try:
        with Client(server.url) as client:
            client.set_policy(POLICY)
            client.register("store/one", tmp_path / "model.safetensors")
        assert not (tmp_path / "data" / "blobs").exists()
        promotion = server.json("promote", "store/one/v1.0.0", "--stage", "staging", "--wait")
        assert promotion["state"] == "promoted", promotion["outcome"]
        watched = Watched()
        with Client(server.url, transport=watched) as client:
            client.download("store/one/v1.0.0", tmp_path / "out")
        assert (tmp_path / "out" / "model.safetensors").read_bytes() == content
        elsewhere = [token for port, token in watched.asked if port != server.port]
        assert elsewhere == [False]
        direct = server.ask("GET", "/models/store/one/versions/1/files/model.safetensors")
        assert (direct.status_code, direct.content) == (200, content)
    finally:
        server.stop()
