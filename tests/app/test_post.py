"""The way out over real connections: only to checked addresses, only to whom the name belongs, in time."""

import logging
import re
import socket
import time

import pytest

from app.receiver import Authority, receiving, speaking
from assay.app.post import MAX_ANSWER_BYTES, MAX_TEXT_BYTES, HttpsPost, resolve
from assay.core.deliveries import Letter
from assay.core.errors import BadInputError
from assay.core.webhooks import headers
from usecases.post_office import PUBLIC
from usecases.registry_world import HandClock

LOCAL = ("127.0.0.1", "localhost", "hooks.example.org")
BODY = '{"name": "grün"}'


def letter(url, body=BODY):
    return Letter(url, headers("id-1", HandClock().now(), body, "geheim"), body)


def post(**more):
    return HttpsPost(LOCAL, **more)


def at(port, path="/"):
    return f"http://127.0.0.1:{port}{path}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_letter_arrives_as_it_was_signed():
    with receiving() as receiver:
        attempt = post().send(letter(receiver.url + "?token=t0ken"))
    assert (attempt.status, attempt.text, attempt.arrived) == (200, "thanks", True)
    ((path, sent, body),) = receiver.came
    assert (path, body) == ("/hook?token=t0ken", BODY)
    assert sent["Host"] == receiver.url.split("/")[2]
    assert sent["Content-Type"] == "application/json"
    assert sent["X-MLflow-Delivery-Id"] == "id-1"
    assert sent["X-MLflow-Signature"].startswith("v1,")


def test_over_tls_the_certificate_must_be_the_hosts_own(authority):
    context = authority.client()
    with receiving(authority.server("hooks.example.org", "127.0.0.1")) as receiver:
        port = receiver.url.rpartition(":")[2]
        sender = post(context=context, resolver=lambda _host, _port: ["127.0.0.1"])
        assert sender.send(letter(f"https://hooks.example.org:{port}")).arrived
        assert sender.send(letter(f"https://127.0.0.1:{port}")).arrived
        other = sender.send(letter(f"https://localhost:{port}"))
    assert other.status is None
    assert "certificate is not good" in other.problem
    assert len(receiver.came) == 2


def test_strangers_and_certificates_of_yesterday_are_not_spoken_to(authority):
    with receiving(authority.server("127.0.0.1", past=True)) as receiver:
        assert "certificate" in post(context=authority.client()).send(letter(receiver.url)).problem
    with receiving(authority.server("127.0.0.1")) as receiver:
        unknown = post().send(letter(receiver.url))  # the machine does not know this authority
    assert "certificate" in unknown.problem
    assert not unknown.final
    assert receiver.came == []


def test_a_host_that_is_not_trusted_is_refused_at_check_and_at_sending():
    with receiving() as receiver:
        port = receiver.url.split(":")[2].partition("/")[0]
        for url in (receiver.url, f"https://127.0.0.1:{port}/", f"https://localhost:{port}/"):
            with pytest.raises(BadInputError):
                HttpsPost().check(url)
            attempt = HttpsPost().send(letter(url))
            assert (attempt.status, attempt.final) == (None, True)
            assert attempt.problem
    assert receiver.came == []


def test_a_name_that_changes_its_meaning_between_check_and_use_is_refused():
    answers = [[PUBLIC], ["127.0.0.1"]]
    with receiving() as receiver:
        port = receiver.url.split(":")[2].partition("/")[0]
        sender = HttpsPost(resolver=lambda _host, _port: answers.pop(0))
        sender.check(f"https://rebound.example.org:{port}/")
        attempt = sender.send(letter(f"https://rebound.example.org:{port}/"))
    assert attempt.final
    assert "non-public" in attempt.problem
    assert receiver.came == []
    assert answers == []


def test_what_is_connected_to_is_the_address_that_was_checked(monkeypatch):
    asked, connected = [], []

    def resolver(host, _port):
        asked.append(host)
        return [PUBLIC]

    def connect(address, timeout):
        connected.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    attempt = HttpsPost(resolver=resolver).send(letter("https://hooks.example.org/"))
    assert asked == ["hooks.example.org"]
    assert connected == [(PUBLIC, 443)]
    assert attempt.problem == "no answer: Connection refused"


def test_one_private_address_among_several_stops_the_letter(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it was connected to"))
    attempt = HttpsPost(resolver=lambda *_: [PUBLIC, "10.0.0.1"]).send(letter("https://example.org/"))
    assert attempt.final


def test_the_next_address_is_tried_where_one_does_not_answer():
    with receiving() as receiver:
        sender = post(resolver=lambda *_: ["127.0.0.9", "127.0.0.1"])
        assert sender.send(letter(receiver.url)).arrived


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    with receiving() as hidden, receiving() as receiver:
        receiver.answers = [(status, {"Location": hidden.url}, b"")]
        attempt = post().send(letter(receiver.url))
    assert attempt.status == status
    assert not attempt.arrived
    assert "redirects are not followed" in attempt.in_words
    assert hidden.came == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert post().send(letter(receiver.url)).arrived
    assert proxy.came == []


def test_a_host_that_does_not_resolve_is_tried_again_but_not_taken():
    sender = HttpsPost(resolver=lambda *_: [])
    with pytest.raises(BadInputError, match="Cannot resolve"):
        sender.check("https://nowhere.example.org/")
    attempt = sender.send(letter("https://nowhere.example.org/"))
    assert (attempt.problem, attempt.final) == ("the host nowhere.example.org does not resolve", False)
    assert resolve("nowhere.invalid", 443) == []
    assert "127.0.0.1" in resolve("localhost", 443)


def silent(peer, stop):
    stop.wait(30)


def drop_by_drop(peer, stop):
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 1000:
        peer.sendall(bytes([byte]))
        if stop.wait(0.02):
            return


def heads_for_ever(peer, stop):
    while not stop.is_set():
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def reads_nothing(peer, stop):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    stop.wait(30)


@pytest.mark.parametrize("act", [silent, drop_by_drop, reads_nothing])
def test_a_receiver_cannot_hold_a_letter_longer_than_the_limit(act):
    with speaking(act) as port:
        began = time.monotonic()
        attempt = post(timeout_s=0.5).send(
            letter(at(port), "x" * 20_000_000 if act is reads_nothing else BODY)
        )
        took = time.monotonic() - began
    assert attempt.problem == "no answer in time"
    assert took < 5


def test_a_receiver_that_never_comes_to_the_point_is_cut_off():
    with speaking(heads_for_ever) as port:
        attempt = post(timeout_s=20).send(letter(at(port)))
    assert attempt.status is None
    assert attempt.problem


@pytest.mark.parametrize(
    "said",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000, b"\0" * 10],
)
def test_what_is_no_answer_is_a_problem_in_words(said):
    def act(peer, stop):
        peer.recv(65536)
        peer.sendall(said)

    with speaking(act) as port:
        attempt = post().send(letter(at(port)))
    assert attempt.status is None
    assert attempt.problem.startswith("no answer")


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 10\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Content-Length: 3\r\nContent-Type: x/y; charset=nonsense\r\n\r\n\xff\xfe\xfd",
    ],
)
def test_a_good_status_counts_though_the_rest_is_broken(rest):
    def act(peer, stop):
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\n" + rest)

    with speaking(act) as port:
        assert post().send(letter(at(port))).arrived


def test_of_a_large_answer_only_the_beginning_is_read():
    with receiving() as receiver:
        receiver.answers = [(200, {}, b"x" * 10 * MAX_ANSWER_BYTES)]
        attempt = post().send(letter(receiver.url))
    assert attempt.arrived
    assert attempt.text == "x" * MAX_TEXT_BYTES


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("40", (40, 40)), ("0", (0, 0)), ("", (0, 0)), ("soon", (0, 0)), ("-5", (0, 0)), ("9" * 40, (300, 1e9)),
     ("Wed, 21 Oct 2015 07:28:00 GMT", (0, 0)), ("Wed, 21 Oct 2099 07:28:00 GMT", (10**6, 10**10))],
)  # fmt: skip
def test_a_receiver_may_ask_for_time(said, seconds):
    with receiving() as receiver:
        receiver.answers = [(429, {"Retry-After": said}, b"")]
        attempt = post().send(letter(receiver.url))
    assert seconds[0] <= attempt.retry_after_s <= seconds[1]


def test_nothing_of_url_or_secret_comes_into_words_or_logs(caplog):
    caplog.set_level(logging.DEBUG)
    with receiving() as receiver:
        receiver.answers = [(500, {}, b"")]
        hidden = receiver.url + "/s3cret?token=t0ken"
        attempts = [post().send(letter(hidden)) for _ in range(2)]
    attempts += [post().send(letter(hidden)), HttpsPost().send(letter(hidden))]
    attempts.append(post().send(letter("https://nowhere.invalid/s3cret?token=t0ken")))
    for text in (*(each.in_words for each in attempts), caplog.text, repr(letter(hidden)), repr(attempts)):
        assert not re.search("s3cret|t0ken|geheim", text)
