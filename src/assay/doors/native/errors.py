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
    status = ERRORS[type(error)]
    headers = {}
    if isinstance(error, DeniedError) and error.authenticate:
        status, headers = 401, {"WWW-Authenticate": "Bearer"}
    return document(status, ErrorDocument.of(error), headers)


def answer_http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Say what the framework refused: unknown routes, methods, bodies that are too large."""
    status = error.status_code
    if status >= 500:
        return answer_unexpected(_request, error)
    kind, message, hint = _RULES.get(status, ("bad_input", str(error.detail)[:500], ""))
    return document(status, ErrorDocument(kind, message, (Reason("request", message),), hint), error.headers)


def answer_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Say that the fault is ours; what went wrong is in the log under the id that is told."""
    number = secrets.token_hex(6)
    log.error("request %s: %s %s", number, request.method, request.url.path, exc_info=error)
    message = f"the registry failed; the operator finds the reason in the log under {number}"
    return document(500, ErrorDocument("error", message))


def document(
    status: int, content: ErrorDocument, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """Return an error document as a response."""
    kept = {**NO_STORE, **(headers or {})}
    return Response(encode(content), status_code=status, media_type="application/json", headers=kept)
