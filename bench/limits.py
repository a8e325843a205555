"""Against what the machine allows: a bare handler with the same SQL read; plain writing of the same bytes.

Nothing is compared with the peer here: ``x`` is this registry's rate over the limit's.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.asking import Asker
from bench.databases import POSTGRESQL, SQLITE, databases
from bench.measuring import Row, Sizes, in_turn
from bench.registry import Ours
from bench.servers import Server, our_data, ours

ASKED = 300
PIECE_BYTES = 1 << 20
FILLING = os.urandom(PIECE_BYTES)


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows."""
    for kind in (SQLITE, POSTGRESQL):
        place = folder / kind
        place.mkdir()
        with databases(kind) as fresh:
            yield from _resolve(place, fresh("limits"), sizes)
    yield from _upload(folder, sizes)


def _resolve(folder: Path, database: str, sizes: Sizes) -> Iterator[Row]:
    with ours(folder, database) as server:
        side = Ours(server)
        read = database or str(our_data(folder) / "assay.db")
        with Server("bare", folder, [sys.executable, "-m", "bench.bare", read, "{port}"], "/") as bare:
            asker = Asker(bare.url)
            questions = {"ours": side.resolve, "bare": partial(asker.get, "/")}
            taken = in_turn({name: partial(_often, each) for name, each in questions.items()}, sizes.rounds)
    kind = POSTGRESQL if database else SQLITE
    yield Row(f"resolve on {kind}, of a bare handler's rate", "x", taken["bare"] / taken["ours"], goal=0.5)


def _often(question: object) -> None:
    assert callable(question)
    for _ in range(ASKED):
        question()


def _upload(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rate of an upload over that of writing, and the memory that up- and downloads left behind."""
    place = folder / "upload"
    place.mkdir()
    rounds = max(2, sizes.rounds // 2)
    # A blob's digest is announced, so it is worked out before anything is measured.
    ready = [_named(number, sizes.file_mib) for number in range(rounds + 1)]
    with ours(place) as server:
        asker = Asker(server.url)
        before = server.resident_mib()
        sent, written = iter(enumerate(ready)), iter(range(rounds + 1))
        questions = {
            "ours": lambda: _send(asker, *next(sent), sizes.file_mib),
            "plain": lambda: _write(place / "plain", next(written), sizes.file_mib),
        }
        taken = in_turn(questions, rounds)
        what = f"upload {sizes.file_mib} MiB, of the rate of write + fsync + SHA-256"
        yield Row(what, "x", taken["plain"] / taken["ours"], goal=0.8)
        files = [{"path": "weights.bin", "digest": ready[-1], "size_bytes": sizes.file_mib * PIECE_BYTES}]
        asker.post("/api/v1/models/team/large/versions", {"files": files})
        asker.download("/api/v1/models/team/large/versions/1/files/weights.bin")
        yield Row("memory that up- and downloads left behind", "MiB", server.resident_mib() - before)


def _pieces(number: int, mib: int) -> Iterator[bytes]:
    """Yield the bytes of a file; no piece equals another one, of this file or of others."""
    for place in range(mib):
        yield number.to_bytes(8, "big") + place.to_bytes(8, "big") + FILLING[16:]


def _named(number: int, mib: int) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(number, mib):
        digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def _send(asker: Asker, number: int, name: str, mib: int) -> None:
    asker.upload(f"/api/v1/blobs/{name}", _pieces(number, mib), mib * PIECE_BYTES)


def _write(path: Path, number: int, mib: int) -> None:
    digest = hashlib.sha256()
    with path.open("wb", buffering=0) as file:
        for piece in _pieces(number, mib):
            file.write(piece)
            digest.update(piece)
        os.fsync(file.fileno())
    path.unlink()
