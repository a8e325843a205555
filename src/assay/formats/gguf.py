"""GGUF (ggml, ``docs/gguf.md``): weights and metadata. Data without a chat template.

A chat template is a Jinja program that the loader renders (CVE-2024-34359): effects, and code when it
reaches for attributes that no template needs.
"""

import struct
from typing import Final

from assay.formats.feed import Feed, feed_of
from assay.formats.sample import CODE, DATA, EFFECTS, Concern, Recognition, Sample, UnparseableError
from assay.formats.templates import unsafe_parts

_MAGIC: Final = b"GGUF"
_MAX_TEXT_BYTES: Final = 16 * 1024**2
_MAX_KEY_BYTES: Final = 65_535
_STRING, _ARRAY = 8, 9
_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def look(sample: Sample) -> Recognition | None:
    """Recognise a GGUF file and read its metadata."""
    if not sample.head.startswith(_MAGIC):
        return None
    feed = feed_of(sample)
    version, tensors, pairs = struct.unpack("<4xIQQ", feed.read(24))
    if version not in (2, 3) or tensors > 1 << 32:
        raise UnparseableError("of a version that is not known", "invalid_header")
    templates = []
    for _ in range(pairs):
        sample.meter.member()
        key = _text(feed, _MAX_KEY_BYTES)
        (kind,) = struct.unpack("<I", feed.read(4))
        if kind == _STRING and key.startswith(b"tokenizer.chat_template"):
            templates.append(_text(feed, _MAX_TEXT_BYTES).decode("utf-8", "replace"))
        else:
            _pass(sample, feed, kind, 0)
    unsafe = [part for template in templates for part in unsafe_parts(template)]
    if unsafe:
        concern = Concern(
            "template_unsafe", "critical", f"the chat template uses {', '.join(unsafe[:10])}"[:500]
        )
        return Recognition("gguf", CODE, concern.detail, (concern,))
    if templates:
        return Recognition("gguf", EFFECTS, "weights, and a chat template that the loader renders")
    return Recognition("gguf", DATA, f"{tensors} tensors, no chat template")


def _text(feed: Feed, limit_bytes: int) -> bytes:
    length = int.from_bytes(feed.read(8), "little")
    if length > limit_bytes:
        raise UnparseableError("a text is too long", "limit")
    return feed.read(length)


def _pass(sample: Sample, feed: Feed, kind: int, depth: int) -> None:
    """Pass over a value."""
    if kind in _SIZES:
        feed.skip(_SIZES[kind])
    elif kind == _STRING:
        feed.skip(int.from_bytes(feed.read(8), "little"))
    elif kind == _ARRAY and depth < 4:
        inner, count = struct.unpack("<IQ", feed.read(12))
        if inner in _SIZES:
            feed.skip(_SIZES[inner] * count)
            return
        for _ in range(count):
            sample.meter.work(1)
            _pass(sample, feed, inner, depth + 1)
    else:
        raise UnparseableError("a value is of a type that is not known", "invalid_header")
