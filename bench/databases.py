"""Where the compared servers keep their records: files of their own, or one PostgreSQL for both.

The PostgreSQL server is one of our own in a scratch folder (``tests/postgres.py``), as durable as it is by
default, and both sides have a database of it.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.servers import peer_python

PEER_DRIVER = "psycopg2-binary==2.9.13"
SQLITE, POSTGRESQL = "sqlite", "postgresql"
Place = Callable[[str], str]
_SPEC = importlib.util.spec_from_file_location(
    "postgres", Path(__file__).resolve().parents[1] / "tests" / "postgres.py"
)
assert _SPEC
assert _SPEC.loader
postgres = importlib.util.module_from_spec(_SPEC)


@contextmanager
def databases(kind: str) -> Iterator[Place]:
    """Yield what makes a fresh database and gives its URL; "" stands for a file of the server's own."""
    if kind == SQLITE:
        yield lambda _: ""
        return
    _SPEC.loader.exec_module(postgres)
    # The peer comes without a driver.
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(peer_python())]
    subprocess.run([*install, PEER_DRIVER], check=True)
    cluster = postgres.scratch_cluster(hasty=False)

    def fresh(name: str) -> str:
        cluster.run(f"CREATE DATABASE {name}")
        return str(cluster.url(name))

    try:
        yield fresh
    finally:
        postgres.discard(cluster)
