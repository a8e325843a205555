"""Files move in: streamed into the content-addressed store, each name once, none of them trusted."""

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import AssayError, BadInputError, ConflictError, NotFoundError, RefusedError
from assay.core.instants import milliseconds
from assay.core.moving import Finding, ForeignFile, ForeignPlace, mark_of
from assay.core.ports import Records
from assay.core.tracking.files import StoredFile, check_path
from assay.usecases.moving.ledger import Move
from assay.usecases.storing import require_there, store

KIND: Final = "file"
# Recorded of every place whose files came here: sources of versions name places.
PLACE: Final = "place"
_BATCH: Final = 100
SAMPLE: Final = 200


class FilesIn:
    """Copies the files of runs, logged models and traces, and compares some or all of them again."""

    def __init__(self, move: Move, verify: str) -> None:
        """Keep the import; ``verify`` is ``sample``, ``all`` or ``none``."""
        self._move = move
        self._verify = verify
        # The files whose names have the smallest digests: the same ones in every import.
        self._sample: list[tuple[int, str, ForeignPlace, StoredFile]] = []

    def copy(self, place: ForeignPlace, folder: str) -> None:
        """Bring the files of a place in, below ``folder`` of the tree; those that are here stay.

        Raises:
            UnavailableError: the source, the database or the disk does not answer any more.
        """
        there: dict[str, StoredFile] = {}
        with self._move.means.database.read() as records:
            there = {each.path: each for each in records.files.under(folder)}
            known = self._move.known(records, PLACE, mark_of(place.root)) is not None
        try:
            self._copy(place, folder, there)
        except NotFoundError as error:
            finding = Finding(KIND, folder, f"cannot be listed: {error.message}", explained=False)
            self._move.ledger.note(finding)
            return
        if not known:
            with self._move.means.database.write() as records:
                self._move.record(records, PLACE, mark_of(place.root), folder)

    def _copy(self, place: ForeignPlace, folder: str, there: Mapping[str, StoredFile]) -> None:
        fresh: list[StoredFile] = []
        for file in self._move.source.files.files(place):
            self._move.ledger.found(KIND, f"{folder}/{file.path}")
            path = self._usable(folder, file)
            if path is None:
                continue
            before = there.get(path)
            if before is not None and _is_same(before, file):
                self._keep(place, file.path, before)
                continue
            stored = self._fetch(place, file, path, before)
            if stored is not None:
                fresh.append(stored)
            if len(fresh) == _BATCH:
                self._name(place, folder, fresh)
                fresh = []
        self._name(place, folder, fresh)

    def verify_sample(self) -> None:
        """Read the sample again, there and here."""
        for _, path, place, file in sorted(self._sample, key=lambda each: each[1]):
            self._compare(place, path, file)

    def digested(self, place: ForeignPlace) -> dict[str, tuple[Digest, int]]:
        """Store the bytes of a place that belongs to no run: path -> digest and size, no names kept.

        Raises:
            BadInputError: a file has a name that is not taken.
            NotFoundError: a file cannot be read.
            UnavailableError: the source or the disk does not answer any more.
        """
        found = {}
        for file in self._move.source.files.files(place):
            if file.problem:
                raise NotFoundError(f"{file.path[:200]!r} {file.problem}")
            check_path(file.path, moved=True)
            found[file.path] = store(self._move.means, self._move.source.files.read(place, file.path))
        return found

    def _usable(self, folder: str, file: ForeignFile) -> str | None:
        problem = file.problem
        try:
            check_path(file.path, moved=True)
            path = check_path(f"{folder}/{file.path}", moved=True)
        except BadInputError as error:
            problem, path = problem or error.message, ""
        if problem:
            name = f"{folder}/{file.path}".encode(errors="replace").decode()[:500]
            # What could be had with other rights is missed; what has no place here is not.
            advice = f"{'let it be read' if file.curable else 'rename it there'}, and import again"
            self._move.ledger.differs(
                KIND, name, f"left out: {problem}", explained=not file.curable, advice=advice
            )
            return None
        return path

    def _fetch(
        self, place: ForeignPlace, file: ForeignFile, path: str, before: StoredFile | None
    ) -> StoredFile | None:
        try:
            digest, size = store(self._move.means, self._move.source.files.read(place, file.path))
        except (NotFoundError, BadInputError) as error:
            self._move.ledger.differs(KIND, path, f"cannot be read: {error.message}", explained=False)
            return None
        if file.size_bytes is not None and size != file.size_bytes:
            what = f"had {file.size_bytes} bytes in the listing and {size} when it was read"
            advice = "is it still being written? import again"
            self._move.ledger.note(Finding(KIND, path, what, explained=False, advice=advice))
        at_ms = file.modified_at_ms
        if at_ms is None:
            at_ms = milliseconds(self._move.means.clock.now())
        stored = StoredFile(path, digest, size, at_ms)
        if before is not None and before.digest == digest:
            self._keep(place, file.path, before)
            return None
        return stored

    def _name(self, place: ForeignPlace, folder: str, fresh: list[StoredFile]) -> None:
        """Give stored bytes their names, in one transaction."""
        if not fresh:
            return
        with self._move.means.database.write() as records:
            kept = [file for file in fresh if self._put(records, file)]
        for file in kept:
            self._keep(place, file.path.removeprefix(f"{folder}/"), file)

    def _put(self, records: Records, file: StoredFile) -> bool:
        """Give stored bytes their name, unless a version was made from those that have it."""
        holder = records.kept_files.frozen(file.path)
        if holder:
            what = f"has other bytes there now; {holder} was made from those that are here"
            self._move.ledger.differs(KIND, file.path, what, explained=True)
            return False
        try:
            means = self._move.means
            require_there(records, means.blobs, [file.digest], means.clock.now())
            before = records.files.put(file)
        except (ConflictError, RefusedError) as error:
            self._move.ledger.differs(KIND, file.path, error.message, explained=False)
            return False
        note = self._move.ledger.added if before is None else self._move.ledger.changed
        note(KIND)
        return True

    def _keep(self, place: ForeignPlace, path: str, file: StoredFile) -> None:
        """Note a file that is here, and choose whether it is read again."""
        self._move.ledger.here(KIND)
        if self._verify == "all":
            self._compare(place, path, file)
        elif self._verify == "sample":
            rank = int.from_bytes(hashlib.sha256(file.path.encode()).digest()[:8], "big")
            entry = (-rank, path, place, file)
            if len(self._sample) < SAMPLE:
                heapq.heappush(self._sample, entry)
            elif entry[0] > self._sample[0][0]:
                heapq.heapreplace(self._sample, entry)

    def _compare(self, place: ForeignPlace, path: str, file: StoredFile) -> None:
        try:
            there = _digest(self._move.source.files.read(place, path))
            here = _digest(self._move.means.blobs.read(file.digest))
        except AssayError as error:
            what = f"cannot be read again: {error.message}"
            self._move.ledger.note(Finding(KIND, file.path, what, explained=False))
            return
        if here != file.digest:
            what = f"is damaged here: its bytes have the digest {here}, not {file.digest}"
            self._move.ledger.note(Finding(KIND, file.path, what, explained=False))
        elif there != here:
            self._fetch_changed(place, path, file, there)
        self._move.ledger.verified(file.size_bytes)

    def _fetch_changed(self, place: ForeignPlace, path: str, file: StoredFile, there: str) -> None:
        """Bring the other bytes in that a file has there, which neither size nor time had told."""
        try:
            digest, size = store(self._move.means, self._move.source.files.read(place, path))
        except (NotFoundError, BadInputError) as error:
            what = f"has other bytes there, which cannot be read: {error.message}"
            self._move.ledger.note(Finding(KIND, file.path, what, explained=False))
            return
        if digest != there:
            what = "has other bytes each time it is read"
            advice = "is it still being written? import again"
            self._move.ledger.note(Finding(KIND, file.path, what, explained=False, advice=advice))
            return
        with self._move.means.database.write() as records:
            named = self._put(records, replace(file, digest=digest, size_bytes=size))
        if named:
            what = f"had other bytes there, of the same size: they are here now ({digest})"
            self._move.ledger.note(Finding(KIND, file.path, what, explained=True))
        else:
            self._move.ledger.here(KIND, -1)  # it was counted when it was taken to be the same


def _is_same(before: StoredFile, file: ForeignFile) -> bool:
    """Tell whether a file need not be read again: the same size, and the same time where there is one."""
    same_time = file.modified_at_ms is None or file.modified_at_ms == before.written_at_ms
    return file.size_bytes == before.size_bytes and same_time


def _digest(chunks: Iterator[bytes]) -> str:
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
    return f"sha256:{hasher.hexdigest()}"
