"""The tree of files in SQL: one row per file; folders are what the paths say.

Everything below a folder is one range of paths, from ``folder/`` to before ``folder0`` (``0`` is the
letter behind ``/``); names such as ``folder-x`` lie before that range, and are no part of it. Ranges
compare letters by their code points, as SQLite does.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Select, and_, case, delete, func, literal, or_, select, true

from assay.core.digests import Digest
from assay.core.errors import ConflictError, Reason
from assay.core.tracking.files import Entry, StoredFile, folders_of
from assay.storage import tracking_tables as t
from assay.storage.upserts import insert_missing, write_rows

f = t.files.c
z = t.frozen_files.c
_NAMES: Final = (f.path, f.digest, f.size_bytes, f.written_at_ms)
_BATCH: Final = 500
# Smaller than any letter that a name may have.
_NEXT: Final = "\x01"


class SqlFiles:
    """Implements ``core.ports.tracking.Files``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def put(self, file: StoredFile) -> StoredFile | None:
        """Store the name; return what it named before.

        Raises:
            ConflictError: a folder has that name, or a file has the name of one of its folders.
        """
        before = self.get(file.path)
        if before is None:
            self._check_room(file.path)
        row = {
            "path": file.path,
            "folder": file.path.rpartition("/")[0],
            "digest": file.digest,
            "size_bytes": file.size_bytes,
            "written_at_ms": file.written_at_ms,
        }
        write_rows(self._connection, t.files, [row])
        return before

    def get(self, path: str) -> StoredFile | None:
        """Return the file of that name."""
        return next(iter(self._files(select(*_NAMES).where(f.path == path))), None)

    def under(self, folder: str) -> tuple[StoredFile, ...]:
        """Return every file below a folder ("" for the root), by path."""
        return self._files(select(*_NAMES).where(_below(f.path, folder)).order_by(f.path))

    def listing(self, folder: str) -> tuple[Entry, ...]:
        """Return what lies directly in a folder, by path; nothing when there is no such folder."""
        query = select(f.path, f.size_bytes).where(f.folder == folder)
        found = {path: Entry(path, size) for path, size in self._connection.execute(query)}
        found |= {path: Entry(path) for path in self._folders(folder)}
        return tuple(found[path] for path in sorted(found))

    def remove(self, paths: Sequence[str]) -> None:
        """Take names away; the bytes stay as long as something else names them."""
        for start in range(0, len(paths), _BATCH):
            batch = list(paths[start : start + _BATCH])
            self._connection.execute(delete(t.files).where(f.path.in_(batch)))

    def freeze(self, paths: Mapping[str, Digest], holder: str) -> None:
        """Keep these names as they are, because ``holder`` (a version's address) was made from them."""
        rows = [{"path": path, "digest": digest, "holder": holder} for path, digest in paths.items()]
        insert_missing(self._connection, t.frozen_files, rows)

    def frozen(self, path: str) -> str:
        """Return which version keeps this name, or a name below it, from changing; "" for none."""
        query = select(z.holder).where(or_(z.path == path, _below(z.path, path))).order_by(z.path).limit(1)
        return self._connection.execute(query).scalar() or ""

    def _files(self, query: Select[Any]) -> tuple[StoredFile, ...]:
        rows = self._connection.execute(query)
        return tuple(StoredFile(path, Digest(digest), size, at_ms) for path, digest, size, at_ms in rows)

    def _folders(self, folder: str) -> set[str]:
        """Return the folders directly in ``folder``.

        Steps from one to the next over the index of folders: behind a folder itself come its names
        before ``/`` (``a-x``), then what lies in it (``a/b``), over which one step goes at once. So
        the work grows with the number of answers, not with the number of files below them.
        """
        start = f"{folder}/" if folder else ""
        inside = and_(f.folder > start, _before_end(f.folder, folder))
        first = select(func.min(f.folder).label("at")).where(inside)
        step = first.cte("step", recursive=True)
        rest = func.substr(step.c.at, len(start) + 1)
        slash = _position(self._connection, rest)
        bound = case(
            (slash == 0, step.c.at.concat(_NEXT)),
            else_=func.substr(step.c.at, 1, len(start) + slash - 1).concat("0"),
        )
        following = select(func.min(f.folder)).where(f.folder >= bound, _before_end(f.folder, folder))
        step = step.union_all(
            select(following.correlate(step).scalar_subquery()).where(step.c.at.is_not(None))
        )
        found = self._connection.execute(select(step.c.at).where(step.c.at.is_not(None))).scalars()
        return {start + at[len(start) :].partition("/")[0] for at in found}

    def _check_room(self, path: str) -> None:
        folders = folders_of(path)
        taken = self._connection.execute(select(f.path).where(f.path.in_(folders))).scalar()
        if taken is not None:
            rule = "a file cannot also be a folder"
            raise ConflictError(f"{taken} is a file, so that {path} cannot lie in it", [Reason("path", rule)])
        below = select(literal(1)).select_from(t.files)
        inside = or_(f.folder == path, _below(f.folder, path))
        if self._connection.execute(below.where(inside).limit(1)).scalar() is not None:
            rule = "a folder cannot also be a file"
            raise ConflictError(
                f"{path} is a folder, so that no file can have its name", [Reason("path", rule)]
            )


def _below(column: Column[Any], folder: str) -> Any:
    """Return the condition that a path lies below a folder, at any depth."""
    return and_(column >= f"{folder}/", _before_end(column, folder)) if folder else true()


def _before_end(column: Column[Any], folder: str) -> Any:
    return column < f"{folder}0" if folder else true()


def _position(connection: Connection, text: Any) -> Any:
    """Return where the first ``/`` stands in ``text``, 0 for nowhere."""
    return func.instr(text, "/") if connection.dialect.name == "sqlite" else func.strpos(text, "/")
