"""Libraries that capture uses where they are installed, and does without where they are not."""

import importlib
from typing import Any

from assay.core.errors import BadInputError


def library(name: str) -> Any | None:
    """Return the module ``name``, or None when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def needed(name: str, purpose: str) -> Any:
    """Return the module ``name``.

    Raises:
        BadInputError: it is not installed; says what for it is needed.
    """
    found = library(name)
    if found is None:
        package = name.partition(".")[0]
        raise BadInputError.of("environment", f"needs the package {package} to {purpose}")
    return found


def comes_from(value: Any, package: str) -> bool:
    """Tell whether the class of ``value`` is defined in ``package``, without importing it."""
    return type(value).__module__.partition(".")[0] == package
