"""How the registry's errors are said to an MLflow client: one table, one JSON document.

The client raises ``RestException("<error_code>: <message>")`` with our message word for word. It
repeats 408, 429 and 5xx for minutes, so that no refusal may be one of those.
"""

from collections.abc import Mapping
from typing import Final

from assay.core.errors import (
    AssayError,
    BadInputError,
    ConflictError,
    DeniedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from assay.wire.codec import encode

ERRORS: Final[Mapping[type[AssayError], tuple[int, str]]] = {
    BadInputError: (400, "INVALID_PARAMETER_VALUE"),
    RefusedError: (400, "INVALID_STATE"),
    ConflictError: (409, "RESOURCE_CONFLICT"),
    NotFoundError: (404, "RESOURCE_DOES_NOT_EXIST"),
    DeniedError: (403, "PERMISSION_DENIED"),
    UnavailableError: (503, "TEMPORARILY_UNAVAILABLE"),
}


class ForeignError(AssayError):
    """What only this protocol says: a code of MLflow's own with its status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep the parts."""
        super().__init__(message)
        self.status = status
        self.code = code


def already_exists(message: str) -> ForeignError:
    """Return the error that the client swallows when it only wants to be sure of a model."""
    return ForeignError(400, "RESOURCE_ALREADY_EXISTS", message)


def unknown_route(method: str, path: str) -> ForeignError:
    """Return the error for a path that nobody answers."""
    return ForeignError(404, "ENDPOINT_NOT_FOUND", f"there is no route {method} {path[:200]}")


def status_and_code(error: AssayError) -> tuple[int, str]:
    """Return HTTP status and MLflow's error code."""
    if isinstance(error, ForeignError):
        return error.status, error.code
    if isinstance(error, DeniedError) and error.authenticate:
        return 401, "UNAUTHENTICATED"
    return ERRORS[type(error)]


def words(error: AssayError) -> str:
    """Return what an error says; the hint is part of it.

    What was sent may be shown in it: a lone surrogate, which UTF-8 cannot say, becomes a question mark.
    """
    text = str(error)
    if error.hint:
        is_command = error.hint.startswith("assay ")
        text = f"{text}. {error.hint if is_command else error.hint[0].upper() + error.hint[1:]}"
    return text.encode(errors="replace").decode()


def say(error: AssayError) -> bytes:
    """Return the JSON document of an error."""
    return encode({"error_code": status_and_code(error)[1], "message": words(error)})
