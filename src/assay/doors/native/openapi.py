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
from assay.doors.native.errors import ERRORS
from assay.doors.native.route import Route
from assay.wire.views import ErrorDocument, Health

_REF: Final = "#/components/schemas/{name}"
_TEXTS: Final[Mapping[Any, dict[str, Any]]] = {
    ModelName: {"type": "string", "pattern": f"^{PART}/{PART}$", "description": "team/task"},
    Digest: {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    SemVer: {"type": "string", "pattern": r"^v\d+\.\d+\.\d+$"},
}
_TITLE: Final = "Assay"


def openapi_document(routes: Iterable[Route], base: str) -> dict[str, Any]:
    """Return the document of all routes."""
    routes = tuple(routes)
    kinds = [ErrorDocument, Health]
    kinds += [kind for route in routes for kind in (route.gives, route.takes) if kind not in (None, bytes)]
    schemas, components = msgspec.json.schema_components(kinds, schema_hook=_text_schema, ref_template=_REF)
    by_kind = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {
        "/healthz": {"get": _operation("Is the server well?", by_kind[repr(Health)], {}, secured=False)}
    }
    for route in routes:
        path = base + route.path.replace(":path}", "}")
        paths.setdefault(path, {})[route.method.lower()] = _of(route, by_kind)
    _add_blobs(paths, base)
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
    if route.gives not in (None, bytes):
        gives = by_kind[repr(route.gives)]
    names = re.findall(r"{(\w+)(?::path)?}", route.path)
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in route.query.items()
    ]
    extra: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if route.takes is not None:
        extra["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": by_kind[repr(route.takes)]}},
        }
    return _operation(route.summary, gives, extra, status=route.status, media_type=route.media_type)


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
    error = {"application/json": {"schema": {"$ref": _REF.format(name="ErrorDocument")}}}
    answers: dict[str, Any] = {str(status): good}
    for kind, code in sorted(ERRORS.items(), key=lambda item: item[1]):
        answers[str(code)] = {"description": (kind.__doc__ or "").splitlines()[0], "content": error}
    answers["401"] = {"description": "A (valid) token is needed.", "content": error}
    security: dict[str, Any] = {} if secured else {"security": []}
    return {"summary": summary, **extra, "responses": answers, **security}


def _add_blobs(paths: dict[str, dict[str, Any]], base: str) -> None:
    digest = {"name": "digest", "in": "path", "required": True, "schema": _TEXTS[Digest]}
    body = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    stored = {"type": "object", "properties": {"digest": _TEXTS[Digest], "size_bytes": {"type": "integer"}}}
    paths[f"{base}/blobs/{{digest}}"] = {
        "put": _operation(
            "Store bytes under their digest",
            stored,
            {"parameters": [digest], "requestBody": body},
            status=201,
        ),
        "head": _operation("Are these bytes stored?", None, {"parameters": [digest]}),
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
