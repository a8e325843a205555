"""``assay principal password``: where the password comes from, and that it is never shown."""

import getpass
import io
import json

import pytest

from assay.app import Settings, open_registry
from assay.core.errors import DeniedError, Reason
from assay.wire.requests import NewPrincipal
from assay.wire.views import ErrorDocument

GOOD, BETTER = "correct horse battery", "staple of another colour"
PATH = "/principals/ann/password"


class Terminal(io.StringIO):
    """Standard input of somebody who sits there."""

    def isatty(self):
        return True


@pytest.fixture
def typed(monkeypatch):
    """Let somebody type these lines; tell at which questions they did."""

    def type_in(*lines):
        left, asked = list(lines), []

        def answer(prompt):
            asked.append(prompt)
            return left.pop(0)

        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr(getpass, "getpass", answer)
        return asked

    return type_in


@pytest.fixture
def piped(monkeypatch):
    """Let a program write these lines."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def sent(server):
    return [
        json.loads(body) for method, path, body in server.asked if method == "PUT" and path.endswith(PATH)
    ]


def test_a_program_gives_the_password_on_one_line(stocked, assay, piped):
    for text in (GOOD, f"{GOOD}\n", f"{GOOD}\r\nmore\n"):
        piped(text)
        done = assay("principal", "password", "ann")
        assert done.code == 0, done.err
        assert sent(stocked)[-1] == {"password": GOOD, "current": ""}
        assert GOOD not in done.out + done.err
    assert len(sent(stocked)) == 3


def test_a_person_is_asked_twice(stocked, assay, typed):
    asked = typed(GOOD, GOOD)
    done = assay("principal", "password", "ann", "--json")
    assert (done.code, done.json) == (0, {"password": "ann"})
    assert len(asked) == 2
    assert sent(stocked) == [{"password": GOOD, "current": ""}]


def test_two_that_differ_and_none_at_all_change_nothing(stocked, assay, typed, piped):
    typed(GOOD, BETTER)
    assert assay("principal", "password", "ann").code == 2
    piped("")
    assert assay("principal", "password", "ann").code == 2
    assert sent(stocked) == []


def test_a_password_is_no_argument(stocked, assay, piped):
    piped(f"{GOOD}\n")
    assert assay("principal", "password", "ann", GOOD).code == 2
    assert assay("principal", "password", "ann", "--password", GOOD).code == 2
    assert sent(stocked) == []


def test_the_one_so_far_is_asked_for_where_it_is_wanted(stocked, server, assay, typed, piped):
    reason = Reason("current_password", "must be the password so far")
    server.put(
        "PUT", PATH, ErrorDocument("bad_input", "Current password is required.", (reason,)), status=400
    )
    asked = typed(BETTER, BETTER, GOOD)
    assay("principal", "password", "ann")
    assert len(asked) == 3
    piped(f"{BETTER}\n{GOOD}\n")
    assay("principal", "password", "ann")
    assert sent(stocked)[-3:] == [
        {"password": BETTER, "current": GOOD},
        {"password": BETTER, "current": ""},
        {"password": BETTER, "current": GOOD},
    ]


def test_the_operator_sets_one_without_a_server(assay, piped, tmp_path):
    with open_registry(Settings(data=tmp_path)) as use:
        use.access.create_principal(use.access.local(), NewPrincipal("ann"))
    piped(f"{GOOD}\n")
    done = assay("principal", "password", "ann", "--data", tmp_path)
    assert done.code == 0, done.err
    with open_registry(Settings(data=tmp_path)) as use:
        assert use.access.authenticate_basic("ann", GOOD).name == "ann"
        with pytest.raises(DeniedError):
            use.access.authenticate_basic("ann", BETTER)
    piped("short\n")
    assert assay("principal", "password", "ann", "--data", tmp_path).code == 2
