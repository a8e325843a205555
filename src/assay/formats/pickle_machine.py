"""An interpreter of pickle that never imports and never calls.

It follows the real machine (``pickle._Unpickler`` of Python 3.11, which joblib derives from) opcode by
opcode, frames included, so that it reads the same bytes as the same opcodes; where the real one would
import, call or change an object it records. Whatever the real one would stumble over makes the file
unparseable here.
"""

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from pickle import HIGHEST_PROTOCOL
from typing import Any, Final

from assay.formats.feed import Feed
from assay.formats.pickle_arrays import WRAPPER, read_array_plan
from assay.formats.pickle_notes import Notes
from assay.formats.pickle_stack import MAX_TEXT_BYTES, PickleStack
from assay.formats.pickle_values import PERSISTENT, Made, Opaque, Table
from assay.formats.sample import Meter, UnparseableError


class PickleMachine(PickleStack):
    """Runs one stream, from its first opcode to STOP."""

    def __init__(
        self, feed: Feed, meter: Meter, notes: Notes, *, arrays: bool = True, persistent: bool = False
    ) -> None:
        """Prepare.

        Args:
            feed: the bytes; stands after STOP when :meth:`run` returns.
            meter: opcodes that are left.
            notes: where names and calls are recorded.
            arrays: raw arrays follow NumpyArrayWrapper, as joblib writes them.
            persistent: the loader resolves persistent values, as PyTorch's does; others stop at one.
        """
        super().__init__(feed, meter, notes)
        self._arrays = arrays
        self._persistent = persistent
        self._protocol = 0
        self.value: Any = None

    def run(self) -> None:
        """Execute up to and with STOP; what it leaves is in ``value``.

        Raises:
            UnparseableError: the stream is malformed, ends early, or breaks a limit.
        """
        handlers = _HANDLERS
        while True:
            opcode = self.read(1)[0]
            self._meter.opcodes -= 1
            if self._meter.opcodes < 0:
                raise UnparseableError("too many opcodes", "limit")
            if opcode == _STOP:
                self.value = self.pop()
                return
            handler = handlers.get(opcode)
            if handler is None:
                raise UnparseableError(f"0x{opcode:02x} is no opcode of pickle")
            handler(self)

    def protocol(self) -> None:
        """PROTO."""
        self._protocol = self.read(1)[0]
        if self._protocol > HIGHEST_PROTOCOL:
            raise UnparseableError(f"pickle protocol {self._protocol} is not known")

    def push_global(self, module: Any, name: Any) -> None:
        """Record a name."""
        if type(module) is not str or type(name) is not str:
            raise UnparseableError("a name to import is no text")
        if self._protocol < 3:
            # What the real machine does for files of Python 2.
            if (module, name) in NAME_MAPPING:
                module, name = NAME_MAPPING[module, name]
            elif module in IMPORT_MAPPING:
                module = IMPORT_MAPPING[module]
        self.push(self._notes.name(module, name))

    def line_global(self) -> None:
        """GLOBAL."""
        module, name = self.readline(), self.readline()
        self.push_global(module[:MAX_TEXT_BYTES].decode(), name[:MAX_TEXT_BYTES].decode())

    def stack_global(self) -> None:
        """STACK_GLOBAL."""
        name, module = self.pop(), self.pop()
        self.push_global(module, name)

    def extension(self, size: int) -> None:
        """EXT1, EXT2, EXT4: a name from a table of the process, which nobody can know."""
        self.push(self._notes.name("copyreg", f"extension.{self.unsigned(size)}"))

    def persistent_id(self, take: Callable[[], Any]) -> None:
        """PERSID, BINPERSID: torch names its tensors so."""
        if not self._persistent:
            raise UnparseableError("a persistent value has no loader")
        take()
        self.push(PERSISTENT)

    def call(self, args: Any) -> None:
        """REDUCE, NEWOBJ: call what is on top."""
        callee = self.pop()
        if self._is_wrapper(callee):
            raise UnparseableError("an array is wrapped in a way joblib never writes")
        self.push(self._notes.call(callee, args))

    def new_object(self) -> None:
        """NEWOBJ."""
        args, callee = self.pop(), self.pop()
        if self._is_wrapper(callee) and args != ():
            raise UnparseableError("an array is wrapped in a way joblib never writes")
        self.push(self._notes.call(callee, args))

    def new_object_ex(self) -> None:
        """NEWOBJ_EX."""
        keywords, args = self.pop(), self.pop()
        if not isinstance(keywords, Table) or keywords.keys() or not keywords.whole:
            self._notes.odd("arguments", "calls with keywords")
        self.call(args)

    def old_object(self, callee: Any, args: list[Any]) -> None:
        """OBJ, INST."""
        self.push(callee)
        self.call(tuple(args))

    def obj(self) -> None:
        """OBJ."""
        args = self.pop_mark()
        if not args:
            raise UnparseableError("takes a value from an empty stack")
        self.old_object(args[0], args[1:])

    def inst(self) -> None:
        """INST."""
        self.line_global()
        callee = self.pop()
        self.old_object(callee, self.pop_mark())

    def build(self) -> None:
        """BUILD; behind joblib's wrapper the array itself follows."""
        state = self.pop()
        target = self.top()
        self._notes.build(target, state)
        if isinstance(target, Made) and target.is_a(*WRAPPER):
            if not self._arrays:
                raise UnparseableError("a joblib array lies where joblib reads none")
            self._notes.wrapped_arrays += 1
            self._pass_array(target)
            self._stack[-1] = Opaque("array")

    def _is_wrapper(self, value: Any) -> bool:
        return getattr(value, "pair", None) == WRAPPER

    def _pass_array(self, wrapper: Made) -> None:
        plan = read_array_plan(wrapper)
        if plan.pickled:
            # joblib reads it with a plain unpickler, for which no raw arrays follow.
            PickleMachine(self._feed, self._meter, self._notes, arrays=False).run()
            return
        if plan.pad_limit_bytes:
            length = self._feed.read(1)[0]
            if length > plan.pad_limit_bytes or self._feed.read(length).strip(b"\xff"):
                raise UnparseableError("an array has a malformed pad")
        self._feed.skip(plan.size_bytes)


Handler = Callable[[PickleMachine], None]
_STOP: Final = ord(".")


def _pushes(value: Any) -> Handler:
    return lambda machine: machine.push(value)


_HANDLERS: Final[dict[int, Handler]] = {
    0x80: PickleMachine.protocol,
    0x95: PickleMachine.open_frame,
    ord("("): PickleMachine.mark,
    ord("0"): PickleMachine.drop,
    ord("1"): PickleMachine.pop_group,
    ord("2"): lambda m: m.push(m.top()),
    ord("p"): lambda m: m.put(m.line_index()),
    ord("q"): lambda m: m.put(m.unsigned(1)),
    ord("r"): lambda m: m.put(m.unsigned(4)),
    0x94: PickleMachine.memoize,
    ord("g"): lambda m: m.get(m.line_index()),
    ord("h"): lambda m: m.get(m.unsigned(1)),
    ord("j"): lambda m: m.get(m.unsigned(4)),
    ord("N"): _pushes(None),
    0x88: _pushes(True),
    0x89: _pushes(False),
    ord("I"): PickleMachine.line_int,
    ord("L"): PickleMachine.line_long,
    ord("F"): PickleMachine.line_float,
    ord("J"): lambda m: m.push_struct("<i", 4),
    ord("K"): lambda m: m.push(m.unsigned(1)),
    ord("M"): lambda m: m.push(m.unsigned(2)),
    ord("G"): lambda m: m.push_struct(">d", 8),
    0x8A: lambda m: m.push_long(m.unsigned(1)),
    0x8B: lambda m: m.push_long(_positive(m.read(4))),
    ord("S"): PickleMachine.line_string,
    ord("V"): PickleMachine.line_unicode,
    ord("T"): lambda m: m.push_old_string(4, signed=True),
    ord("U"): lambda m: m.push_old_string(1, signed=False),
    ord("X"): lambda m: m.push_text(m.payload(m.unsigned(4)), "utf-8", "surrogatepass"),
    0x8C: lambda m: m.push_text(m.payload(m.unsigned(1)), "utf-8", "surrogatepass"),
    0x8D: lambda m: m.push_text(m.payload(m.unsigned(8)), "utf-8", "surrogatepass"),
    ord("B"): lambda m: m.push_bytes(m.payload(m.unsigned(4))),
    ord("C"): lambda m: m.push_bytes(m.payload(m.unsigned(1))),
    0x8E: lambda m: m.push_bytes(m.payload(m.unsigned(8))),
    0x96: lambda m: m.push_bytes(m.payload(m.unsigned(8))),
    ord("]"): lambda m: m.push(Opaque("list")),
    ord("}"): lambda m: m.push(Table()),
    ord(")"): _pushes(()),
    0x8F: lambda m: m.push(Opaque("set")),
    ord("l"): lambda m: m.push_group("list"),
    0x91: lambda m: m.push_group("frozenset"),
    ord("d"): PickleMachine.push_dict,
    ord("t"): lambda m: m.push(tuple(m.pop_mark())),
    0x85: lambda m: m.push_tuple(1),
    0x86: lambda m: m.push_tuple(2),
    0x87: lambda m: m.push_tuple(3),
    ord("a"): PickleMachine.append,
    ord("e"): PickleMachine.append_all,
    0x90: PickleMachine.add_all,
    ord("s"): PickleMachine.set_item,
    ord("u"): PickleMachine.set_items,
    ord("c"): PickleMachine.line_global,
    0x93: PickleMachine.stack_global,
    0x82: lambda m: m.extension(1),
    0x83: lambda m: m.extension(2),
    0x84: lambda m: m.extension(4),
    ord("P"): lambda m: m.persistent_id(m.readline),
    ord("Q"): lambda m: m.persistent_id(m.pop),
    ord("R"): lambda m: m.call(m.pop()),
    0x81: PickleMachine.new_object,
    0x92: PickleMachine.new_object_ex,
    ord("o"): PickleMachine.obj,
    ord("i"): PickleMachine.inst,
    ord("b"): PickleMachine.build,
}


def _positive(content: bytes) -> int:
    length = int.from_bytes(content, "little", signed=True)
    if length < 0:
        raise UnparseableError("a length is negative")
    return length
