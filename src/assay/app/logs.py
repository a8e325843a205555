"""The server's log: lines of text for people, or one JSON object a line for machines.

Whatever a line speaks of, it stays one line: what a client sent can begin none of its own.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from assay.core.errors import AssayError
from assay.core.request_ids import request_id
from assay.http.exchanges import Exchange

FORMATS: Final = ("text", "json")
LEVELS: Final = ("debug", "info", "warning", "error")
# Everything that a terminal or a reader of lines could take for an end of line or an order.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_STDERR: Final = 2


def write_logs(form: str, level: str) -> None:
    """Let everything that is logged in this process go to standard error.

    Args:
        form: one of ``FORMATS``.
        level: one of ``LEVELS``, the least that is written.
    """
    handler = Lines(sys.stderr.fileno() if hasattr(sys.stderr, "fileno") else _STDERR)
    handler.setFormatter(JsonForm() if form == "json" else TextForm())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def log_end(error: AssayError) -> None:
    """Log why a program ends, in one line with all reasons and the way on."""
    hint = f"; {error.hint}" if error.hint else ""
    logging.getLogger("assay.server").error("it ends: %s%s", error, hint)


class Lines(logging.Handler):
    """Writes each record by one call to the system, so that lines of several processes do not mix."""

    def __init__(self, descriptor: int) -> None:
        """Write to an open file."""
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; a log that nobody reads any more does not stop the server."""
        left = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            return


class TextForm(logging.Formatter):
    """``2026-11-28 09:30:00,123 assay.server what happened [request id]``; a traceback follows, set in."""

    def __init__(self) -> None:
        """Remember how the second under way is written: to write it costs as much as all the rest."""
        super().__init__()
        self._second = _Second("%Y-%m-%d %H:%M:%S", time.localtime)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        name = request_id()
        line = f"{self._second.of(record)},{int(record.msecs):03d} {record.name} "
        if record.levelno > logging.INFO:
            line += f"{record.levelname.lower()}: "
        line += escaped(record.getMessage()) + (f" [{name}]" if name else "")
        for each in _traceback(self, record).splitlines():
            line += f"\n    {escaped(each)}"
        return line


class JsonForm(logging.Formatter):
    """One object: ``at``, ``level``, ``logger``, ``message``, ``request_id``, and what a request was."""

    def __init__(self) -> None:
        """Remember how the second under way is written."""
        super().__init__()
        self._second = _Second("%Y-%m-%dT%H:%M:%S", time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Return the object in one line."""
        said: dict[str, Any] = {
            "at": f"{self._second.of(record)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
        }
        said["logger"] = record.name
        if isinstance(record.msg, Exchange):
            said |= {"message": "request", **record.msg.facts()}
        else:
            said["message"] = record.getMessage()
        if name := request_id():
            said["request_id"] = name
        if traceback := _traceback(self, record):
            said["error"] = traceback
        try:
            line = msgspec.json.encode(said).decode()
        except UnicodeEncodeError:  # half of a surrogate pair, out of a message
            plain = {key: escaped(str(value), lone=True) for key, value in said.items()}
            line = msgspec.json.encode(plain).decode()
        # JSON lets some stand as they are that end lines elsewhere; they can only be within a string.
        return line if line.isascii() else _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


class _Second:
    """How the second of a record is written; the last one is remembered."""

    def __init__(self, form: str, zone: Callable[[int], time.struct_time]) -> None:
        self._form = form
        self._zone = zone
        self._last = (0, "")

    def of(self, record: logging.LogRecord) -> str:
        whole = int(record.created)
        last = self._last
        if last[0] != whole:
            last = self._last = (whole, time.strftime(self._form, self._zone(whole)))
        return last[1]


def escaped(text: str, *, lone: bool = False) -> str:
    """Return ``text`` with every control character written out; with ``lone`` also half surrogate pairs."""
    text = _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return text.encode("utf-8", "backslashreplace").decode() if lone else text


def _traceback(form: logging.Formatter, record: logging.LogRecord) -> str:
    return form.formatException(record.exc_info) if record.exc_info else ""
