"""No gadget and no opcode trick passes as reviewed, and none passes as data, whatever it is packed in."""

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib

import pytest

from assay.formats import Budget, recognise
from assay.formats.sample import REGISTERING, SCANNING
from formats.hostile import GADGETS, SYSTEM, bomb, call, framed, name, text, tricks, whole, zipped

TRICKS = tricks()


def verdict(found) -> str:
    return next(each.detail for each in found.concerns if each.rule == "verdict").removeprefix(
        "pickle verdict: "
    )


@pytest.mark.parametrize("gadget", GADGETS)
@pytest.mark.parametrize("build", [whole, framed])
def test_every_gadget_is_a_foreign_name(look, gadget, build):
    found = look(build(call(gadget)))
    assert (found.format, found.risk, verdict(found)) == ("pickle", "code", "foreign_globals")
    assert gadget in found.globals
    assert any(each.severity in ("high", "critical") for each in found.concerns)


@pytest.mark.parametrize(
    "gadget", ["os.system", "posix.system", "builtins.eval", "subprocess.Popen", "pip.main"]
)
def test_a_known_weapon_is_critical(look, gadget):
    assert any(each.severity == "critical" for each in look(whole(call(gadget))).concerns)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_passes(look, trick):
    found = look(TRICKS[trick], "notes.txt")
    assert found.risk == "code"
    assert found.format in ("pickle", "joblib")
    assert verdict(found) != "allow_listed"
    assert any(each.severity in ("high", "critical") for each in found.concerns)


@pytest.mark.parametrize(
    "path", ["a.bin", "a.pt", "a.dat", "a.txt", "a.npy", "a.safetensors", "README.md", "a.onnx"]
)
def test_a_wrong_name_hides_nothing(look, path):
    assert look(SYSTEM, path) == look(SYSTEM, "model.pkl")


PACKINGS = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
    "zlib in zlib": lambda content: zlib.compress(zlib.compress(content)),
    "gzip of zlib": lambda content: gzip.compress(zlib.compress(content)),
    "four times": lambda content: gzip.compress(gzip.compress(gzip.compress(gzip.compress(content)))),
    "cut": lambda content: zlib.compress(content)[:-3],
    "followed": lambda content: gzip.compress(b"hello") + gzip.compress(content),
    "stored in zip": lambda content: zipped({"a.txt": content}),
    "deflated in zip": lambda content: zipped({"a.txt": content}, zipfile.ZIP_DEFLATED),
    "bzip2 in zip": lambda content: zipped({"a.txt": content}, zipfile.ZIP_BZIP2),
    "lzma in zip": lambda content: zipped({"a.txt": content}, zipfile.ZIP_LZMA),
    "zip in zip": lambda content: zipped({"b.txt": zipped({"a.txt": content})}),
    "behind junk": lambda content: b"hello\n" + zipped({"data.pkl": content}),
    "before junk": lambda content: zipped({"data.pkl": content}) + b"hello\n",
    "lz4": lambda content: b"\x04\x22\x4d\x18" + content,
    "zstd": lambda content: b"\x28\xb5\x2f\xfd" + content,
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("trick", ["protocol_0", "framed"])
def test_packing_hides_nothing(look, packing, trick):
    found = look(PACKINGS[packing](TRICKS[trick]), "table.csv")
    assert found.risk in ("code", "unclassified")
    assert any(each.severity in ("high", "critical") for each in found.concerns)


def test_whatever_is_cut_off_a_pickle_it_never_passes(look, joblib_file):
    content = joblib_file("logistic")
    for length in range(2, len(content), 7):
        found = look(content[:length])
        assert (found.risk, verdict(found)) == ("code", "unparseable")


def test_bytes_behind_a_pickle_are_read_too(look):
    benign = pickle.dumps([1, 2])
    assert verdict(look(benign)) == "allow_listed"
    assert verdict(look(benign + b"\0")) == "unparseable"
    assert verdict(look(benign + benign)) == "allow_listed"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (name("_codecs", "encode") + text("x") + text("latin1") + b"\x86R", "allow_listed"),
        (name("_codecs", "encode") + text("x") + text("zlib") + b"\x86R", "foreign_globals"),
        (name("numpy", "log1p"), "allow_listed"),
        (name("numpy", "log1p") + b")R", "foreign_globals"),
        (
            name("numpy._core.multiarray", "_reconstruct") + name("os", "system") + b"NN\x87R",
            "foreign_globals",
        ),
        (name("numpy", "memmap") + text("file") + b"\x85R", "foreign_globals"),
        (name("sklearn._loss._loss", "__pyx_unpickle_CyPinballLoss") + b")R", "foreign_globals"),
        (name("copyreg", "__newobj__") + b")R", "foreign_globals"),
        (name("collections", "OrderedDict") + b")R" + text("a") + b"K\x01s", "allow_listed"),
        (name("sklearn.pipeline", "Pipeline") + b")\x81" + text("a") + b"K\x01s", "foreign_globals"),
        (name("sklearn", "pipeline.Pipeline"), "foreign_globals"),
        (name("sklearn.pipeline", "Pipeline") + b")}\x92", "allow_listed"),
    ],
)
def test_listed_names_are_listed_for_what_models_do_with_them(look, body, expected):
    assert verdict(look(whole(body))) == expected


TORCH = {
    "archive/data.pkl": whole(call("collections.OrderedDict")),
    "archive/version": b"3\n",
    "archive/data/0": SYSTEM,
}


def test_torch_archives_are_code_and_every_pickle_in_them_is_read(look):
    assert look(zipped(TORCH)).format == "torch"
    assert "collections.OrderedDict" in look(zipped(TORCH)).globals
    hidden = look(zipped({**TORCH, "archive/config.p": SYSTEM}))
    assert (hidden.risk, verdict(hidden)) == ("code", "foreign_globals")
    script = {**TORCH, "archive/code/__torch__.py": b"class M:\n  pass\n"}
    assert look(zipped(script)).format == "torchscript"


def test_the_old_format_of_torch_is_code(look):
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    tensors = b"\x80\x02}X\x01\x00\x00\x00w((X\x07\x00\x00\x00storage" + name("torch", "FloatStorage")
    tensors += b"tQtQs."
    streams = [magic, pickle.dumps(1001, 2), pickle.dumps({}, 2), tensors, pickle.dumps([], 2)]
    found = look(b"".join(streams) + bytes(range(256)))
    assert (found.format, found.risk) == ("torch-legacy", "code")
    assert "torch.FloatStorage" in found.globals


LIMITS = {
    "long number": lambda: b"\x80\x04\x8b\xff\xff\xff\x7f.",
    "long bytes": lambda: b"\x80\x04\x8e" + b"\xff" * 8 + b".",
    "long frame": lambda: b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f.",
    "long text": lambda: b"\x80\x04\x8d" + b"\xff" * 8 + b".",
    "deep lists": lambda: b"\x80\x04" + b"(" * 300_000 + b"l" * 300_000 + b".",
    "deep tuples": lambda: b"\x80\x04)" + b"\x85" * 100_000 + b"0" + call("os.system") + b".",
    "doubling": lambda: b"\x80\x04)" + b"2\x86" * 100_000 + b"0" + call("os.system") + b".",
    "memo": lambda: b"\x80\x04N" + b"r\xff\xff\xff\xff" * 1000 + b"0" + call("os.system") + b".",
    "many names": lambda: b"\x80\x04" + b"".join(b"cm%d\nx\n0" % n for n in range(6000)) + b"N.",
    "huge array": lambda: whole(b"".join([b"K\x01" * 3, b"\x87"])) + b"\x80",
}


@pytest.mark.parametrize("content", [bomb(64 << 20), zlib.compress(b"\x80\x04" + b"N0" * 20_000 + b".")])
def test_a_budget_that_is_used_up_makes_a_file_code(content):
    small = Budget(opcode_count=30_000, inflated_bytes=8 << 20)
    found = recognise("x", io.BytesIO(content), small)
    assert (found.risk, found.concerns[0].rule) == ("code", "limit")


def test_the_budgets_are_finite():
    for budget in (REGISTERING, SCANNING):
        assert budget.opcode_count <= 20_000_000
        assert budget.kept_bytes <= 256 << 20


@pytest.mark.parametrize("limit", LIMITS)
def test_limits_hold(look, limit):
    found = look(LIMITS[limit]())
    assert found.risk == "code"
    assert any(each.severity in ("high", "critical") for each in found.concerns)


def test_the_real_reader_of_joblib_and_ours_agree_on_where_arrays_end(look, tmp_path):
    import joblib
    import numpy as np

    arrays = [
        np.arange(7, dtype="i2"),
        np.array(["ab", "c"]),
        np.array([b"x"]),
        np.zeros((2, 0)),
        np.asfortranarray(np.ones((3, 4))),
        np.array(5.0),
        np.zeros(2, dtype=[("a", "i1"), ("b", "f8")]),
        np.array([True]),
        np.ones(3, dtype=complex),
        np.ones(2, dtype=">f4"),
    ]
    joblib.dump(arrays, tmp_path / "arrays")
    content = (tmp_path / "arrays").read_bytes()
    assert verdict(look(content)) == "allow_listed"
    assert verdict(look(content + SYSTEM)) == "foreign_globals"


def test_reading_takes_no_more_than_the_file_gives():
    """A stream that lies about its size by giving less is unparseable, not an endless loop."""

    class Short(io.BytesIO):
        def read(self, size=-1, /):
            return super().read(size)[:3]

    assert recognise("x", Short(SYSTEM)).risk == "code"
