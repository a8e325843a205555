"""Large files of the SDK: in parts, gone on with after a break or in a new process."""

import os
import threading

import httpx
import pytest

from assay.client import Client, sending_parts, uploading
from assay.client.transport import Transport
from assay.client.uploading import hash_file, upload
from assay.core.digests import digest_of
from assay.core.errors import BadInputError, RefusedError, UnavailableError
from assay.wire.quotas import QuotaChange
from doors.native.native_world import NativeWorld

CONTENT = os.urandom(5 * 65_536 + 77)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(uploading, "IN_PARTS_BYTES", 1000)
    for name in ("USUAL_PART_BYTES", "MIB"):
        monkeypatch.setattr(f"assay.core.transfers.{name}", 65_536)
    monkeypatch.setattr(sending_parts, "PAUSES_S", (0.0,) * 3)
    monkeypatch.setattr(sending_parts.send_in_parts, "__defaults__", ((0.0,) * 3,))
    one = NativeWorld(tmp_path)
    one.path = tmp_path / "model.bin"
    one.path.write_bytes(CONTENT)
    yield one
    one.close()


class Line(httpx.BaseTransport):
    """Carries requests to the registry; some break."""

    def __init__(self, world, breaks=lambda request: False):
        self._world, self._breaks, self._lock = world, breaks, threading.Lock()
        self.parts = []

    def handle_request(self, request):
        content = request.read()
        with self._lock:
            if "/parts/" in request.url.path and request.method == "PUT":
                self.parts.append(int(request.url.path.rpartition("/")[2]))
            if self._breaks(request):
                raise httpx.ReadError("broke off")
            headers = {key: value for key, value in request.headers.items() if key != "host"}
            answer = self._world.client.request(
                request.method, str(request.url.raw_path.decode()), content=content, headers=headers
            )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def transport(world, line):
    return Transport("http://127.0.0.1:8640", world.admin, transport=line)


def test_a_large_file_goes_in_parts_with_progress(world):
    line, seen = Line(world), []
    assert upload(transport(world, line), hash_file(world.path), lambda *told: seen.append(told))
    assert sorted(line.parts) == [1, 2, 3, 4, 5, 6]
    assert world.means.blobs.shelf.check(digest_of(CONTENT))
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT), "model.bin")
    assert not upload(transport(world, line), hash_file(world.path))


def test_a_broken_connection_costs_the_parts_that_were_under_way(world):
    broken = []

    def breaks(request):
        if request.method == "PUT" and len(broken) < 2:
            broken.append(request)
            return True
        return request.url.path.endswith("/complete") and broken.append(request) is None and len(broken) == 3

    line = Line(world, breaks)
    upload(transport(world, line), hash_file(world.path))
    assert len(broken) >= 3
    assert len(line.parts) == 8
    assert world.means.blobs.shelf.check(digest_of(CONTENT))


def test_a_store_that_takes_long_to_join_a_large_file_is_waited_for_and_sent_nothing_again(
    world, monkeypatch
):
    monkeypatch.setattr(sending_parts, "_JOINED_IN_A_PAUSE", 65_536)
    asked = []

    class Slow(Line):
        def handle_request(self, request):
            if request.url.path.endswith("/complete"):
                asked.append(request)
                if len(asked) < 8:
                    raise httpx.ReadTimeout("no answer yet")
            return super().handle_request(request)

    line = Slow(world)
    upload(transport(world, line), hash_file(world.path))
    assert len(asked) == 8
    assert len(line.parts) == 6
    assert world.means.blobs.shelf.check(digest_of(CONTENT))


def test_a_client_that_was_started_anew_sends_only_what_is_missing(world):
    line = Line(world, lambda request: request.method == "PUT" and len(line.parts) > 3)
    with pytest.raises(UnavailableError):
        upload(transport(world, line), hash_file(world.path))
    again = Line(world)
    upload(transport(world, again), hash_file(world.path))
    assert 0 < len(again.parts) < 6
    assert world.means.blobs.shelf.check(digest_of(CONTENT))


def test_a_file_that_changes_while_it_is_sent_is_refused(world):
    file = hash_file(world.path)
    world.path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    with pytest.raises(BadInputError):
        upload(transport(world, Line(world)), file)
    assert world.means.blobs.size(file.digest) is None
    world.path.write_bytes(b"short" * 300)
    with pytest.raises(BadInputError, match="change"):
        upload(transport(world, Line(world)), file)


def test_an_older_registry_gets_it_in_one_piece(world):
    class Older(Line):
        def handle_request(self, request):
            if request.url.path.startswith("/api/v1/uploads"):
                return httpx.Response(404, json={"kind": "not_found", "message": "there is no such route"})
            return super().handle_request(request)

    assert upload(transport(world, Older(world)), hash_file(world.path))
    assert world.means.blobs.shelf.check(digest_of(CONTENT))


def test_uploads_of_ones_own_are_listed_and_given_up(world):
    line = Line(world, lambda request: request.method == "PUT" and len(line.parts) > 1)
    with pytest.raises(UnavailableError):
        upload(transport(world, line), hash_file(world.path))
    with Client("http://127.0.0.1:8640", world.admin, transport=Line(world)) as client:
        (mine,) = client.uploads()
        assert client.upload_parts(mine.id).size_bytes == len(CONTENT)
        client.remove_upload(mine.id)
        assert client.uploads() == ()


def test_a_large_file_that_a_quota_does_not_allow_is_never_sent(world):
    world.use.quotas.set(world.local, QuotaChange("team/task", len(CONTENT) - 1))
    line = Line(world)
    with (
        Client("http://127.0.0.1:8640", world.admin, transport=line) as client,
        pytest.raises(RefusedError, match="quota of model"),
    ):
        client.register("team/task", world.path, commit="a" * 40)
    assert line.parts == []
    world.use.quotas.set(world.local, QuotaChange("team/task", len(CONTENT)))
    with Client("http://127.0.0.1:8640", world.admin, transport=line) as client:
        assert client.register("team/task", world.path, commit="a" * 40).is_new
    assert len(line.parts) == 6
