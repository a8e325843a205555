"""Where the compared servers keep their records: files of their own, or one PostgreSQL for both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SQLITE, POSTGRESQL = "sqlite", "postgresql"
Place = Callable[[str], str]


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[Place]:
    """Yield what gives the URL of a fresh database by its name; "" stands for a file of the server's own."""
    if kind == SQLITE:
        yield lambda name: ""
        return
    with cluster(folder / "postgresql") as server:
        yield server.fresh
