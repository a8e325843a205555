"""Every row of the database as portable lines, and back: the same lines whatever database it is.

A line with a table and its columns, then its rows, each an array; instants as the integers they are kept
as. Rows are read in one view and written in one transaction, a few hundred in memory at a time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, column, insert, select, table, text

from assay.core.errors import BadInputError
from assay.storage.tables import Instant, metadata

_AT_ONCE: Final = 500
# Of bytes on their way, of answers and sessions that soon end, of the schema: these are not copied. Where
# bytes lie is noted anew.
_LEFT_OUT: Final = frozenset(
    {
        "blobs",
        "chores",
        "kept_answers",
        "schema_history",
        "sessions",
        "transfer_parts",
        "transfers",
        "upload_parts",
        "uploads",
    }
)
# What a new database has before anything is stored in it.
_THERE: Final = frozenset({"schema_history"})
# Without the keys, which they are is settled anew, and the log is signed from its beginning.
_SECRET: Final = frozenset({"audit_heads", "registry_keys", "signing_keys"})
_COUNT_ON: Final = (
    "SELECT setval(pg_get_serial_sequence('{0}', '{1}'), "
    "GREATEST(COALESCE(MAX({1}), 0), 1), COALESCE(MAX({1}), 0) > 0) FROM {0}"
)


class SqlRecordCopies:
    """Implements ``core.ports.backups.RecordCopies``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    @property
    def revision(self) -> str:
        """The schema that the rows have."""
        return str(self._connection.execute(text("SELECT version_num FROM alembic_version")).scalar())

    def dump(self, *, secrets: bool) -> Iterator[bytes]:
        """Yield every row as a line of JSON, each table after a line with its name and columns."""
        left_out = _LEFT_OUT if secrets else _LEFT_OUT | _SECRET
        for each in metadata.sorted_tables:
            if each.name in left_out:
                continue
            yield _line({"table": each.name, "columns": list(each.c.keys())})
            query = select(_plain(each)).order_by(*(key.name for key in each.primary_key))
            rows = self._connection.execute(query.execution_options(yield_per=_AT_ONCE))
            for row in rows:
                yield _line(list(row))

    def is_empty(self) -> bool:
        """Tell whether nothing was stored yet."""
        return not any(
            self._connection.execute(select(text("1")).select_from(each).limit(1)).first()
            for each in metadata.sorted_tables
            if each.name not in _THERE
        )

    def load(self, lines: Iterable[bytes]) -> Mapping[str, int]:
        """Put rows back; return how many each table got.

        Raises:
            BadInputError: a line is not one that :meth:`dump` writes, or rows contradict each other.
        """
        counts: dict[str, int] = {}
        place: Table | None = None
        names: list[str] = []
        rows: list[dict[str, Any]] = []
        for line in lines:
            if line.startswith(b"{"):
                self._put(place, rows)
                place, names, rows = *_table_of(line), []
                counts[place.name] = 0
                continue
            if place is None:
                raise BadInputError.of("records", "must begin with a table", repr(line)[:200])
            rows.append(_row(line, names))
            counts[place.name] += 1
            if len(rows) == _AT_ONCE:
                self._put(place, rows)
                rows = []
        self._put(place, rows)
        self._count_on()
        return counts

    def _put(self, place: Table | None, rows: list[dict[str, Any]]) -> None:
        if place is not None and rows:
            self._connection.execute(insert(_plain(place)), rows)

    def _count_on(self) -> None:
        """Let the database give numbers behind those that were put in."""
        if self._connection.dialect.name == "sqlite":
            return  # which takes the greatest there is
        for each in metadata.sorted_tables:
            key = each.autoincrement_column
            if key is not None:
                # A table may be empty, or hold no more than the 0 of the experiment that is always there:
                # no number was given then, and the first one is the next.
                self._connection.execute(text(_COUNT_ON.format(each.name, key.name)))


def _plain(each: Table) -> Any:
    """Return a table with the columns as they are kept: instants as numbers."""
    columns = [
        column(name, kept.type.impl_instance if isinstance(kept.type, Instant) else kept.type)
        for name, kept in each.c.items()
    ]
    return table(each.name, *columns)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _table_of(line: bytes) -> tuple[Table, list[str]]:
    try:
        head = json.loads(line)
        place = metadata.tables[head["table"]]
        names = list(head["columns"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError.of("records", "must name a table of this registry", repr(line)[:200]) from error
    if set(names) != set(place.c.keys()):
        raise BadInputError.of("records", f"must have the columns of {place.name}", ", ".join(names)[:200])
    return place, names


def _row(line: bytes, names: list[str]) -> dict[str, Any]:
    try:
        return dict(zip(names, json.loads(line), strict=True))
    except (ValueError, TypeError) as error:
        raise BadInputError.of("records", "must be rows of their table", repr(line)[:200]) from error
