"""Hostile files, written byte by byte. Nothing ever loads one; their payloads would do no harm anyway."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final

_GADGETS: Final = """
    os.system posix.system nt.system builtins.eval builtins.exec builtins.__import__ builtins.getattr
    pip.main pkgutil.resolve_name asyncio.unix_events._UnixSubprocessTransport timeit.timeit
    cProfile.run runpy.run_path idlelib.run.Executive code.interact torch.utils.collect_env.run
    numpy.f2py.crackfortran.getlincoef ensurepip._run_pip doctest.debug_script
    lib2to3.pgen2.grammar.Grammar torch._dynamo.guards.GuardBuilder trace.Trace bdb.Bdb ctypes.CDLL
    _pickle.loads cloudpickle.loads joblib.numpy_pickle.load joblib.memory.Memory
    importlib.import_module webbrowser.open urllib.request.urlopen shutil.rmtree operator.methodcaller
    functools.partial types.FunctionType marshal.loads logging.config._resolve subprocess.Popen
    sklearn.datasets.fetch_openml sklearn.utils.os numpy.load numpy.fromfile numpy.DataSource
    pandas.read_pickle my_own_module.Model __main__.Model
"""
GADGETS: Final = tuple(_GADGETS.split())


def text(word: str) -> bytes:
    """SHORT_BINUNICODE."""
    return b"\x8c" + bytes([len(word.encode())]) + word.encode()


def name(module: str, attribute: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(attribute) + b"\x93"


def call(gadget: str, argument: str = "x") -> bytes:
    """Opcodes that call a gadget with one text and leave the result on the stack."""
    module, _, attribute = gadget.rpartition(".")
    return name(module, attribute) + text(argument) + b"\x85R"


def whole(body: bytes, protocol: int = 4) -> bytes:
    """A whole stream."""
    return b"\x80" + bytes([protocol]) + body + b"."


SYSTEM: Final = whole(call("os.system", "true"))


def framed(body: bytes) -> bytes:
    """The same stream in a frame, as pickle protocol 4 writes it."""
    return b"\x80\x04\x95" + struct.pack("<Q", len(body) + 1) + body + b"."


def tricks() -> dict[str, bytes]:
    """Ways to say ``os.system`` so that a careless reader does not hear it."""
    memo = text("os") + b"\x94" + text("system") + b"\x940"
    benign = pickle.dumps({"weights": [1, 2, 3]})
    encoded = name("_codecs", "encode") + text("x") + text("rot13") + b"\x86R"
    return {
        "inst": b"(S'true'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nS'true'\no.",
        "protocol_0": b"cos\nsystem\n(S'true'\ntR.",
        "python_2_name": b"c__builtin__\neval\n(S'1'\ntR.",
        "popped": whole(call("os.system") + b"0N"),
        "names_from_memo": whole(b"(" + memo + b"1h\x00h\x01\x93" + text("true") + b"\x85R"),
        "escaped_names": b"S'\\x6fs'\nS'sys\\164em'\n\x93(S'true'\ntR.",
        "build_on_function": whole(name("os", "system") + b"}" + text("a") + b"K\x01sb"),
        "build_on_listed_class": whole(
            name("sklearn.pipeline", "Pipeline") + b"}" + text("fit") + b"K\x01sb"
        ),
        "class_swap": whole(
            name("sklearn.pipeline", "Pipeline") + b")\x81N}" + text("__class__") + b"K\x01s\x86b"
        ),
        "extension": whole(b"\x82\x01"),
        "nested": whole(name("_pickle", "loads") + b"C" + bytes([len(SYSTEM)]) + SYSTEM + b"\x85R"),
        "second_stream": benign + SYSTEM,
        "cut_after_call": whole(call("os.system"))[:-1],
        "dotted": whole(call("sklearn.utils.os.system")),
        "dotted_attribute": whole(name("sklearn.utils", "os.system") + text("x") + b"\x85R"),
        "codec": whole(encoded),
        "computed_call": whole(name("sklearn.pipeline", "Pipeline") + b")R" + b")R"),
        "reconstructor": whole(name("copyreg", "_reconstructor") + name("os", "system") + b"NN\x87R"),
        "starts_with_none": b"N0" + SYSTEM[2:],
        "starts_with_list": b"]0" + SYSTEM[2:],
        "starts_with_dict": b"}0" + SYSTEM[2:],
        "starts_with_number": b"K\x010" + SYSTEM[2:],
        "starts_with_text": b"S'hello'\n0" + SYSTEM[2:],
        "text_only": b"S'hello'\n0cos\nsystem\n(S'true'\ntR.",
        "long_text_only": b"S'" + b"a" * (3 << 20) + b"'\n0cos\nsystem\n(S'true'\ntR.",
        "framed": framed(call("os.system")),
        "wrapper_hides_call": _hidden_behind_array(),
    }


def _hidden_behind_array() -> bytes:
    """An array that claims more bytes than NumPy will read: the rest would be opcodes to the real reader."""
    dtype = name("numpy", "dtype") + text("f8") + b"\x89\x88\x87R"
    dtype += b"(K\x03" + text("<") + b"NNNK\x40K\x40K\x00tb"
    pairs = {
        "subclass": name("numpy", "ndarray"),
        "shape": b"K\x01\x85",
        "order": text("C"),
        "dtype": dtype,
        "allow_mmap": b"\x89",
        "numpy_array_alignment_bytes": b"N",
    }
    state = b"}(" + b"".join(text(key) + value for key, value in pairs.items()) + b"u"
    wrapper = name("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b"
    hidden = bytes(8) + b"0" + call("os.system")
    return b"\x80\x04" + wrapper + hidden + bytes(64 - len(hidden)) + b"."


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for each, content in members.items():
            archive.writestr(each, content)
    return target.getvalue()


def bomb(size: int) -> bytes:
    """zlib data that unpack to ``size`` zero bytes."""
    machine = zlib.compressobj(9)
    chunk = bytes(1 << 20)
    return b"".join(machine.compress(chunk) for _ in range(size >> 20)) + machine.flush()


def varint(number: int) -> bytes:
    """Protocol Buffers' variable-length number."""
    found = b""
    while number > 0x7F:
        found, number = found + bytes([number & 0x7F | 0x80]), number >> 7
    return found + bytes([number])


def field(number: int, content: bytes | int) -> bytes:
    """One field of a Protocol Buffers message."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content
