"""How the registry's errors are said to an MLflow client: one table, one JSON document.

The client raises ``RestException("<error_code>: <message>")`` with our message word for word. It
repeats 408, 429 and 5xx for minutes, so that no refusal may be one of those but that it asks too often.
"""

from collections.abc import Mapping, Sequence
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
from assay.core.outside_names import DEFAULT_TEAM
from assay.wire.codec import encode

ERRORS: Final[Mapping[type[AssayError], tuple[int, str]]] = {
    BadInputError: (400, "INVALID_PARAMETER_VALUE"),
    RefusedError: (400, "INVALID_STATE"),
    ConflictError: (409, "RESOURCE_CONFLICT"),
    NotFoundError: (404, "RESOURCE_DOES_NOT_EXIST"),
    DeniedError: (403, "PERMISSION_DENIED"),
    UnavailableError: (503, "TEMPORARILY_UNAVAILABLE"),
}
LOGIN: Final = (
    "set MLFLOW_TRACKING_TOKEN to a token (assay token create), or MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD"
)
_MAX_TEAMS: Final = 10


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
    if isinstance(error, UnavailableError) and error.too_many:
        return 429, "REQUEST_LIMIT_EXCEEDED"
    return ERRORS[type(error)]


def words(error: AssayError) -> str:
    """Return what an error says; the hint is part of it.

    What was sent may be shown in it: a lone surrogate, which UTF-8 cannot say, becomes a question mark.
    """
    text, hint = str(error), error.hint
    if isinstance(error, DeniedError) and error.authenticate:
        hint = hint or LOGIN
    if hint:
        text = f"{text}. {hint if hint.startswith('assay ') else hint[0].upper() + hint[1:]}"
    return text.encode(errors="replace").decode()


def in_no_workspace(error: AssayError) -> AssayError:
    """Return an error as it is said to a request that named no workspace, and so meant the default one.

    Who has the right in other teams is told how to name one of them.
    """
    if not isinstance(error, DeniedError) or not error.teams:
        return error
    hint = f"no workspace was named, which means '{DEFAULT_TEAM}'; you may do this in {named(error.teams)}"
    return DeniedError(error.message, error.reasons, hint=f"{hint}: {workspace_of(error.teams)}")


def named(teams: Sequence[str]) -> str:
    """Return some teams as a text; not more than anybody reads."""
    more = f" and {len(teams) - _MAX_TEAMS} more" if len(teams) > _MAX_TEAMS else ""
    return ", ".join(f"'{each}'" for each in teams[:_MAX_TEAMS]) + more


def workspace_of(teams: Sequence[str]) -> str:
    """Return how a client works in one of these teams."""
    return f"set MLFLOW_WORKSPACE={teams[0] if len(teams) == 1 else '(one of them)'}"


def say(error: AssayError) -> bytes:
    """Return the JSON document of an error."""
    return encode({"error_code": status_and_code(error)[1], "message": words(error)})
