"""Pictures that come with a model: plots, logos. Data."""

from typing import Final

from assay.formats.sample import DATA, Recognition, Sample

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def look(sample: Sample) -> Recognition | None:
    """Recognise a picture."""
    for magic, name in _MAGIC:
        if sample.head.startswith(magic):
            return Recognition(name, DATA, "a picture")
    return None
