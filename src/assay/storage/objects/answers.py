"""What an object store says when it does not do what was asked, in the registry's words."""

import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore.exceptions import (
    BaseError,
    PermissionDeniedError,
    UnauthenticatedError,
)

from assay.core.errors import AssayError, UnavailableError

log = logging.getLogger("assay.storage")
_MOST: Final = 600
# The library adds its own inner state below this line; it may hold addresses and headers.
_INNER: Final = re.compile(r"\n+Debug source:.*", re.DOTALL)
_IN_ADDRESS: Final = re.compile(
    r"(?i)\b(sig|signature|token|password|secret|key|credential|x-(?:amz|goog)-[a-z-]+)=[^&\s\"'<>]+"
)
_IN_ANSWER: Final = re.compile(
    r"(?is)<(AWSAccessKeyId|StringToSign\w*|CanonicalRequest\w*|SignatureProvided|AuthenticationErrorDetail)>"
    r".*?</\1>"
)
# Of lists and of uploads in parts the library has no error of their own for what is not there, or denied.
_STATUS: Final = re.compile(r"status code: (\d{3})\b")


@contextmanager
def translated(doing: str, *, absent: bool = False) -> Iterator[None]:
    """Say errors of the store in the registry's words; what it said itself goes to the log, under a number.

    Args:
        doing: what was tried, as in ``the bytes cannot be read``.
        absent: that nothing is there is not an error of the store.

    Raises:
        FileNotFoundError: nothing is there, with ``absent``.
        UnavailableError: the store did not do it.
    """
    try:
        yield
    except AssayError:
        raise
    except FileNotFoundError as error:
        if absent:
            raise
        raise unavailable(doing, error) from None
    except (BaseError, OSError, NotImplementedError, ValueError) as error:
        raise unavailable(doing, error) from None  # what is below holds the store's own words


def status_of(error: Exception) -> int | None:
    """Return the HTTP status that the store answered with, as far as the library tells it."""
    match = _STATUS.search(str(error))
    return int(match[1]) if match else None


def unavailable(doing: str, error: Exception) -> UnavailableError:
    """Return the error for people, and write the reason to the log under the number that it names."""
    number = secrets.token_hex(6)
    log.error("%s: %s: %s: %s", number, doing, type(error).__name__, harmless(str(error)))
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or status_of(error) in (401, 403):
        why = "the object store refuses the credentials of the registry"
    else:
        why = "the object store does not answer as it should"
    return UnavailableError(f"{doing}: {why}; the operator finds the reason in the log under {number}")


def harmless(text: str) -> str:
    """Return what a store said without what could be a secret, and short."""
    text = _IN_ANSWER.sub(r"<\1/>", _INNER.sub("", text))
    text = _IN_ADDRESS.sub(r"\1=...", text)
    return " ".join(text.split())[:_MOST]
