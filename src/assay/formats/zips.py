"""A strict reader of zip archives (PKWARE APPNOTE 6.3), for the formats that are packed in them.

Readers of zip disagree about archives whose local headers differ from the central directory, that have
bytes before, between or behind their entries, or that name an entry twice. Here all of that is refused,
so that what was looked at is what any reader will see. Checksums prove nothing and are not believed.
"""

import io
import struct
import unicodedata
import zlib
from dataclasses import dataclass
from typing import Final

from assay.core.digests import check_path
from assay.core.errors import BadInputError
from assay.formats.archives import MAX_MEMBER_BYTES, archive_of_members
from assay.formats.sample import Recognition, Sample, UnparseableError

MISMATCH: Final = "archive_mismatch"
MAX_ENTRIES: Final = 100_000
MAX_RATIO: Final = 1100
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIBED, _PATCHED, _HIDDEN = 0x1, 0x8, 0x20, 0x2040
_MAX32: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive, as the directory has it."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    packed_bytes: int
    size_bytes: int
    header_offset: int


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive whose structure holds in every reader; ``starts`` are the offsets of the packed bytes."""

    sample: Sample
    entries: dict[str, Entry]
    starts: dict[str, int]

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Return an entry's content.

        Raises:
            UnparseableError: there is none of that name, it is larger than ``limit_bytes``, or broken.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise UnparseableError(f"there is no {name}")
        if max(entry.size_bytes, entry.packed_bytes) > limit_bytes:
            raise UnparseableError(f"{name} is too large to be looked into", "limit")
        packed = self.sample.read_at(self.starts[name], entry.packed_bytes)
        if entry.method == _STORED:
            return packed
        return self._inflate(name, entry, packed)

    def head(self, name: str, count: int) -> bytes:
        """Return the first ``count`` bytes of an entry, or all when it is shorter.

        Raises:
            UnparseableError: there is none of that name, or it is broken.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise UnparseableError(f"there is no {name}")
        count = min(count, entry.size_bytes)
        if entry.method == _STORED:
            return self.sample.read_at(self.starts[name], count)
        # Deflate never needs more than it gives, except for a few bytes per block.
        packed = self.sample.read_at(self.starts[name], min(entry.packed_bytes, 2 * count + 1024))
        self.sample.meter.inflate(count)
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, count)
        except zlib.error as error:
            raise UnparseableError(f"{name} is broken: {error}", "broken_compression") from error
        if len(content) < count:
            raise UnparseableError(f"{name} does not have the size it declares", MISMATCH)
        return content

    def open(self, name: str, limit_bytes: int) -> io.BytesIO:
        """Return an entry's content as a file; see :meth:`read`."""
        return io.BytesIO(self.read(name, limit_bytes))

    def _inflate(self, name: str, entry: Entry, packed: bytes) -> bytes:
        self.sample.meter.inflate(entry.size_bytes)
        self.sample.meter.keep(entry.size_bytes)
        machine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = machine.decompress(packed, entry.size_bytes + 1)
        except zlib.error as error:
            raise UnparseableError(f"{name} is broken: {error}", "broken_compression") from error
        if len(content) != entry.size_bytes or not machine.eof or machine.unused_data:
            raise UnparseableError(f"{name} does not have the size it declares", MISMATCH)
        return content


def archive_of(sample: Sample) -> Archive | None:
    """Return the archive that a file is, once read; None when it is none, or a broken one."""
    if "archive" not in sample.seen:
        try:
            sample.seen["archive"] = open_archive(sample) if may_be_zip(sample) else None
        except UnparseableError as error:
            sample.seen["archive"] = error
    found = sample.seen["archive"]
    return found if isinstance(found, Archive) else None


def look(sample: Sample) -> Recognition | None:
    """Recognise any other zip: as harmless as the worst of its entries."""
    archive = archive_of(sample)
    if archive is None:
        if isinstance(sample.seen["archive"], UnparseableError):
            raise sample.seen["archive"]
        return None
    names = [name for name in archive.entries if not name.endswith("/")]
    found = [sample.look_inside(name, archive.open(name, MAX_MEMBER_BYTES)) for name in names]
    return archive_of_members("zip", found)


def may_be_zip(sample: Sample) -> bool:
    """Whether any zip reader would try: an entry near the beginning or a directory at the end."""
    return b"PK\x03\x04" in sample.head or sample.head[:4] == b"PK\x05\x06" or _find_end(sample) is not None


def open_archive(sample: Sample) -> Archive:
    """Read and compare all headers.

    Raises:
        UnparseableError: the archive could be read in more than one way, or uses what is not supported.
    """
    end = _find_end(sample)
    if end is None:
        raise UnparseableError("the archive has no directory", "truncated")
    if end + _END.size + _END.unpack(sample.read_at(end, _END.size))[7] != sample.size_bytes:
        raise UnparseableError("bytes follow the archive", MISMATCH)
    count, size, offset, directory_end = _directory(sample, end)
    if offset + size != directory_end or count > MAX_ENTRIES:
        raise UnparseableError("the archive's directory is not where it says", MISMATCH)
    entries = _entries(sample.read_at(offset, size), count, sample)
    starts, position = {}, 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset != position:
            raise UnparseableError(f"bytes lie before or between entries, at {position}", MISMATCH)
        starts[entry.name], position = _compare(sample, entry)
    if position != offset:
        raise UnparseableError("bytes lie between the entries and the directory", MISMATCH)
    return Archive(sample, {entry.name: entry for entry in entries}, starts)


def _find_end(sample: Sample) -> int | None:
    """Return the offset of the last end-of-directory record."""
    tail = sample.tail(_END.size + 0xFFFF)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END.size:
        return None
    return sample.size_bytes - len(tail) + found


def _directory(sample: Sample, end: int) -> tuple[int, int, int, int]:
    """Return count, size, offset of the directory, and where it must end."""
    _, disk, first_disk, here, count, size, offset, _ = _END.unpack(sample.read_at(end, _END.size))
    if end >= _LOCATOR.size:
        magic, disk64, offset64, disks = _LOCATOR.unpack(sample.read_at(end - _LOCATOR.size, _LOCATOR.size))
        if magic == b"PK\x06\x07":
            fields = _END64.unpack(sample.read_at(offset64, _END64.size))
            magic64, length, _, _, disk64_here, first64, here64, count64, size64, place64 = fields
            plain = magic64 == b"PK\x06\x06" and length == _END64.size - 12
            one_disk = (disk64, disk64_here, first64, disks) == (0, 0, 0, 1) and here64 == count64
            beside = offset64 + _END64.size == end - _LOCATOR.size
            agrees = count in (count64, 0xFFFF) and size in (size64, _MAX32) and offset in (place64, _MAX32)
            if not (plain and one_disk and beside and agrees):
                raise UnparseableError("the archive has two directories that differ", MISMATCH)
            return count64, size64, place64, offset64
    if (disk, first_disk) != (0, 0) or here != count:
        raise UnparseableError("the archive is in parts", MISMATCH)
    return count, size, offset, end


def _entries(directory: bytes, count: int, sample: Sample) -> list[Entry]:
    entries, position, seen = [], 0, set()
    for _ in range(count):
        sample.meter.member()
        if position + _CENTRAL.size > len(directory):
            raise UnparseableError("the archive's directory ends early", "truncated")
        entry, position = _central(directory, position)
        folded = unicodedata.normalize("NFC", entry.name).casefold()
        if folded in seen:
            raise UnparseableError(f"the archive names {entry.name!r} twice", MISMATCH)
        seen.add(folded)
        entries.append(entry)
    if position != len(directory):
        raise UnparseableError("the archive's directory holds more than it counts", MISMATCH)
    return entries


def _central(directory: bytes, position: int) -> tuple[Entry, int]:
    fields = _CENTRAL.unpack_from(directory, position)
    magic, flags, method, packed, size = fields[0], fields[3], fields[4], fields[8], fields[9]
    name_length, extra_length, comment_length, disk = fields[10:14]
    offset = fields[16]
    if magic != b"PK\x01\x02":
        raise UnparseableError("the archive's directory is malformed", MISMATCH)
    start = position + _CENTRAL.size
    raw_name = directory[start : start + name_length]
    extra = directory[start + name_length : start + name_length + extra_length]
    wide = _zip64(extra, [size == _MAX32, packed == _MAX32, offset == _MAX32])
    size, packed, offset = (
        wide.pop(0) if each == _MAX32 and wide else each for each in (size, packed, offset)
    )
    if disk or flags & (_ENCRYPTED | _PATCHED | _HIDDEN) or method not in (_STORED, _DEFLATED):
        raise UnparseableError("an entry is encrypted or packed in an unusual way", "unsupported")
    if method == _STORED and size != packed:
        raise UnparseableError("an entry has two sizes", MISMATCH)
    if size > MAX_RATIO * max(packed, 1):
        raise UnparseableError("an entry unpacks to too much", "limit")
    entry = Entry(_check_name(raw_name, flags), raw_name, flags, method, packed, size, offset)
    return entry, start + name_length + extra_length + comment_length


def _zip64(extra: bytes, wanted: list[bool]) -> list[int]:
    """Return the 64-bit numbers of the extra field, as many as are wanted."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            count = min(sum(wanted), length // 8)
            if position + 4 + 8 * count > len(extra):
                raise UnparseableError("an extra field ends early", MISMATCH)
            return list(struct.unpack_from(f"<{count}Q", extra, position + 4))
        position += 4 + length
    return []


def _check_name(raw_name: bytes, flags: int) -> str:
    """Decode a name that stays inside the folder it is unpacked to."""
    try:
        name = raw_name.decode("utf-8" if flags & 0x800 else "ascii")
        check_path(name.removesuffix("/"))
    except (UnicodeDecodeError, BadInputError) as error:
        raise UnparseableError(f"an entry has an unsafe name: {raw_name[:100]!r}", "unsafe_path") from error
    return name


def _compare(sample: Sample, entry: Entry) -> tuple[int, int]:
    """Compare the local header with the directory; return where the bytes start and where the entry ends."""
    fields = _LOCAL.unpack(sample.read_at(entry.header_offset, _LOCAL.size))
    magic, flags, method = fields[0], fields[2], fields[3]
    packed, size, name_length, extra_length = fields[7:11]
    start = entry.header_offset + _LOCAL.size + name_length + extra_length
    raw_name = sample.read_at(entry.header_offset + _LOCAL.size, name_length)
    extra = sample.read_at(entry.header_offset + _LOCAL.size + name_length, extra_length)
    if magic != b"PK\x03\x04" or (flags, method, raw_name) != (entry.flags, entry.method, entry.raw_name):
        raise UnparseableError(f"an entry's two headers differ: {entry.name!r}", MISMATCH)
    wide = _zip64(extra, [size == _MAX32, packed == _MAX32])
    size = wide.pop(0) if size == _MAX32 and wide else size
    packed = wide.pop(0) if packed == _MAX32 and wide else packed
    said = (size, packed)
    expected = {(entry.size_bytes, entry.packed_bytes)}
    described = bool(flags & _DESCRIBED)
    if described:
        expected.add((0, 0))
    if said not in expected:
        raise UnparseableError(f"an entry's two headers differ: {entry.name!r}", MISMATCH)
    end = start + entry.packed_bytes
    return start, end + (_descriptor(sample, entry, end) if described else 0)


def _descriptor(sample: Sample, entry: Entry, end: int) -> int:
    """Return the length of the data descriptor behind an entry."""
    found = sample.read_at(end, min(26, sample.size_bytes - end))
    signed = 4 if found[:4] == b"PK\x07\x08" else 0
    for form, length in (("<2L", 12), ("<2Q", 20)):
        body = found[signed + 4 : signed + length]
        if len(body) == length - 4:
            packed, size = struct.unpack(form, body)
            following = found[signed + length : signed + length + 2]
            if (packed, size) == (entry.packed_bytes, entry.size_bytes) and following in (b"PK", b""):
                return signed + length
    raise UnparseableError(f"an entry's data descriptor is malformed: {entry.name!r}", MISMATCH)
