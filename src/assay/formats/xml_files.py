"""PMML and other XML: data without a document type. A document type can reach other files."""

from typing import Final
from xml.parsers import expat

from assay.formats.sample import CODE, DATA, Concern, Recognition, Sample, UnparseableError

_CHUNK: Final = 1 << 18
_MAX_DEPTH: Final = 500
_BLANK: Final = b"\xef\xbb\xbf \t\r\n"


class _Doctype(Exception):  # noqa: N818 - a signal to stop, not a fault
    """The document has a document type."""


def look(sample: Sample) -> Recognition | None:
    """Recognise XML and stop at the first sign of a document type, before anything is expanded."""
    start = sample.head.lstrip(_BLANK)
    if not start.startswith((b"<?xml", b"<PMML")):
        return None
    reader = _Reader()
    try:
        sample.source.seek(0)
        while chunk := sample.source.read(_CHUNK):
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except _Doctype:
        concern = Concern("xml_doctype", "critical", "a document type can reach other files")
        return Recognition(reader.name, CODE, concern.detail, (concern,))
    except (expat.ExpatError, LookupError) as error:
        raise UnparseableError(f"not well-formed: {error}") from error
    return Recognition(reader.name, DATA, "XML without a document type")


class _Reader:
    """Watches depth and root."""

    def __init__(self) -> None:
        self.name = "xml"
        self._depth = 0
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _doctype(self, *_: object) -> None:
        raise _Doctype

    def _start(self, tag: str, _: dict[str, str]) -> None:
        if self._depth == 0 and tag.rpartition(":")[2] == "PMML":
            self.name = "pmml"
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnparseableError("elements nest too deeply", "limit")

    def _end(self, _: str) -> None:
        self._depth -= 1
