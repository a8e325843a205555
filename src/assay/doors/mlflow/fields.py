"""The fields of a request, read as MLflow reads them, with its texts for what is missing or wrong.

A body is JSON whose fields may be written ``snake_case`` or ``camelCase``; unknown ones are passed
over, ``null`` and an absent field are the same, and an empty text counts as missing where one is needed.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

import msgspec

from assay.core.errors import BadInputError, Reason
from assay.wire.codec import check_depth

T = TypeVar("T")
_HINT: Final = " See the API docs for more information about request parameters."
MAX_INT64: Final = 2**63 - 1
_NUMBERS: Final = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


class Fields:
    """Typed access to the fields of one JSON object or query."""

    __slots__ = ("_path", "_values")

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        """Keep the values; ``path`` names the object inside the request, e.g. ``metrics[0].``."""
        self._values = values
        self._path = path

    @classmethod
    def of_body(cls, body: bytes) -> "Fields":
        """Read a body when a field of it is asked for first: a large batch is read in a quicker way.

        What is no JSON object counts as empty, a JSON text is read once more. Whoever asks for a field gets
        a BadInputError when a text in the body is no Unicode (half a surrogate pair), or when it is nested
        too deeply.
        """
        return cls(_Body(body))

    @classmethod
    def of_query(cls, query: Mapping[str, list[str]]) -> "Fields":
        """Read a query; :meth:`texts` gives all values of a repeated field, the others the first."""
        return cls({name: _Repeated(values) for name, values in query.items()})

    def has(self, name: str) -> bool:
        """Tell whether the field was sent, empty or not."""
        return self._raw(name) is not None

    def raw(self, name: str) -> Any:
        """Return the field as it was sent; None when it was not."""
        value = self._raw(name)
        return value[0] if isinstance(value, _Repeated) else value

    def text(self, name: str, default: str = "") -> str:
        """Return a text.

        Raises:
            BadInputError: it is of another kind.
        """
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong(name, value)
        return value

    def needed(self, name: str) -> str:
        """Return a text that must be there and not empty.

        Raises:
            BadInputError: it is missing, empty or of another kind.
        """
        value = self.text(name)
        if not value:
            raise self.missing(name)
        return value

    def whole(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number of 64 bits.

        Raises:
            BadInputError: it is of another kind.
        """
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, str):
            value = _as_whole(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_INT64:
            raise self._wrong(name, self.raw(name))
        return value

    def number(self, name: str) -> float:
        """Return a number that must be there; ``"NaN"`` and ``"Infinity"`` are texts in JSON.

        Raises:
            BadInputError: it is missing or of another kind.
        """
        value = self.raw(name)
        if value is None or value == "":
            raise self.missing(name)
        if isinstance(value, str):
            value = _as_number(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, self.raw(name))
        try:
            return float(value)
        except OverflowError as error:
            rule = "must be a number of 64 bits; write Infinity as a text"
            raise BadInputError.of(f"{self._path}{name}", rule) from error

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return true or false.

        Raises:
            BadInputError: it is neither.
        """
        value = self._raw(name)
        if value is None:
            return default
        if isinstance(value, _Repeated):
            if value[0].lower() not in ("true", "false"):
                message = f"Invalid boolean value: {value[0][:60]}, must be 'true' or 'false'."
                raise BadInputError(message, [Reason(name, "must be true or false")])
            return value[0].lower() == "true"
        if not isinstance(value, bool):
            raise self._wrong(name, value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty when it was not sent.

        Raises:
            BadInputError: it is of another kind.
        """
        value = self._raw(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, value)
        return tuple(value)

    def named(self, name: str, request: str, word: str, limit: int) -> tuple[str, ...]:
        """Return a list of texts of which there must be one, and may be ``limit``.

        Args:
            name: of the field.
            request: what the error calls the request, e.g. ``SearchDatasets``.
            word: what it calls one of the list.
            limit: the greatest number.

        Raises:
            BadInputError: there is none, there are too many, or it is of another kind.
        """
        values = self.texts(name)
        if not values:
            message = f"{request} request must specify at least one {word}."
            raise BadInputError(message, [Reason(name, "must be given")])
        if len(values) > limit:
            words = f"specify more than {limit} {word}s. Received {len(values)} {word}s."
            message = f"{request} request cannot {words}"
            raise BadInputError(message, [Reason(name, f"must be at most {limit}")])
        return values

    def objects(self, name: str) -> "tuple[Fields, ...]":
        """Return a list of objects, empty when it was not sent.

        Raises:
            BadInputError: it is of another kind.
        """
        value = self._raw(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong(name, value)
        return tuple(Fields(item, f"{self._path}{name}[{place}].") for place, item in enumerate(value))

    def object(self, name: str) -> "Fields":
        """Return an object, empty when it was not sent.

        Raises:
            BadInputError: it is of another kind.
        """
        value = self.raw(name)
        if value is not None and not isinstance(value, dict):
            raise self._wrong(name, value)
        return Fields(value or {}, f"{self._path}{name}.")

    def pairs(self, name: str) -> dict[str, str]:
        """Return a list of ``{key, value}`` as a mapping; a missing value is an empty text.

        Raises:
            BadInputError: a key is missing, or something is of another kind.
        """
        return {each.needed("key"): each.text("value") for each in self.objects(name)}

    def mapping(self, name: str) -> dict[str, str]:
        """Return an object whose values are texts (a protobuf ``map<string, string>``).

        Raises:
            BadInputError: it is of another kind.
        """
        value = self.raw(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self._wrong(name, value)
        return dict(value)

    def missing(self, name: str) -> BadInputError:
        """Return the error for a field that must be given."""
        shown = f"{self._path}{name}"
        message = f"Missing value for required parameter '{shown}'.{_HINT}"
        return BadInputError(message, [Reason(shown, "must be given")])

    def wrong(self, name: str) -> BadInputError:
        """Return the error for a field whose value is of the wrong kind."""
        return self._wrong(name, self.raw(name))

    def _raw(self, name: str) -> Any:
        value = self._values.get(name)
        head, *tail = name.split("_")
        camel = head + "".join(part.capitalize() for part in tail)
        if camel != name and camel in self._values and not isinstance(value, _Repeated):
            if name in self._values:
                text = f"Request specifies both '{name}' and '{camel}'; provide only one of them."
                raise BadInputError(text, [Reason(name, "must be given once")])
            return self._values[camel]
        return value

    def _wrong(self, name: str, value: Any) -> BadInputError:
        if isinstance(value, _Repeated):
            value = value[0]
        shown = f"{self._path}{name}"
        kind = type(value).__name__
        text = json.dumps(value, default=str, sort_keys=True, separators=(",", ":"))[:200]
        hint = f"Hint: Value was of type '{kind}'.{_HINT}"
        message = f"Invalid value {text} for parameter '{shown}' supplied:  {hint}"
        return BadInputError(message, [Reason(shown, f"must not be of type {kind}")])


class _Body(Mapping[str, Any]):
    """The object that a body is."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __getitem__(self, name: str) -> Any:
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)

    @cached_property
    def _read(self) -> dict[str, Any]:
        try:
            value = msgspec.json.decode(self._body) if self._body else {}
            if isinstance(value, str):
                value = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = _lenient(self._body)
        if not isinstance(value, dict):
            return {}
        check_depth(value)
        return value


class _Repeated(list[str]):
    """The values of a query field, of which there is at least one."""


def json_inside(fields: Fields, name: str, words: str = "") -> Any:
    """Return what a text that must be there, and holds JSON, says.

    Args:
        fields: where it stands.
        name: of the field.
        words: what an error calls the field, where that is another name.

    Raises:
        BadInputError: missing, no JSON, no Unicode, or nested too deeply.
    """
    text, shown = fields.needed(name), words or name
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"'{shown}' must be JSON", [Reason(shown, "must be JSON")]) from error
    check_depth(value)
    check_unicode(value, shown)
    return value


def check_unicode(value: Any, field: str) -> None:
    """Refuse texts that UTF-8 cannot say; JSON can, by writing one half of a surrogate pair.

    Raises:
        BadInputError: there is such a text.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise BadInputError.of(field, "must not contain lone surrogates") from error


def _lenient(body: bytes) -> Any:
    """Read JSON with bare ``NaN`` and ``Infinity``, which Python's own writer makes.

    Raises:
        BadInputError: a text in it is no Unicode.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    check_unicode(value, "body")
    return value


def _as_whole(text: str) -> Any:
    try:
        return int(text) if len(text) <= 20 else text
    except ValueError:
        return text


def _as_number(text: str) -> Any:
    try:
        return float(_NUMBERS.get(text, text))
    except ValueError:
        return text
