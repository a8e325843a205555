"""JSON to core's dataclasses and back, through msgspec.

Writing is the same everywhere. Reading is lenient for what this program wrote itself (a newer
server may add fields) and strict for what users send: an unknown field is an error.
"""

import dataclasses
import hashlib
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from assay.core.digests import Digest
from assay.core.errors import BadInputError, Reason
from assay.core.names import ModelName
from assay.core.semver import SemVer

T = TypeVar("T")
_NAMED = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>[^`]*)`", re.DOTALL)
_TEXT_TYPES = {Digest: Digest, ModelName: ModelName, SemVer: SemVer.parse}
MAX_DEPTH = 64
_AT = re.compile(r"(?P<rule>.*?) - at `(?:key in )?\$\.?(?P<field>.*)`", re.DOTALL)


def _to_text(value: Any) -> str:
    if isinstance(value, str) or getattr(value, "is_text", False):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _from_text(kind: type, value: Any) -> Any:
    return _TEXT_TYPES[kind](value)


_ENCODER = msgspec.json.Encoder(enc_hook=_to_text)
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}
_BUILDING = threading.Lock()


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return what reads a type; built once, by one thread at a time.

    While msgspec takes a class apart for the first time it already keeps what is half done on that class, and
    a second thread that reads one just then crashes the process (0.22, ``DataclassInfo`` and ``StructInfo``).
    """
    found = _DECODERS.get(kind)
    if found is None:
        with _BUILDING:
            found = _DECODERS.setdefault(kind, msgspec.json.Decoder(kind, dec_hook=_from_text))
    return found


def encode(value: Any) -> bytes:
    """Return ``value`` as UTF-8 JSON."""
    return _ENCODER.encode(value)


def tag_of(value: Any) -> str:
    """Return the entity tag of ``value``, unquoted: the same for the same content, whatever its order."""
    return hashlib.sha256(msgspec.json.encode(value, enc_hook=_to_text, order="deterministic")).hexdigest()[
        :32
    ]


def decode(content: bytes | str, kind: type[T]) -> T:
    """Read what this program wrote; unknown fields are passed over.

    Raises:
        BadInputError: not JSON, or not of that type; names the field and the rule.
    """
    try:
        value: T = _decoder(kind).decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _explain(error) from error
    return value


def decode_strict(content: bytes | str, kind: type[T]) -> T:
    """Read what a user sent; a field that the type does not have is refused by name.

    Raises:
        BadInputError: not JSON, wrong type, a broken rule, or unknown fields.
    """
    try:
        raw = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _explain(error) from error
    except RecursionError as error:
        raise _too_deep() from error
    return convert_strict(raw, kind)


def convert_strict(raw: Any, kind: type[T]) -> T:
    """Do as :func:`decode_strict` with values already taken out of JSON, YAML or a query.

    Raises:
        BadInputError: wrong type, a broken rule, nested too deeply, or unknown fields.
    """
    check_depth(raw)
    _decoder(kind)  # the class is taken apart here, where one thread does it at a time
    try:
        value = msgspec.convert(raw, type=kind, dec_hook=_from_text)
    except msgspec.ValidationError as error:
        raise _explain(error) from error
    unknown = list(_unknown_fields(value, raw, ""))
    if unknown:
        raise BadInputError("unknown fields: " + ", ".join(each.field for each in unknown[:10]), unknown[:50])
    return value


def to_plain(value: Any) -> Any:
    """Reduce ``value`` to dicts, lists, strings and numbers."""
    return msgspec.to_builtins(value, enc_hook=_to_text, str_keys=True)


def check_depth(raw: Any) -> None:
    """Refuse what would make everything that walks over it by recursion fail.

    Raises:
        BadInputError: nested deeper than 64.
    """
    level = [raw]
    for _ in range(MAX_DEPTH + 1):
        level = [item for each in level if isinstance(each, dict | list) for item in _items(each)]
        if not level:
            return
    raise _too_deep()


def _items(container: dict[Any, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _too_deep() -> BadInputError:
    return BadInputError.of("document", f"must not be nested deeper than {MAX_DEPTH}")


def _unknown_fields(value: Any, raw: Any, path: str) -> list[Reason]:
    found: list[Reason] = []
    if dataclasses.is_dataclass(value) and isinstance(raw, dict):
        names = [each.name for each in dataclasses.fields(value)]
        known = ", ".join(names)
        found += [
            Reason(f"{path}{key}"[:200], "unknown field", f"known: {known}")
            for key in raw
            if key not in names
        ]
        for name in names:
            if name in raw:
                found += _unknown_fields(getattr(value, name), raw[name], f"{path}{name}.")
    elif isinstance(value, tuple | list) and isinstance(raw, list):
        for index, (item, part) in enumerate(zip(value, raw, strict=True)):
            found += _unknown_fields(item, part, f"{path.rstrip('.')}[{index}].")
    elif isinstance(value, Mapping) and isinstance(raw, dict):
        for key, part in raw.items():
            if key in value:
                found += _unknown_fields(value[key], part, f"{path}{key}.")
    return found


def _explain(error: msgspec.DecodeError | UnicodeDecodeError) -> BadInputError:
    """Keep a core rule's own words; otherwise split msgspec's message into field and rule."""
    match = _AT.fullmatch(str(error))
    cause = error.__cause__
    if isinstance(cause, BadInputError):
        where = match["field"] if match else ""
        reasons = [Reason(where or each.field, each.rule, each.detail) for each in cause.reasons] or [
            Reason(where, cause.message)
        ]
        return BadInputError("; ".join(map(str, reasons)), reasons, hint=cause.hint)
    if isinstance(error, msgspec.ValidationError):
        place, rule = (match["field"], match["rule"]) if match else ("", str(error))
        named = _NAMED.fullmatch(rule)
        if named:
            place = f"{place}.{named['name']}".lstrip(".")
            rule = "must be given" if named["what"] == "missing required" else "unknown field"
        return BadInputError.of(place or "document", rule)
    return BadInputError.of("document", "must be JSON in UTF-8", str(error)[:200])
