"""The passive half of the inert pickle machine: reading, stack, memo, plain values, containers."""

import re
import struct
from io import BytesIO
from typing import Any, Final

from assay.formats.feed import Feed
from assay.formats.pickle_notes import Notes
from assay.formats.pickle_values import LONG_BYTES, LONG_TEXT, NUMBER, Opaque, Table
from assay.formats.sample import Meter, UnparseableError

MAX_FRAME_BYTES: Final = 16 * 1024**2
MAX_TEXT_BYTES: Final = 1024
MAX_STACK: Final = 4_000_000
MAX_MARKS: Final = 200_000
# Problems at which this machine stops though a real one might go on: nobody knows what would follow.
AMBIGUOUS: Final = frozenset({"limit", "frame"})
_ESCAPE: Final = re.compile(rb"\\(?:\n|x[0-9a-fA-F]{2}|x|[0-7]{1,3}|[\\'\"abfnrtv])", re.DOTALL)
_LETTERS: Final = dict(zip(b"\\'\"abfnrtv", b"\\'\"\a\b\f\n\r\t\v", strict=True))


class PickleStack:
    """Everything an opcode can do without a name to import.

    Every method raises :class:`UnparseableError` where the real machine would fail or a limit is hit,
    and :class:`ValueError` for texts and numbers that do not decode.
    """

    def __init__(self, feed: Feed, meter: Meter, notes: Notes) -> None:
        """Start with nothing on the stack."""
        self._feed = feed
        self._meter = meter
        self._notes = notes
        self._frame: BytesIO | None = None
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    # reading

    def read(self, count: int) -> bytes:
        """Return ``count`` bytes of the frame, or of the stream when no frame is open."""
        if self._frame is not None:
            found = self._frame.read(count)
            if len(found) == count:
                return found
            if found:
                raise UnparseableError("an opcode reaches beyond its frame", "frame")
            self._frame = None
        return self._feed.read(count)

    def readline(self) -> bytes:
        """Return a line without its newline."""
        if self._frame is not None:
            found = self._frame.readline()
            if found:
                if not found.endswith(b"\n"):
                    raise UnparseableError("a line reaches beyond its frame", "frame")
                return found[:-1]
            self._frame = None
        return self._feed.readline()[:-1]

    def unsigned(self, size: int) -> int:
        """Return a little-endian number of ``size`` bytes."""
        return int.from_bytes(self.read(size), "little")

    def payload(self, length: int) -> bytes | None:
        """Return ``length`` bytes when they are few enough to be a name; else pass over them."""
        if length > MAX_TEXT_BYTES and self._frame is None:
            self._feed.skip(length)
            return None
        if length > MAX_FRAME_BYTES:
            raise UnparseableError("an opcode reaches beyond its frame", "frame")
        found = self.read(length)
        return None if length > MAX_TEXT_BYTES else found

    def open_frame(self) -> None:
        """FRAME: the next bytes belong together."""
        length = self.unsigned(8)
        if self._frame is not None and self._frame.read(1):
            raise UnparseableError("a frame begins inside another", "frame")
        if length > MAX_FRAME_BYTES:
            raise UnparseableError("a frame is too long", "limit")
        self._frame = BytesIO(self._feed.read(length))

    # stack and memo

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        if len(self._stack) >= MAX_STACK:
            raise UnparseableError("the stack grows too high", "limit")
        self._stack.append(value)

    def push_text(self, content: bytes | None, encoding: str, errors: str = "strict") -> None:
        """Put a text on the stack; its bytes are kept when they could be a name."""
        if content is None:
            self.push(LONG_TEXT)
        else:
            self._meter.keep(len(content) + 64)
            self.push(content.decode(encoding, errors))

    def push_bytes(self, content: bytes | None) -> None:
        """Put bytes on the stack."""
        if content is not None:
            self._meter.keep(len(content) + 64)
        self.push(LONG_BYTES if content is None else content)

    def pop(self) -> Any:
        """Take the topmost value."""
        if not self._stack:
            raise UnparseableError("takes a value from an empty stack")
        return self._stack.pop()

    def top(self) -> Any:
        """Look at the topmost value."""
        if not self._stack:
            raise UnparseableError("looks at an empty stack")
        return self._stack[-1]

    def mark(self) -> None:
        """MARK: begin a group."""
        if len(self._marks) >= MAX_MARKS:
            raise UnparseableError("groups nest too deeply", "limit")
        self._marks.append(self._stack)
        self._stack = []

    def pop_group(self) -> None:
        """POP_MARK."""
        self.pop_mark()

    def pop_mark(self) -> list[Any]:
        """Take the values since the last mark."""
        if not self._marks:
            raise UnparseableError("ends a group that was not begun")
        items, self._stack = self._stack, self._marks.pop()
        return items

    def drop(self) -> None:
        """POP."""
        if self._stack:
            self._stack.pop()
        else:
            self.pop_mark()

    def put(self, index: int) -> None:
        """Remember the topmost value."""
        if index < 0 or (len(self._memo) >= MAX_STACK and index not in self._memo):
            raise UnparseableError("remembers too many values", "limit")
        self._memo[index] = self.top()

    def memoize(self) -> None:
        """MEMOIZE."""
        self.put(len(self._memo))

    def get(self, index: int) -> None:
        """Put a remembered value on the stack."""
        if index not in self._memo:
            raise UnparseableError("asks for a value that was not remembered")
        self.push(self._memo[index])

    def line_index(self) -> int:
        """Return a decimal line as a number."""
        line = self.readline()
        if len(line) > 20:
            raise UnparseableError("a number is too long", "limit")
        return int(line)

    # numbers and texts in lines

    def line_int(self) -> None:
        """INT: also says true and false."""
        line = self.readline()
        if line in (b"00", b"01"):
            self.push(line == b"01")
        else:
            self.push_line_number(line)

    def line_long(self) -> None:
        """LONG."""
        line = self.readline()
        self.push_line_number(line[:-1] if line.endswith(b"L") else line)

    def push_line_number(self, line: bytes) -> None:
        """Put a number written in digits on the stack."""
        self.push(int(line, 0) if len(line) <= 20 else NUMBER)

    def line_float(self) -> None:
        """FLOAT."""
        line = self.readline()
        self.push(float(line) if len(line) <= 400 else NUMBER)

    def line_string(self) -> None:
        """STRING: quoted and escaped."""
        line = self.readline()
        if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b"'", b'"'):
            raise UnparseableError("a text has no quotes")
        content = _ESCAPE.sub(_unescape, line[1:-1])
        self.push_text(content if len(content) <= MAX_TEXT_BYTES else None, "latin-1")

    def line_unicode(self) -> None:
        """UNICODE."""
        line = self.readline()
        self.push_text(line if len(line) <= MAX_TEXT_BYTES else None, "raw-unicode-escape")

    def push_long(self, length: int) -> None:
        """LONG1, LONG4: little-endian, signed."""
        content = self.payload(length)
        self.push(NUMBER if content is None else int.from_bytes(content, "little", signed=True))

    def push_struct(self, form: str, size: int) -> None:
        """BININT, BINFLOAT."""
        self.push(struct.unpack(form, self.read(size))[0])

    def push_old_string(self, size: int, *, signed: bool) -> None:
        """BINSTRING, SHORT_BINSTRING: text of Python 2."""
        length = int.from_bytes(self.read(size), "little", signed=signed)
        if length < 0:
            raise UnparseableError("a length is negative")
        self.push_text(self.payload(length), "latin-1")

    # containers

    def push_dict(self) -> None:
        """DICT."""
        items = self.pop_mark()
        self.push(self._fill(Table(), items))

    def set_items(self) -> None:
        """SETITEMS."""
        items = self.pop_mark()
        self._set(self.top(), items)

    def set_item(self) -> None:
        """SETITEM."""
        value, key = self.pop(), self.pop()
        self._set(self.top(), [key, value])

    def _set(self, target: Any, items: list[Any]) -> None:
        self._notes.extend(target, ("dict",))
        if isinstance(target, Table):
            self._fill(target, items)

    def _fill(self, table: Table, items: list[Any]) -> Table:
        if len(items) % 2:
            raise UnparseableError("a dictionary has an odd number of parts")
        for key, value in zip(items[::2], items[1::2], strict=True):
            table.put(key, value)
        return table

    def append(self) -> None:
        """APPEND."""
        self.pop()
        self._notes.extend(self.top(), ("list",))

    def append_all(self) -> None:
        """APPENDS."""
        self.pop_mark()
        self._notes.extend(self.top(), ("list",))

    def add_all(self) -> None:
        """ADDITEMS."""
        self.pop_mark()
        self._notes.extend(self.top(), ("set",))

    def push_group(self, kind: str) -> None:
        """LIST, FROZENSET."""
        self.pop_mark()
        self.push(Opaque(kind))

    def push_tuple(self, count: int) -> None:
        """TUPLE1, TUPLE2, TUPLE3."""
        if len(self._stack) < count:
            raise UnparseableError("takes a value from an empty stack")
        self._stack[-count:] = [tuple(self._stack[-count:])]


def _unescape(match: re.Match[bytes]) -> bytes:
    """Undo one escape of Python 2's string literals; unknown ones stay as they are."""
    escape = match[0][1:]
    if escape == b"\n":
        return b""
    if escape[:1] == b"x":
        return bytes([int(escape[1:], 16)])
    if escape[:1].isdigit():
        return bytes([int(escape, 8) & 0xFF])
    return bytes([_LETTERS[escape[0]]])
