"""Which of core's errors an answer stands for that is not a good one."""

from collections.abc import Mapping
from typing import Final

import httpx

from assay.core.errors import (
    LEAVES,
    AssayError,
    BadInputError,
    ConflictError,
    DeniedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from assay.wire import codec
from assay.wire.views import ErrorDocument

_BY_KIND: Final = {leaf.kind: leaf for leaf in LEAVES}
_BY_STATUS: Final[Mapping[int, type[AssayError]]] = {
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: RefusedError,
}


def error_from(status: int, body: bytes, url: str, moved: tuple[str, str] = ("", "")) -> AssayError:
    """Return the error that an answer stands for.

    Args:
        status: of the answer, 300 and above.
        body: of the answer.
        url: of the registry.
        moved: where the answer sends to, and the path that was asked for, for one that does.
    """
    if 300 <= status < 400:
        there = _moved_to(*moved)
        hint = f"set ASSAY_URL to {there}" if there else "check ASSAY_URL"
        return UnavailableError(f"{url} sends elsewhere (HTTP {status})", hint=hint)
    try:
        document = codec.decode(body, ErrorDocument)
    except BadInputError:
        document = None
    leaf = _BY_KIND.get(document.kind) if document else None
    if document is None or leaf is None:
        return _bare_error(
            status, f"{url} answered HTTP {status}" + (f": {document.message}" if document else "")
        )
    if leaf is DeniedError:
        hint = document.hint or ("set ASSAY_TOKEN to a valid token" if status == 401 else "")
        return DeniedError(document.message, document.reasons, hint=hint, authenticate=status == 401)
    return leaf(document.message, document.reasons, hint=document.hint)


def _moved_to(location: str, path: str) -> str:
    """Return the address of the registry that has moved as a whole; "" when something else is meant.

    An address can be a right, as those are that stores sign: none is shown but host and what stands before
    a path that was asked for.
    """
    try:
        there = httpx.URL(location)
    except httpx.InvalidURL:
        return ""
    if not there.host or not there.path.endswith(path):
        return ""
    return f"{there.scheme}://{there.netloc.decode()}{there.path.removesuffix(path)}".rstrip("/")


def _bare_error(status: int, message: str) -> AssayError:
    """Say an error that came without a document of ours, from a proxy for instance."""
    if status == 401:
        return DeniedError(message, hint="set ASSAY_TOKEN to a valid token", authenticate=True)
    leaf = _BY_STATUS.get(status) or (
        UnavailableError if status in (408, 429) or status >= 500 else BadInputError
    )
    return leaf(message, hint="" if leaf is not UnavailableError else "try again later")
