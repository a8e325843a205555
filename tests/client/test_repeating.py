"""What is sent again, how often, after how long, and with what key."""

import json

import httpx
import pytest

from assay.client import repeating
from assay.client.repeating import ATTEMPTS, KEY, LONGEST_WAIT_S, again_in_s, backoff_s, fresh_key
from assay.client.transport import Transport, if_match_header
from assay.core.errors import BadInputError, ConflictError, UnavailableError


class Line:
    """A network that does what it was told, request by request; the last word holds for all that follow."""

    def __init__(self, *words):
        self.words = list(words)
        self.keys = []
        self.waits = []

    def handle(self, request):
        self.keys.append(request.headers.get(KEY))
        word = self.words.pop(0) if len(self.words) > 1 else self.words[0]
        if isinstance(word, Exception):
            raise word
        return word if isinstance(word, httpx.Response) else httpx.Response(word, json={"done": "yes"})

    def transport(self):
        made = Transport("http://127.0.0.1:1", transport=httpx.MockTransport(self.handle))
        made._repeater._wait = self.waits.append
        return made


LOST = httpx.RemoteProtocolError("gone")


@pytest.mark.parametrize("word", [LOST, httpx.ReadError("x"), httpx.WriteError("x"), 502, 503, 504, 429])
def test_a_post_is_sent_again_with_the_same_key_until_it_is_answered(word):
    line = Line(word, word, 201)
    assert line.transport().post("/models", dict[str, str], {}) == {"done": "yes"}
    assert len(line.keys) == 3
    assert len(set(line.keys)) == 1
    assert all(0 < wait <= 1 for wait in line.waits)


def test_two_requests_have_two_keys():
    line = Line(201)
    transport = line.transport()
    for _ in range(2):
        transport.post("/models", dict[str, str], {})
    assert None not in line.keys
    assert len(set(line.keys)) == 2


@pytest.mark.parametrize("word", [LOST, 503])
def test_it_is_given_up_after_a_few_attempts(word):
    line = Line(word)
    with pytest.raises(UnavailableError):
        line.transport().post("/models", dict[str, str], {})
    assert len(line.keys) == ATTEMPTS
    assert sum(line.waits) < 5


@pytest.mark.parametrize("word", [400, 403, 404, 409, 412, 422, 500, 501])
def test_an_answer_is_an_answer(word):
    line = Line(word)
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        line.transport().post("/models", dict[str, str], {})
    assert len(line.keys) == 1


def test_where_nothing_listens_nothing_is_waited_for():
    line = Line(httpx.ConnectError("refused"))
    with pytest.raises(UnavailableError, match="cannot be reached"):
        line.transport().post("/models", dict[str, str], {})
    assert (len(line.keys), line.waits) == (1, [])


def test_a_server_that_is_started_anew_is_waited_for():
    line = Line(LOST, httpx.ConnectError("refused"), 201)
    line.transport().post("/models", dict[str, str], {})
    assert len(line.keys) == 3


def test_what_is_still_under_way_is_asked_for_when_the_server_says():
    busy = httpx.Response(409, headers={"Retry-After": "2"}, json={"kind": "conflict", "message": "busy"})
    line = Line(busy, 201)
    line.transport().post("/models", dict[str, str], {})
    assert 2 <= line.waits[0] < 3


def test_a_long_wait_is_the_callers_to_decide():
    line = Line(httpx.Response(429, headers={"Retry-After": str(int(LONGEST_WAIT_S) + 1)}))
    with pytest.raises(UnavailableError):
        line.transport().post("/models", dict[str, str], {})
    assert line.waits == []


@pytest.mark.parametrize(("method", "sent"), [("PUT", 1), ("PATCH", 1), ("DELETE", 1)])
def test_what_has_no_key_is_not_sent_again(method, sent):
    line = Line(LOST)
    with pytest.raises(UnavailableError):
        line.transport().send(method, "/x", body={})
    assert line.keys == [None] * sent


def test_answers_that_break_off_are_asked_for_again():
    class Half(httpx.SyncByteStream):
        def __iter__(self):
            yield b'{"do'
            raise httpx.ReadError("gone")

    line = Line(httpx.Response(201, stream=Half()), 201)
    assert line.transport().post("/models", dict[str, str], {}) == {"done": "yes"}
    assert len(set(line.keys)) == 1


@pytest.mark.parametrize("said", ["soon", "-1", "1e9", "", "Fri, 31 Dec 2027 23:59:59 GMT", "٣"])
def test_a_time_that_is_not_understood_leaves_our_own(said):
    found = again_in_s(httpx.Response(503, headers=[(b"Retry-After", said.encode())]), 1)
    assert 0 < found < 1


def test_waits_grow_and_differ():
    waits = [[backoff_s(attempt) for _ in range(50)] for attempt in (1, 2, 3)]
    assert max(waits[0]) < min(waits[2])
    assert len(set(waits[0])) > 10
    assert fresh_key() != fresh_key()
    assert repeating.KEY == "Idempotency-Key"


def test_a_change_says_on_what_it_builds():
    seen = []

    def handle(request):
        seen.append(request.headers.get("if-match"))
        words = {"kind": "conflict", "message": "it has changed"}
        return httpx.Response(412, content=json.dumps(words))

    transport = Transport("http://127.0.0.1:1", transport=httpx.MockTransport(handle))
    with pytest.raises(ConflictError, match="it has changed"):
        transport.change("PATCH", "/models/a/b", dict[str, str], {}, if_match="abc")
    assert seen == ['"abc"']
    assert if_match_header("") == {}
    assert if_match_header('W/"a"') == {"If-Match": 'W/"a"'}
    assert if_match_header("*") == {"If-Match": "*"}
    with pytest.raises(BadInputError):
        if_match_header("a\r\nb")
