"""Reading zip archives warily: what several formats are packed in (PKWARE APPNOTE 6.3.10).

Readers differ in whether they believe the local headers or the central directory, so an archive in
which the two disagree is refused rather than read one way.
"""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Final

from assay.formats.recognition import Danger, Sample, critical

MAX_ENTRIES: Final = 20_000
MAX_MEMBER_BYTES: Final = 64 * 1024 * 1024
_LOCAL: Final = struct.Struct("<4s5H3L2H")


@dataclass(frozen=True, slots=True)
class Archive:
    """An opened archive: its member names and what is wrong with it."""

    file: zipfile.ZipFile
    names: tuple[str, ...]
    dangers: tuple[Danger, ...]

    def read(self, name: str, limit: int = MAX_MEMBER_BYTES) -> bytes | None:
        """Return a member's content, None when it is absent, too large, encrypted or broken."""
        try:
            info = self.file.getinfo(name)
            if info.file_size > limit or info.flag_bits & 1:
                return None
            with self.file.open(info) as member:
                content = member.read(limit + 1)
        except (
            KeyError,
            OSError,
            ValueError,
            RuntimeError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
        ):
            return None
        return content if len(content) <= limit else None


def looks_like_zip(sample: Sample) -> bool:
    """Tell whether a zip reader could take it for an archive."""
    return sample.head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or b"PK\x03\x04" in sample.head


def open_zip(sample: Sample) -> Archive | None:
    """Open an archive; None when it is none."""
    if not looks_like_zip(sample):
        return None
    try:
        sample.source.seek(0)
        file = zipfile.ZipFile(sample.source)
        infos = file.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, struct.error):
        return None
    dangers = []
    if not sample.head.startswith(b"PK"):
        dangers.append(critical("archive_prefix", "bytes stand before the archive"))
    if len(infos) > MAX_ENTRIES:
        dangers.append(critical("archive_entries", f"{len(infos)} members"))
    dangers += [danger for info in infos[:MAX_ENTRIES] for danger in _disagreements(sample, info)]
    names = tuple(info.filename for info in infos)
    if len(set(names)) != len(names):
        dangers.append(critical("archive_duplicate", "a member name occurs twice"))
    return Archive(file, names, tuple(dangers[:50]))


def _disagreements(sample: Sample, info: zipfile.ZipInfo) -> list[Danger]:
    """Compare a member's local header with the central directory; check its name."""
    found = []
    parts = info.filename.split("/")
    if info.filename.startswith("/") or ".." in parts or "\\" in info.filename or ":" in parts[0]:
        found.append(critical("archive_path", f"member {info.filename[:200]!r} would leave the archive"))
    if info.flag_bits & 1:
        found.append(critical("archive_encrypted", f"member {info.filename[:200]!r} claims to be encrypted"))
    header = sample.read_at(info.header_offset, _LOCAL.size)
    if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
        return [*found, critical("archive_header", f"member {info.filename[:200]!r} has no local header")]
    _, _, flags, method, _, _, _, _, _, name_length, _ = _LOCAL.unpack(header)
    name = sample.read_at(info.header_offset + _LOCAL.size, name_length)
    said = info.orig_filename.encode("utf-8" if flags & 0x800 else "cp437", "replace")
    if name != said or method != info.compress_type:
        found.append(
            critical("archive_header", f"member {info.filename[:200]!r} differs from its local header")
        )
    return found
