"""What a client sends on while it is refused: it is read within bounds, and kept by nobody."""

import asyncio

import pytest

from assay.http import unread
from assay.http.exchanges import Exchange, Exchanges
from assay.http.unread import MOST_BYTES
from doors.native.asgi import ask

PIECES = (b"a" * 1000,) * 5


async def refuse(_scope, _receive, send):
    """Answer without having read anything."""
    await send({"type": "http.response.start", "status": 403, "headers": []})
    await send({"type": "http.response.body", "body": b"no"})


def read_of(headers, pieces=PIECES, method="PUT"):
    """Refuse a request; return how many of its bytes were read, and its answer."""
    told: list[Exchange] = []
    answer = ask(Exchanges(told.append).before(refuse), method, "/x", headers, chunks=pieces)
    assert answer.status == 403
    return told[0].bytes_in


@pytest.mark.parametrize("header", [("Content-Length", "5000"), ("Transfer-Encoding", "chunked")])
def test_what_is_left_of_a_refused_body_is_read_before_the_answer(header):
    assert read_of([header]) == 5000


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Length", "0")],
        [("Content-Length", "5000"), ("Expect", "100-continue")],
        [("Content-Length", str(MOST_BYTES + 1))],
    ],
)
def test_nothing_is_read_of_who_sends_nothing_waits_to_be_asked_or_sends_too_much(headers):
    assert read_of(headers) == 0


def test_of_a_body_of_unknown_length_no_more_is_read_than_may_be(monkeypatch):
    monkeypatch.setattr(unread, "MOST_BYTES", 2500)
    assert read_of([("Transfer-Encoding", "chunked")]) == 3000


def test_who_sends_too_slowly_is_not_listened_to_for_ever(monkeypatch):
    monkeypatch.setattr(unread, "LONGEST_S", 0.01)
    said = []

    async def never():
        await asyncio.Event().wait()

    async def send(message):
        said.append(message)

    scope = {"type": "http", "method": "PUT", "path": "/x", "headers": [(b"content-length", b"10")]}
    asyncio.run(Exchanges().before(refuse)(scope, never, send))
    assert said[0]["status"] == 403
