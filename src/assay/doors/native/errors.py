"""How the registry's errors are said over HTTP: one table, one document."""

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

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
from assay.http.replies import Reply
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
# Statuses that say more than the kind does -> kind of the document ("" for none: the server answers before
# the door does), and what happened.
REFUSALS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("denied", "A (valid) token is needed."),
    405: ("bad_input", "The path has other methods than this one; Allow names them."),
    412: ("conflict", "It is not in the state that If-Match or If-None-Match demands."),
    413: ("bad_input", "The body is too large."),
    414: ("", "The address is too long."),
    415: ("bad_input", "The body comes in another media type than the route reads."),
    416: ("bad_input", "The range lies outside the file."),
    429: ("unavailable", "Too many requests came; Retry-After says when to ask again."),
    431: ("", "The headers are too many or too long."),
    500: (
        "error",
        "The registry failed; the log has the reason under the number that is told.",
    ),
}
NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
log = logging.getLogger("assay.native")


def answer_error(error: AssayError) -> Reply:
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


def no_such_route() -> Reply:
    """Say that nothing answers a path."""
    return _refusal(404, "not_found", "there is no such route", "see /docs")


def no_such_method(methods: Sequence[str]) -> Reply:
    """Say that a path is answered, but by other methods (RFC 9110, section 15.5.6)."""
    words = "the route does not have this method"
    return _refusal(405, "bad_input", words, "see /docs", {"Allow": ", ".join(methods)})


def too_large() -> Reply:
    """Say that a body is longer than one of JSON may be."""
    hint = "send files as blobs: PUT /api/v1/blobs/{digest}"
    return _refusal(413, "bad_input", "the body is too large", hint)


def answer_unexpected(method: str, path: str, error: Exception) -> Reply:
    """Say that the fault is ours; what went wrong is in the log under the id that is told."""
    number = request_id() or secrets.token_hex(6)
    log.error("request %s: %s %s", number, method, path, exc_info=error)
    message = f"the registry failed; the operator finds the reason in the log under {number}"
    return document(500, ErrorDocument("error", message))


def document(status: int, content: ErrorDocument, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an error document as an answer."""
    return Reply(encode(content), status, headers={**NO_STORE, **(headers or {})})


def _refusal(
    status: int, kind: str, message: str, hint: str, headers: Mapping[str, str] | None = None
) -> Reply:
    return document(status, ErrorDocument(kind, message, (Reason("request", message),), hint), headers)
