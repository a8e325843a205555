"""tar archives: regular files and folders only; recognised member by member."""

import io
import tarfile
from typing import BinaryIO, Final

from assay.core.digests import check_path
from assay.core.errors import BadInputError
from assay.formats.archives import MAX_MEMBER_BYTES, archive_of_members
from assay.formats.sample import Recognition, Sample, UnparseableError

_BLOCK: Final = 512
_MAX_PADDING_BYTES: Final = 1 << 20


def is_tar(head: bytes) -> bool:
    """Whether the first block is a header: by its magic, or by its checksum for the oldest kind."""
    if len(head) < _BLOCK:
        return False
    if head[257:262] == b"ustar":
        return True
    field = head[148:156].strip(b" \0")
    counted = sum(head[:148]) + 8 * 32 + sum(head[156:_BLOCK])
    return field.isdigit() and not set(field) & set(b"89") and int(field, 8) == counted


def look(sample: Sample) -> Recognition | None:
    """Recognise a tar archive."""
    if not is_tar(sample.head):
        return None
    sample.source.seek(0)
    found = []
    try:
        with tarfile.TarFile(fileobj=sample.source, mode="r") as archive:
            for member in archive:
                sample.meter.member()
                _check(member)
                if member.isreg():
                    found.append(sample.look_inside(member.name, _content(sample, member)))
            end = archive.offset
    except tarfile.TarError as error:
        raise UnparseableError(f"broken archive: {error}") from error
    # A reader stops at the first block that is no header; others may find what lies behind.
    rest = sample.size_bytes - min(end, sample.size_bytes)
    if rest > _MAX_PADDING_BYTES or sample.tail(rest).strip(b"\0"):
        raise UnparseableError("bytes follow the archive", "trailing_data")
    return archive_of_members("tar", found)


def _check(member: tarfile.TarInfo) -> None:
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise UnparseableError(f"{member.name[:100]!r} is a link or a device", "unsafe_path")
    try:
        if member.name != ".":
            check_path(member.name.removeprefix("./").removesuffix("/"))
    except BadInputError as error:
        raise UnparseableError(
            f"an entry has an unsafe name: {member.name[:100]!r}", "unsafe_path"
        ) from error


def _content(sample: Sample, member: tarfile.TarInfo) -> BinaryIO:
    if member.size > MAX_MEMBER_BYTES:
        raise UnparseableError(f"{member.name[:100]} is too large to be looked into", "limit")
    return io.BytesIO(sample.read_at(member.offset_data, member.size))
