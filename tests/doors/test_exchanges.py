"""What is followed of every request, whichever door it goes to."""

import asyncio
import contextlib
import logging

import pytest

from assay.core.request_ids import request_id
from assay.http.counters import BOUNDS_S, Counters
from assay.http.exchanges import Exchange, Exchanges, current
from doors.native.asgi import ask


async def echo(_scope, receive, send):
    """Answer with what came in, twice."""
    exchange = current()
    exchange.door, exchange.route, exchange.principal = "test", "/{any}", "ada"
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    seen.append((request_id(), await asyncio.to_thread(request_id)))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": body})


seen = []


def followed(app=echo, counters=None):
    requests = Exchanges((counters or Counters()).add)
    requests.before(app)
    return requests


@pytest.mark.parametrize("sent", ["r-1", "A" * 128, "0a1b.c_d-e"])
def test_a_well_formed_id_of_the_client_is_taken_and_answered(sent):
    assert ask(followed(), "GET", "/x", [("X-Request-Id", sent)]).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "A" * 129, "a b", "a\r\nb: c", "-a", "ä", "a\x00", 'a"'])
def test_another_id_is_made_where_the_clients_is_not_well_formed(sent):
    answered = ask(followed(), "GET", "/x", [("X-Request-Id", sent)]).headers["x-request-id"]
    assert answered != sent
    assert len(answered) == 16


def test_two_requests_have_two_ids_and_threads_know_theirs():
    seen.clear()
    requests = followed()
    ids = [ask(requests, "GET", "/x").headers["x-request-id"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert seen == [(each, each) for each in ids]


def test_a_line_is_logged_without_query_token_or_body(caplog):
    caplog.set_level(logging.INFO, "assay.access")
    headers = [("Authorization", "Bearer assay_secret")]
    ask(followed(), "POST", "/team/x?token=secret", headers, chunks=(b"sec", b"ret"))
    (line,) = [each.getMessage() for each in caplog.records if each.name == "assay.access"]
    assert line.startswith("POST /team/x 200 ")
    assert line.endswith("route=/{any} principal=ada door=test in=6 out=12")
    assert "secret" not in line


def test_it_is_counted_what_came_of_requests_and_the_labels_stay_few():
    counters = Counters()
    requests = followed(counters=counters)
    for number in range(50):
        ask(requests, f"METHOD{number}", f"/{number}")
    ask(requests, "GET", "/x", chunks=(b"ab",))
    assert counters.answered == {
        ("test", "/{any}", "other", "2xx"): 50,
        ("test", "/{any}", "GET", "2xx"): 1,
    }
    assert sum(counters.latencies["test", "/{any}", "other"].buckets) == 50
    assert counters.bytes_out == {"test": 4}


@pytest.mark.parametrize(("whole", "status"), [(True, 200), (False, 0)])
def test_who_goes_away_in_the_middle_of_a_body_is_told_from_who_is_answered(whole, status):
    told = []
    answer = ask(Exchanges(told.append).before(echo), "PUT", "/x", chunks=(b"a", b"b"), whole=whole)
    assert answer.status == 200, "the door itself may not have noticed"
    assert [each.status for each in told] == [status]


def test_a_request_that_breaks_is_logged_counted_and_let_go():
    async def broken(_scope, _receive, _send):
        raise RuntimeError("boom")

    counters = Counters()
    requests = followed(broken, counters)
    with contextlib.suppress(RuntimeError):
        ask(requests, "GET", "/x")
    assert counters.answered == {("", "none", "GET", "broken"): 1}
    assert len(requests) == 0


@pytest.mark.parametrize("seconds", [0.0, *BOUNDS_S, 1e6])
def test_every_duration_falls_into_the_bucket_that_bounds_it(seconds):
    counters = Counters()
    counters.add(Exchange("", "GET", "/", status=200, duration_s=seconds))
    (latency,) = counters.latencies.values()
    bounds = (*BOUNDS_S, float("inf"))
    place = latency.buckets.index(1)
    assert seconds <= bounds[place]
    assert place == 0 or seconds > bounds[place - 1]


@pytest.mark.parametrize(("closing", "expected"), [(False, None), (True, "close")])
def test_connections_are_told_to_close_when_the_server_ends(closing, expected):
    requests = followed()
    requests.closing = closing
    assert ask(requests, "GET", "/x").headers.get("connection") == expected


def test_what_is_under_way_can_be_broken_off():
    async def run():
        begun = asyncio.Event()

        async def stuck(_scope, _receive, _send):
            begun.set()
            await asyncio.Event().wait()

        requests = followed(stuck)
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        task = asyncio.ensure_future(requests(scope, None, None))
        await begun.wait()
        assert len(requests) == 1
        assert requests.end() == 1
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert len(requests) == 0

    asyncio.run(run())
