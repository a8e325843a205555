"""Spans that MLflow keeps in a file beside the trace: all before version 3.6, and archived ones."""

from typing import Final

from assay.core.errors import AssayError
from assay.core.moving import ForeignPlace
from assay.core.ports.moving import ForeignFiles
from assay.core.tracking.spans import Span
from assay.core.tracking.traces import FILES_TAG, Trace
from assay.storage.moving.mlflow_words import read_trace_file

NAME: Final = "traces.json"
MAX_BYTES: Final = 256 * 1024 * 1024


def spans_in_file(files: ForeignFiles, trace: Trace) -> tuple[tuple[Span, ...], str]:
    """Return the spans of a trace from its file, and why there are none ("" when there are)."""
    place = ForeignPlace(trace.tags.get(FILES_TAG, ""))
    if not place.root:
        return (), "it has no spans"
    content = bytearray()
    try:
        for chunk in files.read(place, NAME):
            content += chunk
            if len(content) > MAX_BYTES:
                return (), f"its file is larger than {MAX_BYTES} bytes"
    except AssayError as error:
        return (), f"its spans cannot be read: {error.message}"
    return read_trace_file(bytes(content), trace.id)
