"""Answers on their way: in pieces that fit, for as long as somebody reads, and never begun twice."""

import asyncio
import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError, UnavailableError
from assay.http.replies import SENT_BYTES, Reply, give


def given_out(reply, **more):
    said = []

    async def send(message):
        said.append(message)

    asyncio.run(give(send, reply, **more))
    return said


@given(st.lists(st.integers(0, 3 * SENT_BYTES), max_size=5))
def test_every_byte_is_sent_in_order_and_no_piece_is_large(sizes):
    pieces = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    start, *bodies = given_out(Reply(iter(pieces), 206, "text/plain", {"X-A": "b"}))
    assert (start["status"], dict(start["headers"])[b"x-a"]) == (206, b"b")
    assert b"".join(each["body"] for each in bodies) == b"".join(pieces)
    assert max(len(each["body"]) for each in bodies) <= SENT_BYTES
    assert [each.get("more_body", False) for each in bodies] == [True] * (len(bodies) - 1) + [False]


def test_whoever_does_not_read_is_given_up_and_nothing_more_is_fetched_for_them():
    fetched = []

    def pieces():
        for number in range(100):
            fetched.append(number)
            yield b"x"

    async def send(message):
        if message.get("body"):
            await asyncio.sleep(60)

    with pytest.raises(BadInputError, match="must be read"):
        asyncio.run(give(send, Reply(pieces()), idle_s=0.05))
    assert fetched == [0]


def test_an_answer_whose_store_fails_breaks_off_and_the_log_says_so(caplog):
    said = []

    def pieces():
        yield b"the beginning"
        raise UnavailableError("the bytes are damaged")

    async def send(message):
        said.append(message)

    with caplog.at_level(logging.ERROR, "assay.http"), pytest.raises(UnavailableError):
        asyncio.run(give(send, Reply(pieces())))
    assert [each["type"] for each in said] == ["http.response.start", "http.response.body"]
    assert said[-1]["more_body"], "it must not look as if it were whole"
    assert "breaks off: the bytes are damaged" in caplog.text


def test_pieces_are_fetched_outside_of_the_event_loop():
    where = set()

    def pieces():
        where.add(threading.get_ident())
        yield b"x"

    given_out(Reply(pieces()))
    assert threading.get_ident() not in where


@pytest.mark.parametrize(("status", "length"), [(200, b"0"), (204, None), (304, None), (404, b"0")])
def test_what_has_no_body_says_no_length_of_one(status, length):
    (start, _) = given_out(Reply(status=status))
    assert dict(start["headers"]).get(b"content-length") == length


def test_headers_of_one_name_are_all_sent():
    (start, _) = given_out(Reply(more=(("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))))
    assert [value for name, value in start["headers"] if name == b"set-cookie"] == [b"a=1", b"b=2"]
