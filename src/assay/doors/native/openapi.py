"""The OpenAPI 3.1 document, made from the routes, and a page that shows it without any other host."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from assay import __version__
from assay.core.digests import Digest
from assay.core.names import PART, ModelName
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.doors.native.auth_paths import AUTH_KINDS, auth_paths
from assay.doors.native.errors import ERRORS, REFUSALS
from assay.doors.native.route import Lines, Route
from assay.wire.views import ErrorDocument, Health

_REF: Final = "#/components/schemas/{name}"
_TEXTS: Final[Mapping[Any, dict[str, Any]]] = {
    ModelName: {"type": "string", "pattern": f"^{PART}/{PART}$", "description": "team/task"},
    Digest: {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    SemVer: {"type": "string", "pattern": r"^v\d+\.\d+\.\d+$"},
}
_PATTERNS: Final = {"type": "string", "pattern": rf"^(\*|{PART}/\*|{PART}/{PART})$"}
_PART: Final = {"type": "string", "pattern": f"^{PART}$"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_REPEATABLE: Final = {"type": "array", "items": {"type": "string"}}
_PARAMETERS: Final[Mapping[str, dict[str, Any]]] = {
    "team": _PART,
    "task": _PART,
    "alias": _PART,
    "version": {"type": "string", "examples": ["v1.2.0", "12", "@production"]},
    "digest": _TEXTS[Digest],
    "model": _TEXTS[ModelName],
    "pattern": _PATTERNS,
    "stage": {"type": "string", "enum": [stage.value for stage in Stage]},
    "tag": _REPEATABLE,
    "metric": _REPEATABLE,
    "open": {"type": "boolean"},
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
    "after": {"type": "integer", "minimum": 0},
    "seq": {"type": "integer", "minimum": 1},
    "size": {"type": "integer", "minimum": 0},
    "first": {"type": "integer", "minimum": 1},
    "second": {"type": "integer", "minimum": 1},
    "registered_after": _INSTANT,
    "registered_before": _INSTANT,
}
_HEADERS: Final[Mapping[str, dict[str, Any]]] = {
    name: {"name": name, "in": "header", "description": words, "schema": {"type": "string", **more}}
    for name, words, more in (
        (
            "Idempotency-Key",
            "Lets the request take effect once: sent again with the same key, within 24 hours, it is given"
            " the first answer, with Idempotency-Replayed: true.",
            {"examples": ['"8e03978e-40d5-43e8-bc93-6894a57f9324"']},
        ),
        (
            "If-Match",
            "Only over a state with one of these ETags; * for any that there is.",
            {"examples": ['"d554c13a18b02f9f13d92133d5fa1a33"', "*"]},
        ),
        (
            "If-None-Match",
            "Not over a state with one of these ETags; * for none at all. A GET of one is answered 304.",
            {"examples": ["*"]},
        ),
    )
}
_TITLE: Final = "Assay"


def openapi_document(routes: Iterable[Route], base: str) -> dict[str, Any]:
    """Return the document of all routes."""
    routes = tuple(routes)
    kinds = [ErrorDocument, Health, *AUTH_KINDS]
    kinds += [
        kind for route in routes for kind in (route.gives, route.takes) if kind not in (None, bytes, Lines)
    ]
    schemas, components = msgspec.json.schema_components(kinds, schema_hook=_text_schema, ref_template=_REF)
    by_kind = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {
        "/healthz": {"get": _operation("Does the server live?", by_kind[repr(Health)], {}, secured=False)}
    }
    for route in routes:
        path = base + route.path.replace(":path}", "}")
        operations = paths.setdefault(path, {})
        operations[route.method.lower()] = _of(route, by_kind)
        if route.gives is bytes:
            operations["head"] = _head(operations["get"])
    _add_blobs(paths, base)
    paths.update(auth_paths(by_kind, _operation))
    _add_parts(paths, base)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _TITLE,
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _text_schema(kind: type) -> dict[str, Any]:
    if kind in _TEXTS:
        return dict(_TEXTS[kind])
    raise NotImplementedError(f"{kind} has no schema")  # msgspec asks for exactly this exception


def _of(route: Route, by_kind: Mapping[str, Any]) -> dict[str, Any]:
    gives = None if route.gives is None else {"type": "string", "format": "binary"}
    if route.gives not in (None, bytes, Lines):
        gives = by_kind[repr(route.gives)]
    names = re.findall(r"{(\w+)(?::path)?}", route.path)
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _parameter(name)} for name in names
    ]
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": _parameter(name)}
        for name, text in route.query.items()
    ]
    parameters += [dict(_HEADERS[name]) for name in _headers_of(route)]
    extra: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if route.takes is not None:
        schema = {"schema": by_kind[repr(route.takes)]}
        extra["requestBody"] = {"required": True, "content": dict.fromkeys(route.takes_types, schema)}
    operation = _operation(route.summary, gives, extra, status=route.status, media_type=route.media_type)
    if route.tagged:
        _add_tag(route, operation["responses"])
    refused = ["413", "415"] if route.takes is not None else ["416"] if route.gives is bytes else []
    operation["responses"] |= {code: _refusal(REFUSALS[int(code)][1]) for code in refused}
    if route.gives is bytes:
        operation["responses"]["206"] = {**operation["responses"]["200"], "description": "The range."}
    return operation


def _headers_of(route: Route) -> tuple[str, ...]:
    if route.method == "POST":
        return ("Idempotency-Key",)
    return ("If-Match", "If-None-Match") if route.tagged else ()


def _add_tag(route: Route, responses: dict[str, Any]) -> None:
    responses["412"] = _refusal(REFUSALS[412][1])
    etag = {"ETag": {"description": "Of the state it is in.", "schema": {"type": "string"}}}
    if route.status != 204:
        responses[str(route.status)]["headers"] = etag
    if route.method == "GET":
        responses["304"] = {"description": "It is as If-None-Match says.", "headers": etag}


def _parameter(name: str) -> dict[str, Any]:
    return dict(_PARAMETERS.get(name, {"type": "string"}))


def _head(get: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operation that answers as ``get`` does, without a body."""
    good = {"description": "As for GET, without the body."}
    answers = {code: answer for code, answer in get["responses"].items() if code not in ("206", "416")}
    return {**get, "summary": "Size and digest of the file", "responses": {**answers, "200": good}}


def _refusal(words: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name="ErrorDocument")}
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _operation(
    summary: str,
    gives: Any,
    extra: Mapping[str, Any],
    *,
    status: int = 200,
    media_type: str = "application/json",
    secured: bool = True,
) -> dict[str, Any]:
    good: dict[str, Any] = {"description": summary}
    if gives is not None:
        good["content"] = {media_type: {"schema": gives}}
    answers: dict[str, Any] = {str(status): good}
    for kind, code in sorted(ERRORS.items(), key=lambda item: item[1]):
        answers[str(code)] = _refusal((kind.__doc__ or "").splitlines()[0])
    answers["401"] = _refusal(REFUSALS[401][1])
    if secured:
        answers["429"] = _refusal(REFUSALS[429][1])
    security: dict[str, Any] = {} if secured else {"security": []}
    return {"summary": summary, **extra, "responses": answers, **security}


def _add_blobs(paths: dict[str, dict[str, Any]], base: str) -> None:
    digest = {"name": "digest", "in": "path", "required": True, "schema": _TEXTS[Digest]}
    body = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    stored = {"type": "object", "properties": {"digest": _TEXTS[Digest], "size_bytes": {"type": "integer"}}}
    put = _operation(
        "Store bytes under their digest", stored, {"parameters": [digest], "requestBody": body}, status=201
    )
    put["responses"]["413"] = _refusal("The file is larger than the server takes (max_upload_bytes).")
    paths[f"{base}/blobs/{{digest}}"] = {
        "put": put,
        "head": _operation("Are these bytes stored?", None, {"parameters": [digest]}),
    }


def _add_parts(paths: dict[str, dict[str, Any]], base: str) -> None:
    text = {"type": "string"}
    places = [
        {"name": "id", "in": "path", "required": True, "schema": text},
        {"name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}},
    ]
    digest = {
        "name": "Content-Digest",
        "in": "header",
        "required": True,
        "description": "of the part: sha-256=:<base64>: (RFC 9530)",
        "schema": text,
    }
    body = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    paths[f"{base}/uploads/{{id}}/parts/{{number}}"] = {
        "put": _operation(
            "Send a part of a file; in any order, and again",
            {"$ref": _REF.format(name="UploadPart")},
            {"parameters": [*places, digest], "requestBody": body},
            status=201,
        )
    }


def docs_page(document: Mapping[str, Any]) -> bytes:
    """Return one page of HTML that shows the document; it loads nothing."""
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            rows.append(_row(path, method, operation))
    schemas = "".join(
        f"<details><summary>{html.escape(name)}</summary><pre>{_pretty(schema)}</pre></details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    return _PAGE.format(rows="".join(rows), schemas=schemas, version=html.escape(__version__)).encode()


def _row(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parts = {
        name: operation[name] for name in ("parameters", "requestBody", "responses") if name in operation
    }
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{html.escape(path)}</code> "
        f"{html.escape(operation['summary'])}</summary><pre>{_pretty(parts)}</pre></details>"
    )


def _pretty(value: Any) -> str:
    return html.escape(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Assay API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
summary{{cursor:pointer;padding:.25rem 0}}b{{display:inline-block;min-width:4.5rem}}
pre{{overflow:auto;padding:.75rem;border:1px solid #8886;border-radius:.4rem;font-size:.85rem}}
:root{{color-scheme:light dark}}</style></head><body>
<h1>Assay API {version}</h1>
<p>The machine-readable document is at <a href="/docs/openapi.json">/docs/openapi.json</a>.</p>
<h2>Routes</h2>{rows}<h2>Schemas</h2>{schemas}</body></html>"""
