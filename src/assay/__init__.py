"""Assay: a model registry in which every gate on the way to Production is measured.

``import assay`` costs next to nothing: the client and the errors are loaded when first named.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from assay.client import Client
    from assay.core.errors import (
        AssayError,
        BadInputError,
        ConflictError,
        DeniedError,
        NotFoundError,
        RefusedError,
        UnavailableError,
    )

__version__: Final = "0.1.0"
__all__ = [
    "AssayError",
    "BadInputError",
    "Client",
    "ConflictError",
    "DeniedError",
    "NotFoundError",
    "RefusedError",
    "UnavailableError",
    "__version__",
]

_ERRORS: Final = (
    "AssayError",
    "BadInputError",
    "ConflictError",
    "DeniedError",
    "NotFoundError",
    "RefusedError",
    "UnavailableError",
)
_HOMES: Final = {"Client": "assay.client", **dict.fromkeys(_ERRORS, "assay.core.errors")}


def __getattr__(name: str) -> Any:
    """Load what ``assay.Client`` and the errors name, once.

    Raises:
        AttributeError: there is no such name.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
