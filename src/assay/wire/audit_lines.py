"""An export of the audit log as JSON lines: a header, signed heads, events; written and read one by one.

Events are written in the very form that was hashed (``docs/reference/audit-log.md``), so that any program
can hash them again.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from assay.core.audit import AuditEvent
from assay.core.audit_files import Header, HeadLine
from assay.core.canonical import canonical_json
from assay.core.checkpoints import Head, LogKey, read_head, read_key
from assay.core.errors import BadInputError
from assay.wire.codec import convert_strict, decode_strict, encode

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
PIECE_BYTES: Final = 64 * 1024
# The field by which a line is recognised, wherever in it that stands; a line with neither is an event.
_HEADER: Final = "key"
_HEAD: Final = "head"


@dataclass(frozen=True, slots=True)
class Export:
    """An export that was opened.

    Attributes:
        key: the log's, as it says itself; None where the lines are events alone.
        heads: the signed ones.
        events: to be gone through once; raises BadInputError with the number of a line that is none.
    """

    key: LogKey | None
    heads: tuple[Head, ...]
    events: Iterator[AuditEvent]


def write_lines(parts: Iterable[Header | Head | AuditEvent]) -> Iterator[bytes]:
    """Yield the lines in pieces of some size."""
    piece = b""
    for part in parts:
        piece += _line(part) + b"\n"
        if len(piece) >= PIECE_BYTES:
            yield piece
            piece = b""
    if piece:
        yield piece


def _line(part: Header | Head | AuditEvent) -> bytes:
    if isinstance(part, AuditEvent):
        return canonical_json(part)
    return encode(HeadLine(part.note) if isinstance(part, Head) else part)


def split_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends out of pieces of any size.

    Raises:
        BadInputError: a line is too long to be one of an export.
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > MAX_LINE_BYTES:
            raise BadInputError.of("export", f"must have lines of at most {MAX_LINE_BYTES} bytes")
    if rest:
        yield rest


def read_export(lines: Iterable[bytes], name: str) -> Export:
    """Read header and heads; the events are read as they are asked for.

    Args:
        lines: of the export, or of events alone.
        name: of the file, for what is said about its lines.

    Raises:
        BadInputError: a line cannot be read; names it.
    """
    numbered = enumerate(lines, 1)
    key, heads, first = None, [], None
    for number, line in numbered:
        with _in_line(name, number):
            _check_once(line)
            raw = decode_strict(line, dict[str, Any])
            if number == 1 and _HEADER in raw:
                key = read_key(convert_strict(raw, Header).key)
            elif _HEAD in raw:
                heads.append(read_head(convert_strict(raw, HeadLine).head))
            else:
                first = convert_strict(raw, AuditEvent)
                break
    return Export(key, tuple(heads), _events(first, numbered, name))


def _events(
    first: AuditEvent | None, numbered: Iterator[tuple[int, bytes]], name: str
) -> Iterator[AuditEvent]:
    if first is not None:
        yield first
    for number, line in numbered:
        with _in_line(name, number):
            _check_once(line)
            event = decode_strict(line, AuditEvent)
        yield event


def _check_once(line: bytes) -> None:
    """Refuse a line that says a field twice (RFC 8259, section 4): readers differ in which of them they take.

    Only one of them was hashed, and somebody else may read the other.
    """

    def once(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            doubled = next(name for name in names if names.count(name) > 1)
            raise BadInputError.of(doubled[:100], "must be there once")

    try:
        json.loads(line, object_pairs_hook=once)
    except BadInputError:
        raise
    except (ValueError, RecursionError):
        return  # what it is instead is said by whoever reads it


class _in_line:  # noqa: N801 - reads as the word it is
    """Names the line in what goes wrong with it."""

    def __init__(self, name: str, number: int) -> None:
        self._where = f"{name}, line {number}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, BadInputError):
            raise BadInputError(f"{self._where}: {error.message}", error.reasons) from error
