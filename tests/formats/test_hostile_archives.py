"""An archive that two readers could read in two ways is code, and so is one that would leave its folder."""

import io
import struct
import tarfile
import zipfile

import pytest

from formats.hostile import SYSTEM, zipped

TAME = zipped({"a.txt": b"hello", "b.txt": b"world"})


def rules(found) -> set[str]:
    return {each.rule for each in found.concerns}


def patched(old: bytes, new: bytes, which: int) -> bytes:
    """Replace one occurrence: 0 is in the local header, -1 in the directory."""
    places = [at for at in range(len(TAME)) if TAME.startswith(old, at)]
    at = places[which]
    return TAME[:at] + new + TAME[at + len(old) :]


def header(which: bytes, offset: int, value: int) -> bytes:
    """Change a 16-bit field of the first header of a kind."""
    at = TAME.index(which) + offset
    return TAME[:at] + struct.pack("<H", value) + TAME[at + 2 :]


MISMATCHES = {
    "another name in the local header": patched(b"a.txt", b"x.pkl", 0),
    "another name in the directory": patched(b"a.txt", b"x.pkl", -1),
    "encryption flag in the directory": header(b"PK\x01\x02", 8, 1),
    "encryption flag in the local header": header(b"PK\x03\x04", 6, 1),
    "another method": header(b"PK\x03\x04", 8, 8),
    "a prefix": b"#!/bin/sh\n" + TAME,
    "a suffix": TAME + b"x",
    "fewer entries counted": TAME[:-12] + struct.pack("<H", 1) + TAME[-10:],
    "no directory": TAME[: TAME.index(b"PK\x01\x02")],
    "an entry between": TAME[: TAME.index(b"PK\x01\x02")] + b"PK\x03\x04" + TAME[TAME.index(b"PK\x01\x02") :],
}


def test_the_tame_archive_is_data(look):
    assert look(TAME).risk == "data"


@pytest.mark.parametrize("mismatch", MISMATCHES)
def test_an_ambiguous_archive_is_code(look, mismatch):
    found = look(MISMATCHES[mismatch])
    assert found.risk == "code"
    assert rules(found) & {"archive_mismatch", "unsupported", "truncated", "unsafe_path"}


def test_two_entries_of_one_name_are_code(look):
    for other in ("a.txt", "A.TXT"):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive, pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.warn", lambda *_, **__: None)
            archive.writestr("a.txt", b"hello")
            archive.writestr(other, SYSTEM)
        assert rules(look(target.getvalue())) == {"archive_mismatch"}


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "C:/a", "a\\b", "a\nb"])
def test_a_name_that_leaves_the_folder_is_code(look, name):
    entry = zipfile.ZipInfo("x")
    entry.filename = name
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, b"hello")
    assert (look(target.getvalue()).risk, rules(look(target.getvalue()))) == ("code", {"unsafe_path"})
    assert rules(look(tarred(name.replace("C:/a", "C:/b")))) == {"unsafe_path"}


def tarred(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "/etc/passwd"
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(entry)
    return target.getvalue()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar_are_code(look, kind):
    assert rules(look(tarred("a", kind))) == {"unsafe_path"}


def test_bytes_behind_a_tar_are_code(look):
    assert look(tarred("a")).risk == "data"
    assert rules(look(tarred("a") + SYSTEM)) == {"trailing_data"}


def test_descriptors_and_wide_sizes_are_understood(look):
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation

        def tell(self):
            raise io.UnsupportedOperation

    target = Unseekable()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"hello" * 100)
        with archive.open("b.txt", "w", force_zip64=True) as entry:
            entry.write(b"world")
    found = look(target.getvalue())
    assert (found.format, found.risk) == ("zip", "data")


def test_an_entry_that_unpacks_to_more_than_it_says_is_code(look):
    content = zipped({"a.txt": b"a" * 10_000}, zipfile.ZIP_DEFLATED)
    lie = content.replace(struct.pack("<L", 10_000), struct.pack("<L", 100))
    assert rules(look(lie)) == {"archive_mismatch"}


def test_many_entries_end_at_a_limit(look):
    name, count = b"a.txt", 120_000
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0
    )
    directory = (central + name) * count
    wide = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 20, 20, 0, 0, count, count, len(directory), len(local)
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(local) + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert look(local + directory + wide + locator + end).risk == "code"
