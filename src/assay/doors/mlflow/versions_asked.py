"""The version that a request names, with MLflow's words for one that is not there."""

from typing import Final

from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.search import VersionSummary
from assay.doors.mlflow.route import Call

_SHOWN: Final = 300


def asked_version(call: Call, name: str) -> VersionSummary:
    """Return the version of the model ``name`` that a request names by number or semantic version.

    Raises:
        BadInputError: it names none.
        NotFoundError: there is no such model or version, or the caller may not know of it.
    """
    return named_version(call, name, call.fields.needed("version"))


def perhaps_version(call: Call, name: str) -> VersionSummary:
    """Return the same, with other words for a version that is not named at all.

    Raises:
        BadInputError: the request names none.
        NotFoundError: there is no such model or version, or the caller may not know of it.
    """
    return named_version(call, name, call.fields.text("version"))


def named_version(call: Call, name: str, text: str) -> VersionSummary:
    """Return the version of the model ``name`` that ``text`` names by number or semantic version.

    Raises:
        BadInputError: it names none.
        NotFoundError: there is no such model or version, or the caller may not know of it.
    """
    try:
        return call.use.outside.version(call.caller, name, text)
    except NotFoundError as error:
        raise _not_found(call, text) from error
    except BadInputError as error:
        if text.strip().lstrip("+-").isdecimal():  # zero, below it, or beyond any number that was given
            raise _not_found(call, text) from error
        message = f"Parameter 'version' must be an integer, got '{text[:100]}'."
        raise BadInputError(message, [Reason("version", "must be a number or a semantic version")]) from error


def _not_found(call: Call, text: str) -> NotFoundError:
    name = call.fields.text("name")[:_SHOWN]
    return NotFoundError(f"Model Version (name={name}, version={text[:100]}) not found")
