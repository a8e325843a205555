"""Uploads: flat memory, back pressure, nobody held up, nothing kept of what did not come whole."""

import asyncio
import hashlib
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.doors.native import native_app
from assay.http import uploads
from assay.http.uploads import MAX_WAITING_BYTES, PIECE_BYTES, Feed, Uploads
from doors.native.asgi import ask
from doors.native.native_world import NativeWorld

CONTENT = b"bytes of a model"
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


async def source(chunks):
    for chunk in chunks:
        yield chunk


async def stalled():
    yield b"a beginning"
    await asyncio.Event().wait()


@given(st.lists(st.binary(max_size=300)), st.integers(1, 64))
@settings(max_examples=40, deadline=None)
def test_bytes_arrive_whole_and_in_order_however_they_are_cut(chunks, repeat):
    chunks = [chunk * repeat for chunk in chunks]
    assert asyncio.run(Uploads(1).store("ann", source(chunks), b"".join)) == b"".join(chunks)


def test_a_slow_store_holds_the_sender_back():
    piece, count = bytes(PIECE_BYTES), 40
    produced, go_on = [], threading.Event()

    async def counted():
        for number in range(count):
            produced.append(number)
            yield piece

    def slow(feed):
        chunks = iter(feed)
        size = len(next(chunks))
        go_on.wait()
        return size + sum(map(len, chunks))

    async def upload():
        storing = asyncio.ensure_future(Uploads(1).store("ann", counted(), slow))
        for _ in range(2000):
            await asyncio.sleep(0)
        ahead = len(produced)
        go_on.set()
        return ahead, await storing

    ahead, size = asyncio.run(upload())
    assert ahead <= MAX_WAITING_BYTES // PIECE_BYTES + 2
    assert size == count * PIECE_BYTES


def test_stalled_senders_hold_up_nobody_else_and_leave_their_places():
    async def crowd():
        uploads = Uploads(2)
        waiting = [asyncio.ensure_future(uploads.store("ann", stalled(), b"".join)) for _ in range(60)]
        await asyncio.sleep(0)
        answered = await asyncio.to_thread(lambda: "answered")
        for each in waiting:
            each.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended)
        return answered, await uploads.store("ann", source([b"next"]), b"".join)

    assert asyncio.run(crowd()) == ("answered", b"next")


def test_a_store_that_gives_up_early_ends_the_upload():
    def refuse(feed):
        next(iter(feed))
        raise BadInputError.of("size_bytes", "enough")

    with pytest.raises(BadInputError, match="enough"):
        asyncio.run(Uploads(1).store("ann", source([bytes(PIECE_BYTES)] * 100), refuse))


def test_a_sender_that_goes_away_is_not_taken_for_one_that_is_done():
    async def broken():
        yield b"half"
        raise BadInputError("the server says that the sender went away")

    with pytest.raises(BadInputError, match="connection broke"):
        asyncio.run(Uploads(1).store("ann", broken(), b"".join))


def test_a_sender_that_falls_silent_is_given_up():
    async def upload():
        feed = Feed(idle_s=0.01)
        filling = asyncio.ensure_future(feed.fill(stalled()))
        try:
            return await asyncio.to_thread(b"".join, feed)
        finally:
            await filling

    with pytest.raises(BadInputError, match="no byte came"):
        asyncio.run(upload())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = NativeWorld(tmp_path_factory.mktemp("native"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def app(world):
    return native_app(world.use, world.means.clock, loopback=True, anonymous=True)


def test_a_truncated_upload_is_bad_input_and_keeps_nothing(world, app):
    path = f"/api/v1/blobs/{DIGEST}"
    for headers in ([("Content-Length", str(len(CONTENT)))], [("Transfer-Encoding", "chunked")]):
        answer = ask(app, "PUT", path, headers, chunks=[CONTENT[:5]], whole=False)
        assert answer.status == 400
        assert answer.json["reasons"][0]["field"] == "body"
    assert ask(app, "HEAD", path).status == 404
    assert not list((world.means.blobs._root / ".tmp").iterdir())


@pytest.mark.parametrize("length", [0, len(CONTENT) - 1, len(CONTENT) + 1, 10**17])
def test_an_announced_length_that_is_not_the_real_one_is_refused(app, length):
    headers = [("Content-Length", str(length))]
    answer = ask(app, "PUT", f"/api/v1/blobs/{DIGEST}", headers, chunks=[CONTENT])
    assert answer.status == 400
    assert answer.json["reasons"][0]["field"] == "size_bytes"
    assert ask(app, "HEAD", f"/api/v1/blobs/{DIGEST}").status == 404


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 40, "\xb2"])
def test_a_length_that_is_no_number_is_refused(app, length):
    answer = ask(app, "PUT", f"/api/v1/blobs/{DIGEST}", [("Content-Length", length)], chunks=[CONTENT])
    assert answer.status == 400


def test_the_login_is_asked_for_before_a_byte_is_read(app):
    unread = [CONTENT] * 3
    answer = ask(app, "PUT", "/api/v1/blobs/nonsense", [("Authorization", "Bearer x")], chunks=unread)
    assert answer.status == 401


def test_an_upload_of_unknown_length_is_stored_once_however_often_it_comes(app):
    content = b"unannounced"
    path = "/api/v1/blobs/sha256:" + hashlib.sha256(content).hexdigest()
    for _ in range(2):
        answer = ask(app, "PUT", path, chunks=[content[:3], content[3:]])
        assert (answer.status, answer.json["size_bytes"]) == (201, len(content))
    assert ask(app, "HEAD", path).headers["content-length"] == str(len(content))


async def dripping(pause_s=0.01):
    while True:
        yield b"x"
        await asyncio.sleep(pause_s)


def test_a_sender_who_drips_is_given_up(monkeypatch):
    monkeypatch.setattr(uploads, "IDLE_S", 0.2)
    with pytest.raises(BadInputError, match="fewer than 1024 bytes came in a second"):
        asyncio.run(asyncio.wait_for(Uploads(1).store("ann", dripping(), b"".join), 20))


def test_a_store_that_takes_its_time_is_no_slow_sender(monkeypatch):
    monkeypatch.setattr(uploads, "IDLE_S", 0.2)

    def slow(feed):
        pieces = []
        for piece in feed:
            threading.Event().wait(0.03)
            pieces.append(piece)
        return len(pieces)

    pieces = [bytes(PIECE_BYTES)] * 20
    assert asyncio.run(Uploads(1).store("ann", source(pieces), slow)) == len(pieces)


def test_nobody_takes_the_turns_of_others():
    async def two():
        uploads = Uploads(4, 2)
        crowd = [asyncio.ensure_future(uploads.store("ann", stalled(), b"".join)) for _ in range(20)]
        await asyncio.sleep(0.05)
        stored = await asyncio.wait_for(uploads.store("ben", source([b"quick"]), b"".join), 20)
        for each in crowd:
            each.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        return stored

    assert asyncio.run(two()) == b"quick"
