"""Who may name stored bytes by their digest: whoever uploaded them, or may read what is made of them.

A digest is no secret: it stands in logs, lock files and other registries. To know one gives nobody the
bytes.
"""

from assay.core.access import Caller, readable
from assay.core.names import ModelName


def uploader(name: str) -> str:
    """Return the word for a principal that uploaded bytes."""
    return f"principal:{name}"


def user(model: ModelName) -> str:
    """Return the word for a model with a version of these bytes."""
    return f"model:{model}"


def holders(caller: Caller) -> tuple[str, ...]:
    """Return the words for all whose bytes a caller may name; one with ``*`` at its end for many."""
    return uploader(caller.name), *(f"model:{pattern}" for pattern in readable(caller))
