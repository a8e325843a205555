"""The log: one line for one event, whoever wrote what into it."""

import json
import logging
import os

import pytest

from assay.app.logs import JsonForm, Lines, TextForm, escaped, write_logs
from assay.core.request_ids import begin_request
from assay.http.exchanges import Exchange

HOSTILE = "a\nb\r\n2026 assay.server forged\x1b[2J\x00\u2028\x85end"


def record(message, *arguments, level=logging.INFO, error=None):
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("assay.test", level, "", 0, message, arguments, info)


def failed(words):
    try:
        raise RuntimeError(words)
    except RuntimeError as error:
        return error


@pytest.fixture
def within_a_request():
    begin_request("r-1")
    yield
    begin_request("")


@pytest.mark.parametrize("form", [TextForm(), JsonForm()])
def test_what_a_client_sent_never_begins_a_line_or_orders_a_terminal(form):
    line = form.format(record("asked for %s", HOSTILE))
    assert len(line.splitlines()) == 1
    assert line.isprintable()


def test_a_path_with_control_characters_stays_in_its_line():
    exchange = Exchange("id", "GET", HOSTILE, status=404)
    assert len(TextForm().format(record(exchange)).splitlines()) == 1
    assert json.loads(JsonForm().format(record(exchange)))["path"] == HOSTILE


def test_a_traceback_is_set_in_so_that_no_line_of_it_passes_for_another_event():
    lines = TextForm().format(record("it failed", level=logging.ERROR, error=failed(HOSTILE))).splitlines()
    assert " assay.test error: it failed" in lines[0]
    assert all(line.startswith("    ") for line in lines[1:])
    assert any("RuntimeError" in line for line in lines)


def test_json_lines_say_what_the_request_was(within_a_request):
    exchange = Exchange("r-1", "GET", "/x", "native", "/{x}", "ada", 200, 3, 4, 0.0123)
    said = json.loads(JsonForm().format(record(exchange)))
    assert said.pop("at").endswith("Z")
    assert said == {
        "level": "info",
        "logger": "assay.test",
        "message": "request",
        "method": "GET",
        "route": "/{x}",
        "path": "/x",
        "status": 200,
        "duration_ms": 12.3,
        "bytes_in": 3,
        "bytes_out": 4,
        "principal": "ada",
        "door": "native",
        "request_id": "r-1",
    }


def test_both_forms_name_the_request_under_way_and_none_outside(within_a_request):
    assert TextForm().format(record("x")).endswith("x [r-1]")
    assert json.loads(JsonForm().format(record("x")))["request_id"] == "r-1"
    begin_request("")
    assert TextForm().format(record("x")).endswith(" x")
    assert "request_id" not in json.loads(JsonForm().format(record("x")))


@pytest.mark.parametrize("form", [TextForm(), JsonForm()])
def test_half_of_a_surrogate_pair_can_be_logged(form, tmp_path):
    with (tmp_path / "log").open("wb") as file:
        handler = Lines(file.fileno())
        handler.setFormatter(form)
        handler.emit(record("a \ud800 b"))
    assert b"ud800" in (tmp_path / "log").read_bytes()


def test_a_log_that_nobody_reads_any_more_stops_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        handler = Lines(writing)
        handler.setFormatter(TextForm())
        handler.emit(record("unheard"))
    finally:
        os.close(writing)


def test_less_than_the_level_is_not_written(capfd):
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        write_logs("json", "warning")
        logging.getLogger("assay.test").info("too little")
        logging.getLogger("assay.test").warning("enough")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    lines = capfd.readouterr().err.splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["enough"]


def test_plain_text_is_left_as_it_is():
    assert escaped("Zoë 模型 {x}") == "Zoë 模型 {x}"
