"""The mark of a blob store: a small file at its root, of a name that no blob has, for people to read too."""

from typing import Final

MARK: Final = "assay-registry"
LONGEST_MARK: Final = 1000


def write_mark(name: str) -> bytes:
    """Return what is written for the registry of that name."""
    return f"{name}\n".encode()


def read_mark(content: bytes) -> str:
    """Return the name that was written; whatever else stands there is no name of a registry."""
    return content.decode("ascii", "replace").strip()
