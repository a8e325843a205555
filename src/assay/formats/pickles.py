"""Pickle and joblib, compressed or not: always code; read by the inert machine for what they name.

Pickle has no signature before protocol 2, so the machine is run at the first byte of every file: a file
that would call or import something when unpickled is a pickle, whatever else it also is.
"""

from typing import Final

from assay.formats.compression import Inflated, compression_of
from assay.formats.feed import Feed, feed_of
from assay.formats.pickle_machine import PickleMachine
from assay.formats.pickle_notes import ALLOW_LISTED, FOREIGN, Notes
from assay.formats.pickle_stack import AMBIGUOUS
from assay.formats.sample import CODE, Concern, Meter, Recognition, Sample, UnparseableError

MAX_LAYERS: Final = 4
MAX_STREAMS: Final = 1000
TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TORCH_STREAMS: Final = 5
# What strangers' bytes make the standard library say, besides our own error (a ValueError too).
BROKEN: Final = (ValueError, OverflowError, RecursionError)


def look(sample: Sample) -> Recognition | None:
    """Recognise a pickle."""
    try:
        feed, layers, head = _open(sample)
    except UnparseableError:
        # A broken compression: its own format says so.
        return None
    notes, torch = read_streams(feed, sample.meter)
    if not _has_signature(head) and not _behaves_like_pickle(notes):
        return None
    name = "torch-legacy" if torch else "joblib" if notes.wrapped_arrays else "pickle"
    if layers and (torch or len(layers) > 1):
        # Nothing opens these as what they hold.
        name = "pickle"
    return describe(name, notes, layers)


def _behaves_like_pickle(notes: Notes) -> bool:
    if notes.problem is None or notes.telling:
        return True
    return notes.problem.rule in AMBIGUOUS


def describe(name: str, notes: Notes, layers: tuple[str, ...] = ()) -> Recognition:
    """Say what was found in a pickle, whatever carries it."""
    packed = f", {' in '.join(layers)}" if layers else ""
    is_pickle = "" if name == "pickle" else " is pickle:"
    names = tuple(f"{module}.{each}" for module, each in notes.globals)
    concerns = (*notes.concerns(), Concern("verdict", "info", f"pickle verdict: {notes.verdict}"))
    words = {
        ALLOW_LISTED: "every name it imports is on the reviewed list",
        FOREIGN: "it imports or does what no reviewed model does",
    }.get(notes.verdict, "it cannot be read to its end")
    detail = f"{name}{is_pickle} executes code on load{packed}; {words}"
    return Recognition(name, CODE, detail, concerns, names)


def read_streams(feed: Feed, meter: Meter, *, persistent: bool = False) -> tuple[Notes, bool]:
    """Run every stream of a file.

    Args:
        feed: the file.
        meter: the work that is left.
        persistent: the loader resolves persistent values, as PyTorch's does.

    Returns:
        What was seen, with ``problem`` set unless all of it was read; and whether it is PyTorch's
        legacy format, whose tensors follow the fifth stream as raw bytes.
    """
    notes, torch = Notes(), False
    try:
        while not (torch and notes.streams == _TORCH_STREAMS):
            machine = PickleMachine(feed, meter, notes, persistent=persistent or torch)
            machine.run()
            notes.streams += 1
            torch = torch or (notes.streams == 1 and machine.value == TORCH_MAGIC)
            if notes.streams > MAX_STREAMS:
                raise UnparseableError("too many streams", "limit")
            if feed.at_end():
                break
    except UnparseableError as error:
        notes.problem = error
    except BROKEN as error:
        notes.problem = UnparseableError(f"a value does not decode: {error}"[:200])
    return notes, torch


def _open(sample: Sample) -> tuple[Feed, tuple[str, ...], bytes]:
    """Undo compression, up to a depth; also return the first bytes of what is inside."""
    name = compression_of(sample.head)
    if not name:
        return feed_of(sample), (), sample.head
    sample.source.seek(0)
    layers = [name]
    inflated = Inflated(name, sample.source, sample.meter)
    while len(layers) < MAX_LAYERS:
        peeked = _Peeked(inflated)
        name = compression_of(peeked.head)
        if not name:
            return Feed(peeked), tuple(layers), peeked.head
        layers.append(name)
        inflated = Inflated(name, peeked, sample.meter)
    raise UnparseableError("compressed too many times", "limit")


class _Peeked:
    """A stream whose first bytes were looked at."""

    def __init__(self, source: Inflated) -> None:
        self._source = source
        head = b""
        while len(head) < 16 and (more := source.read(16 - len(head))):
            head += more
        self.head = self._pending = head

    def read(self, size: int = -1, /) -> bytes:
        if self._pending:
            size = len(self._pending) if size < 0 else size
            found, self._pending = self._pending[:size], self._pending[size:]
            return found
        return self._source.read(size)


def _has_signature(head: bytes) -> bool:
    return len(head) >= 2 and head[0] == 0x80 and head[1] <= 5
