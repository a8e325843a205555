"""How the registry's errors are said over HTTP: one table, one document."""

import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException

from assay.core.errors import (
    AssayError,
    BadInputError,
    ConflictError,
    DeniedError,
    NotFoundError,
    Reason,
    RefusedError,
    UnavailableError,
)
from assay.core.request_ids import request_id
from assay.wire.codec import encode
from assay.wire.views import ErrorDocument

ERRORS: Final[Mapping[type[AssayError], int]] = {
    BadInputError: 400,
    DeniedError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    RefusedError: 422,
    UnavailableError: 503,
}
NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_RULES: Final = {
    404: ("not_found", "there is no such route", "see /docs"),
    405: ("bad_input", "the route does not have this method", "see /docs"),
    413: ("bad_input", "the body is too large", "send files as blobs: PUT /api/v1/blobs/{digest}"),
}
log = logging.getLogger("assay.native")


def answer_assay_error(_request: Request[Any, Any, Any], error: AssayError) -> Response[bytes]:
    """Say one of the registry's own errors."""
    status, headers = status_of(error)
    return document(status, ErrorDocument.of(error), headers)


def status_of(error: AssayError) -> tuple[int, dict[str, str]]:
    """Return the status that says an error, and the headers that belong to it."""
    if isinstance(error, DeniedError) and error.authenticate:
        return 401, {"WWW-Authenticate": "Bearer"}
    if isinstance(error, ConflictError) and error.precondition:
        return 412, {}
    if isinstance(error, ConflictError) and error.retry_after_s:
        return 409, {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, UnavailableError) and error.too_many:
        return 429, {"Retry-After": str(error.retry_after_s)}
    return ERRORS[type(error)], {}


def answer_http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Say what the framework refused: unknown routes, methods, bodies that are too large."""
    status = error.status_code
    if status >= 500:
        return answer_unexpected(_request, error)
    kind, message, hint = _RULES.get(status, ("bad_input", str(error.detail)[:500], ""))
    return document(status, ErrorDocument(kind, message, (Reason("request", message),), hint), error.headers)


def answer_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Say that the fault is ours; what went wrong is in the log under the id that is told."""
    number = request_id() or secrets.token_hex(6)
    log.error("request %s: %s %s", number, request.method, request.url.path, exc_info=error)
    message = f"the registry failed; the operator finds the reason in the log under {number}"
    return document(500, ErrorDocument("error", message))


def document(
    status: int, content: ErrorDocument, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """Return an error document as a response."""
    kept = {**NO_STORE, **(headers or {})}
    return Response(encode(content), status_code=status, media_type="application/json", headers=kept)
