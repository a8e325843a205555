"""MLflow's words as its servers and databases write them, read into values. Nothing here is checked."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from assay.core.errors import BadInputError, UnavailableError
from assay.core.tracking.datasets import Dataset, DatasetInput
from assay.core.tracking.logged_models import LoggedModelStatus
from assay.core.tracking.metrics import MAX_WHOLE
from assay.core.tracking.runs import RunStatus
from assay.core.tracking.spans import KIND, Span

DELETED_STAGE: Final = "Deleted_Internal"
_LOGGED: Final = {1: LoggedModelStatus.PENDING, 2: LoggedModelStatus.READY, 3: LoggedModelStatus.FAILED}
_ERRORS: Final = ("STATUS_CODE_ERROR", "ERROR")
_FINE: Final = ("STATUS_CODE_OK", "OK")


def run_status(said: Any) -> RunStatus:
    """Return a status; what nobody knows counts as failed, because it is not known to have ended well."""
    try:
        return RunStatus(str(said).upper())
    except ValueError:
        return RunStatus.FAILED


def logged_model_status(said: Any) -> LoggedModelStatus:
    """Return a status, written as number or word; what nobody knows is pending."""
    if isinstance(said, int):
        return _LOGGED.get(said, LoggedModelStatus.PENDING)
    return next((each for each in LoggedModelStatus if each.value == said), LoggedModelStatus.PENDING)


def number(said: Any) -> float:
    """Return a metric's value; also from the texts NaN, Infinity and -Infinity.

    Raises:
        UnavailableError: it is no number.
    """
    try:
        return float("nan") if said is None else float(said)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnavailableError(f"the source says {str(said)[:60]!r} where a number belongs") from error


def whole(said: Any, otherwise: int = 0) -> int:
    """Return a whole number of 64 bits, also from its text.

    Raises:
        UnavailableError: it is none.
    """
    try:
        found = otherwise if said is None or said == "" else int(said)
    except (TypeError, ValueError, OverflowError):
        found = 2**64
    if abs(found) > MAX_WHOLE:
        raise UnavailableError(f"the source says {str(said)[:60]!r} where a whole number belongs")
    return found


def text(said: Any) -> str:
    """Return a text, "" for nothing; half characters, which no text may have, become question marks."""
    return "" if said is None else str(said).encode("utf-8", "replace").decode()


def pairs(said: Any) -> dict[str, str]:
    """Return tags or parameters, from a list of key and value."""
    return {text(each.get("key")): text(each.get("value")) for each in said or ()}


def dataset_input(said: Mapping[str, Any], tags: Mapping[str, str]) -> DatasetInput | None:
    """Return a data set that a run used; None for one that breaks the rules for data sets."""
    try:
        dataset = Dataset(
            text(said.get("name")),
            text(said.get("digest")),
            text(said.get("source_type")),
            text(said.get("source")),
            text(said.get("schema")),
            text(said.get("profile")),
        )
        return DatasetInput(dataset, dict(sorted(tags.items())))
    except BadInputError:
        return None


def span_of(said: Mapping[str, Any], trace_id: str) -> Span:
    """Return a span in any of the three forms in which MLflow has written spans.

    Raises:
        BadInputError, KeyError, TypeError, ValueError: it is in none of them.
    """
    context = said.get("context")
    if isinstance(context, Mapping):  # before version 3
        ids = _hex(context["span_id"], 16), _hex(said.get("parent_id"), 16)
        times = said.get("start_time"), said.get("end_time")
        status, message = said.get("status_code"), said.get("status_message")
        events = [
            {"name": text(each.get("name")), "time_unix_nano": whole(each.get("timestamp")), **_inner(each)}
            for each in said.get("events") or ()
        ]
    else:
        ids = _hex(said["span_id"], 16), _hex(said.get("parent_span_id"), 16)
        times = said.get("start_time_unix_nano"), said.get("end_time_unix_nano")
        state = said.get("status") or {}
        status, message = state.get("code"), state.get("message")
        events = [
            {
                "name": text(each.get("name")),
                "time_unix_nano": whole(each.get("time_unix_nano")),
                **_inner(each),
            }
            for each in said.get("events") or ()
        ]
    attributes = {key: _loaded(value) for key, value in _attributes(said.get("attributes")).items()}
    kind = attributes.get(KIND)
    return Span(
        trace_id=trace_id,
        span_id=ids[0],
        parent_id=ids[1],
        name=text(said.get("name")),
        kind=kind if isinstance(kind, str) else "",
        state="OK" if status in _FINE else "ERROR" if status in _ERRORS else "UNSET",
        state_message=text(message),
        started_ns=whole(times[0]),
        ended_ns=whole(times[1]),
        attributes=attributes,
        events=tuple(events),
        links=tuple(_link(each) for each in said.get("links") or ()),
    )


def read_spans(documents: Iterable[Any], trace_id: str) -> tuple[tuple[Span, ...], str]:
    """Return the spans that can be read, and what is wrong with the others ("" when nothing is)."""
    found, problem = [], ""
    for each in documents:
        try:
            found.append(span_of(each, trace_id))
        except (BadInputError, KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"a span cannot be read: {error}"
    return tuple(found), problem


def loads(said: Any) -> Any:
    """Return what a JSON text says; None for no text and for what is no JSON."""
    try:
        return None if said is None else json.loads(said)
    except (ValueError, TypeError, RecursionError):
        return None


def read_trace_file(content: bytes, trace_id: str) -> tuple[tuple[Span, ...], str]:
    """Return the spans of a ``traces.json``, and what is wrong with it ("" when nothing is)."""
    said = loads(content)
    spans = said.get("spans") if isinstance(said, Mapping) else None
    if not isinstance(spans, list):
        return (), "its file holds no spans"
    return read_spans(spans, trace_id)


def _inner(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"attributes": _attributes(event.get("attributes"))}


def _link(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "trace_id": _hex(text(said.get("trace_id")).removeprefix("tr-"), 32),
        "span_id": _hex(said.get("span_id"), 16),
        "attributes": _attributes(said.get("attributes")),
    }


def _attributes(said: Any) -> dict[str, Any]:
    """Return attributes, written as a mapping or as protobuf's list of keys and values."""
    if isinstance(said, Mapping):
        return dict(said)
    return {text(each.get("key")): _value(each.get("value")) for each in said or ()}


def _value(said: Any) -> Any:
    """Return a value from protobuf's ``AnyValue``."""
    if not isinstance(said, Mapping) or not said:
        return None
    kind, value = next(iter(said.items()))
    if kind in ("int_value", "intValue"):
        return int(value)
    if kind in ("array_value", "arrayValue"):
        return [_value(each) for each in value.get("values") or ()]
    if kind in ("kvlist_value", "kvlistValue"):
        return _attributes(value.get("values"))
    return value


def _loaded(value: Any) -> Any:
    """Return the value of an attribute: MLflow writes each as JSON within the JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _hex(said: Any, digits: int) -> str:
    """Return an id as hex digits: written so, as a number with ``0x`` before it, or as Base64 of its bytes.

    Raises:
        ValueError: it is none of these.
    """
    written = text(said)
    if written.startswith("0x"):
        return f"{int(written, 16):0{digits}x}"
    if len(written) == digits and all(letter in "0123456789abcdef" for letter in written.lower()):
        return written.lower()
    found = base64.b64decode(written, validate=True).hex()
    if len(found) not in (0, digits):
        raise ValueError(f"{written[:40]!r} is no id of {digits} digits")
    return found
