"""PyTorch's zip files, TorchScript and exported programs: pickle inside, so always code."""

import re
from typing import Final

from assay.formats.archives import MAX_MEMBER_BYTES
from assay.formats.feed import FileFeed
from assay.formats.pickle_notes import Notes
from assay.formats.pickles import describe, read_streams
from assay.formats.sample import Concern, Recognition, Sample
from assay.formats.zips import archive_of

# Raw storages, and short texts that nothing unpickles; everything else is read as pickle.
_PLAIN: Final = re.compile(
    r"(.*/)?(data/\d+|weights/weight_\d+|constants/tensor_\d+|tensors/\d+|version|byteorder|archive_version"
    r"|archive_format|\.format_version|\.storage_alignment|\.data/serialization_id|.*\.json)"
)
_SOURCE: Final = re.compile(r"(.*/)?code/.*\.py")


def look(sample: Sample) -> Recognition | None:
    """Recognise a PyTorch archive by the pickle in it, and read every pickle of it."""
    archive = archive_of(sample)
    if archive is None or not any(
        name.endswith("/data.pkl") or name == "data.pkl" for name in archive.entries
    ):
        return None
    script = any(_SOURCE.fullmatch(name) for name in archive.entries)
    notes, extra = Notes(), []
    for name in archive.entries:
        if name.endswith("/") or _PLAIN.fullmatch(name) or _SOURCE.fullmatch(name):
            continue
        content = archive.open(name, MAX_MEMBER_BYTES)
        size = content.getbuffer().nbytes
        found, _ = read_streams(FileFeed(content, size), sample.meter, persistent=True)
        signed = name.endswith((".pkl", ".debug_pkl"))
        if not signed and found.problem is not None and not found.telling:
            extra.append(Concern("unknown_member", "medium", f"{name[:200]} was not recognised"))
            continue
        notes.merge(found)
    recognition = describe("torchscript" if script else "torch", notes)
    concerns = (*recognition.concerns, *extra)
    return Recognition(
        recognition.format, recognition.risk, recognition.detail, concerns, recognition.globals
    )
