"""Values that no field wants, put into each place of a good request; a database in which nothing lasts."""

import json
from contextlib import contextmanager

from sqlalchemy import text

# Raw JSON, given in place of what a field should hold.
VALUES = (
    "null",
    "true",
    "0",
    "-1",
    "-5",
    "1.5",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "1" + "0" * 400,
    "9" * 5000,
    "1e308",
    "1e400",
    "NaN",
    "-Infinity",
    '""',
    '" "',
    '"x"',
    '"2"',
    '"\\ud800"',
    '"a\\u0000b"',
    f'"{"9" * 30}"',
    f'"{"9" * 5000}"',
    '"\u00b2"',
    '"\uff11"',
    '"\\u202e\\uffff"',
    '"{"',
    '"null"',
    '"[[1]]"',
    '"{\\"a\\": 1' + "0" * 400 + '}"',
    f'"{"y" * 3000}"',
    "[]",
    "[null]",
    "[1]",
    "[[]]",
    '["x"]',
    '["x", "x", "\\ud800"]',
    "[{}]",
    '[{"key": "k", "value": "v"}, {"key": "k"}]',
    '[{"key": 5, "value": []}]',
    "{}",
    '{"": null}',
    '{"key": {"a": [1, NaN]}}',
    '{"\\ud800": "x"}',
    '{"a": "x", "b": 1}',
    "[" * 70 + "]" * 70,
    '{"a":' * 70 + "1" + "}" * 70,
    "[" * 5000 + "]" * 5000,
)
# What a field of a query or a part of a path is given.
WORDS = (
    "",
    " ",
    "x",
    "0",
    "-1",
    "-5",
    "1.5",
    "1e400",
    "NaN",
    "null",
    "true",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "9" * 30,
    "9" * 5000,
    "\u00b2",
    "\uff11",
    "a\0b",
    "\ud800",
    "\u202e\uffff",
    "[]",
    "{}",
    "[" * 5000,
    "..",
    "a/../b",
    "%00",
    "y" * 3000,
    "'; DROP TABLE runs; --",
)
INSIDE = "(the JSON in this text)"


def places(value, place=()):
    """Yield the place of the value and of all in it."""
    yield place
    if isinstance(value, dict):
        for key, each in value.items():
            yield from places(each, (*place, key))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from places(each, (*place, at))
    elif isinstance(value, str) and value[:2] in ('{"', "[{", "[1"):
        yield from places(json.loads(value), (*place, INSIDE))


def with_value(good, place, raw):
    """Return the good value as JSON with ``raw`` in one place; a key that is not there is added."""
    if not place:
        return raw
    head, rest = place[0], place[1:]
    if head == INSIDE:
        return json.dumps(with_value(json.loads(good), rest, raw))
    if isinstance(good, list):
        items = [
            with_value(each, rest, raw) if at == head else json.dumps(each) for at, each in enumerate(good)
        ]
        return f"[{', '.join(items)}]"
    members = good if head in good else {**good, head: None}
    said = (
        f"{json.dumps(key)}: {with_value(each, rest, raw) if key == head else json.dumps(each)}"
        for key, each in members.items()
    )
    return f"{{{', '.join(said)}}}"


class Fleeting:
    """A database whose writes are seen by every read until the attempt ends, and are gone then."""

    def __init__(self, database):
        self._database = database
        self._records = None
        self.embedded = database.embedded

    @contextmanager
    def view(self):
        """See :class:`assay.core.ports.Database`."""
        yield

    @contextmanager
    def attempt(self):
        """Let everything in this block happen, and then not have happened."""
        try:
            with self._database.write() as self._records:
                yield
                raise _Undone
        except _Undone:
            pass

    @contextmanager
    def read(self):
        """See :class:`assay.core.ports.Database`."""
        yield self._records

    @contextmanager
    def write(self):
        """See :class:`assay.core.ports.Database`."""
        connection = self._records.models._connection
        connection.execute(text("SAVEPOINT one_write"))
        try:
            yield self._records
        except BaseException:
            connection.execute(text("ROLLBACK TO one_write"))
            raise
        connection.execute(text("RELEASE one_write"))


class _Undone(Exception):  # noqa: N818 - nothing is wrong
    pass


def shown(request):
    """Return a request as a message tells it."""
    return request.method, request.path[:300], str(request.query)[:300], request.body[:1500]
