"""Reading an OTLP trace request, protobuf or JSON, into plain values.

Source: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP", and ``opentelemetry/proto/trace/v1/trace.proto``.
Both encodings become the same mappings: names in ``snake_case``, ids in hex, attributes as mappings.
"""

import base64
import binascii
import gzip
import io
import math
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from assay.core.errors import BadInputError, Reason
from assay.formats.protobuf import BYTES, FIXED64, Field, Messages
from assay.formats.sample import Budget, Meter, Recognition, Sample, UnparseableError

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 32
_BUDGET: Final = Budget(opcode_count=5_000_000, inflated_bytes=0, kept_bytes=4 * MAX_BODY_BYTES)
_SIGN: Final = 1 << 63


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return the body without its ``Content-Encoding``.

    Raises:
        BadInputError: an unknown or broken encoding, or more than 64 MiB come out.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        rule = "must be gzip, deflate or identity"
        message = f"Unsupported Content-Encoding: {encoding[:60]}"
        raise BadInputError(message, [Reason("Content-Encoding", rule)])
    try:
        found = _inflated(body, encoding)
    except (OSError, EOFError, zlib.error) as error:
        message = f"Failed to decompress {encoding} payload"
        raise BadInputError(message, [Reason("body", f"must be {encoding}")]) from error
    if len(found) > MAX_BODY_BYTES:
        raise BadInputError.of("body", f"must be at most {MAX_BODY_BYTES} bytes when it is unpacked")
    return found


def _inflated(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            return stream.read(MAX_BODY_BYTES + 1)
    try:
        return zlib.decompressobj().decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:  # some clients send the stream without its frame
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, MAX_BODY_BYTES + 1)


def read_json(body: bytes) -> list[dict[str, Any]]:
    """Return the resource spans of a JSON request.

    Raises:
        BadInputError: not OTLP.
    """
    try:
        request = msgspec.json.decode(body)
        return [_resource_json(each) for each in request["resourceSpans"]]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise _invalid() from error


def read_protobuf(body: bytes) -> list[dict[str, Any]]:
    """Return the resource spans of a protobuf request.

    Raises:
        BadInputError: not OTLP.
    """
    try:
        sample = Sample.of("otlp", io.BytesIO(body), Meter(_BUDGET), 0, _nothing_inside)
        reader = _Reader(sample)
        return [reader.resource_spans(each) for each in reader.messages(0, len(body), 1)]
    except (UnparseableError, ValueError) as error:
        raise _invalid() from error


def _invalid() -> BadInputError:
    return BadInputError("Invalid OpenTelemetry format", [Reason("body", "must be an OTLP trace request")])


def _nothing_inside(_name: str, _source: object) -> Recognition:
    return Recognition("unclassified", "unclassified")


class _Reader:
    """Reads the messages of a protobuf request; numbers are those of the .proto files."""

    def __init__(self, sample: Sample) -> None:
        self._messages = Messages(sample)

    def messages(self, start: int, end: int, number: int) -> Iterator[Field]:
        """Give the messages of one field number."""
        return (each for each in self._messages.fields(start, end) if each.number == number)

    def resource_spans(self, place: Field) -> dict[str, Any]:
        """Read ``ResourceSpans``."""
        found: dict[str, Any] = {"resource": {}, "spans": []}
        for each in self._messages.fields(place.start, place.end):
            if each.number == 1:
                found["resource"] = self._attributes(self.messages(each.start, each.end, 1), 0)
            elif each.number == 2:
                found["spans"] += [self._span(span) for span in self.messages(each.start, each.end, 2)]
        return found

    def _span(self, place: Field) -> dict[str, Any]:
        found: dict[str, Any] = {}
        attributes, events, links = [], [], []
        for each in self._messages.fields(place.start, place.end):
            if each.number == 9:
                attributes.append(each)
            elif each.number == 11:
                events.append(self._event(each))
            elif each.number == 13:
                links.append(self._link(each))
            elif each.number == 15:
                found["status"] = self._status(each)
            elif each.number in _SPAN:
                name, read = _SPAN[each.number]
                found[name] = read(self, each)
        return {**found, "attributes": self._attributes(attributes, 0), "events": events, "links": links}

    def _event(self, place: Field) -> dict[str, Any]:
        found: dict[str, Any] = {"name": "", "time_unix_nano": 0}
        attributes = []
        for each in self._messages.fields(place.start, place.end):
            if each.number == 1:
                found["time_unix_nano"] = self.fixed(each)
            elif each.number == 2:
                found["name"] = self.text(each)
            elif each.number == 3:
                attributes.append(each)
        return {**found, "attributes": self._attributes(attributes, 0)}

    def _link(self, place: Field) -> dict[str, Any]:
        found: dict[str, Any] = {"trace_id": "", "span_id": ""}
        attributes = []
        for each in self._messages.fields(place.start, place.end):
            if each.number in (1, 2):
                found["trace_id" if each.number == 1 else "span_id"] = self.hexed(each)
            elif each.number == 4:
                attributes.append(each)
        return {**found, "attributes": self._attributes(attributes, 0)}

    def _status(self, place: Field) -> dict[str, Any]:
        found: dict[str, Any] = {"code": 0, "message": ""}
        for each in self._messages.fields(place.start, place.end):
            if each.number == 2:
                found["message"] = self.text(each)
            elif each.number == 3:
                found["code"] = each.value
        return found

    def _attributes(self, places: "Sequence[Field] | Iterator[Field]", depth: int) -> dict[str, Any]:
        found = {}
        for place in places:
            key, value = "", None
            for each in self._messages.fields(place.start, place.end):
                if each.number == 1:
                    key = self.text(each)
                elif each.number == 2:
                    value = self._value(each, depth)
            found[key] = value
        return found

    def _value(self, place: Field, depth: int) -> Any:
        """Read ``AnyValue``.

        Raises:
            UnparseableError: nested too deeply.
        """
        if depth > MAX_DEPTH:
            raise UnparseableError("values are nested too deeply")
        for each in self._messages.fields(place.start, place.end):
            if each.number == 5:
                inner = self.messages(each.start, each.end, 1)
                return [self._value(item, depth + 1) for item in inner]
            if each.number == 6:
                return self._attributes(self.messages(each.start, each.end, 1), depth + 1)
            if each.number in _VALUES:
                return _VALUES[each.number](self, each)
        return None

    def text(self, place: Field) -> str:
        """Read a text; NUL, which databases refuse, is replaced."""
        return self.content(place).decode("utf-8", "replace").replace("\0", "\ufffd")

    def hexed(self, place: Field) -> str:
        """Read bytes as hex digits."""
        return self.content(place).hex()

    def encoded(self, place: Field) -> str:
        """Read bytes as Base64."""
        return base64.b64encode(self.content(place)).decode()

    def content(self, place: Field) -> bytes:
        """Read bytes."""
        return self._messages.content(place, MAX_BODY_BYTES)

    def fixed(self, place: Field) -> int:
        """Read a fixed64.

        Raises:
            UnparseableError: it is of another kind.
        """
        return int(struct.unpack("<Q", self._eight(place))[0])

    def double(self, place: Field) -> float | str:
        """Read a double; what JSON cannot say becomes its name."""
        return _finite(struct.unpack("<d", self._eight(place))[0])

    def whole(self, place: Field) -> int:
        """Read an int64."""
        return place.value - 2 * _SIGN if place.value >= _SIGN else place.value

    def flag(self, place: Field) -> bool:
        """Read a bool."""
        return bool(place.value)

    def _eight(self, place: Field) -> bytes:
        if place.wire != FIXED64:
            raise UnparseableError("a number has the wrong width")
        return self._messages.content(Field(place.number, BYTES, 0, place.start, place.end), 8)


_SPAN: Final[Mapping[int, tuple[str, Callable[[_Reader, Field], Any]]]] = {
    1: ("trace_id", _Reader.hexed),
    2: ("span_id", _Reader.hexed),
    4: ("parent_span_id", _Reader.hexed),
    5: ("name", _Reader.text),
    7: ("start_time_unix_nano", _Reader.fixed),
    8: ("end_time_unix_nano", _Reader.fixed),
}
_VALUES: Final[Mapping[int, Callable[[_Reader, Field], Any]]] = {
    1: _Reader.text,
    2: _Reader.flag,
    3: _Reader.whole,
    4: _Reader.double,
    7: _Reader.encoded,
}


def _resource_json(each: Mapping[str, Any]) -> dict[str, Any]:
    scopes = each.get("scopeSpans") or ()
    return {
        "resource": _attributes_json((each.get("resource") or {}).get("attributes"), 0),
        "spans": [_span_json(span) for scope in scopes for span in scope.get("spans") or ()],
    }


def _span_json(span: Mapping[str, Any]) -> dict[str, Any]:
    status = span.get("status") or {}
    code = status.get("code", 0)
    return {
        "trace_id": _hex(span.get("traceId")),
        "span_id": _hex(span.get("spanId")),
        "parent_span_id": _hex(span.get("parentSpanId")),
        "name": _text(span.get("name", "")),
        "start_time_unix_nano": int(span.get("startTimeUnixNano", 0)),
        "end_time_unix_nano": int(span.get("endTimeUnixNano", 0)),
        "status": {
            "code": _CODES.get(code, 0) if isinstance(code, str) else int(code),
            "message": _text(status.get("message", "")),
        },
        "attributes": _attributes_json(span.get("attributes"), 0),
        "events": [
            {
                "name": _text(event.get("name", "")),
                "time_unix_nano": int(event.get("timeUnixNano", 0)),
                "attributes": _attributes_json(event.get("attributes"), 0),
            }
            for event in span.get("events") or ()
        ],
        "links": [
            {
                "trace_id": _hex(link.get("traceId")),
                "span_id": _hex(link.get("spanId")),
                "attributes": _attributes_json(link.get("attributes"), 0),
            }
            for link in span.get("links") or ()
        ],
    }


_CODES: Final = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}


def _attributes_json(listed: Any, depth: int) -> dict[str, Any]:
    return {_text(each["key"]): _value_json(each.get("value") or {}, depth) for each in listed or ()}


def _value_json(value: Mapping[str, Any], depth: int) -> Any:
    """Read ``AnyValue``.

    Raises:
        ValueError: nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise ValueError("values are nested too deeply")
    if "arrayValue" in value:
        return [_value_json(each, depth + 1) for each in value["arrayValue"].get("values") or ()]
    if "kvlistValue" in value:
        return _attributes_json(value["kvlistValue"].get("values"), depth + 1)
    if "intValue" in value:
        return int(value["intValue"])
    if "doubleValue" in value:
        return _finite(float(value["doubleValue"]))
    if "boolValue" in value:
        return bool(value["boolValue"])
    found = value.get("stringValue", value.get("bytesValue"))
    return None if found is None else _text(found)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is of another kind")
    return value.replace("\0", "\ufffd")


def _hex(value: Any) -> str:
    """Return an id in lower-case hex.

    Raises:
        ValueError: it is no hex.
    """
    try:
        return binascii.unhexlify(value or "").hex()
    except binascii.Error as error:
        raise ValueError("an id is not in hex") from error


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
