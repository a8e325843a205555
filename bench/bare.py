"""The limit: a handler that does nothing but the SQL read of a resolve, with the plain driver.

``python -m bench.bare DATABASE PORT`` serves it on the same server program with the same settings as this
registry: no rules, no rights, no checks; the statement's text is what SQLAlchemy would write.
"""

import asyncio
import sqlite3
import sys
from typing import Any

import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server

ROW = (
    "SELECT v.model, v.number, v.major, v.minor, v.patch, v.digest, v.size_bytes, v.format, v.stage,"
    " v.ungated, v.registered_at, v.registered_by, v.description, v.source, v.run_id, v.logged_model_id,"
    " v.external, v.changed_at FROM versions v JOIN aliases a ON a.model = v.model AND a.number = v.number"
    " WHERE a.model = {0} AND a.alias = {0} AND v.deleted_at IS NULL"
)
WORDS = (
    "SELECT 0, key, value, CAST(NULL AS FLOAT) FROM tags WHERE model = {0} AND number = {0}"
    " UNION ALL SELECT 1, label, CAST(NULL AS TEXT), CAST(NULL AS FLOAT)"
    " FROM labels WHERE model = {0} AND number = {0}"
    " UNION ALL SELECT 2, alias, CAST(NULL AS TEXT), CAST(NULL AS FLOAT)"
    " FROM aliases WHERE model = {0} AND number = {0}"
    " UNION ALL SELECT 3, name, CAST(NULL AS TEXT), value FROM metrics WHERE model = {0} AND number = {0}"
)
encode = msgspec.json.Encoder().encode


class Bare:
    """Answers every request with the version that ``team/task@live`` means."""

    def __init__(self, address: str) -> None:
        """Connect."""
        if address.startswith("postgresql:"):
            import psycopg

            self._connection: Any = psycopg.connect(address, autocommit=True)
            mark = "%s"
        else:
            self._connection = sqlite3.connect(address, check_same_thread=False, isolation_level=None)
            mark = "?"
        self._row, self._words = ROW.format(mark), WORDS.format(mark)

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        """Answer."""
        if scope["type"] != "http":
            return
        asked = self._connection.execute(self._row, ("team/task", "live"))
        row = asked.fetchone()
        found = dict(zip((each[0] for each in asked.description), row, strict=True)) if row else {}
        if row:
            place = (row[0], row[1])
            found["words"] = self._connection.execute(self._words, place * 4).fetchall()
        body = encode(found)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until the process is ended."""
    app = Bare(sys.argv[1])
    server = Server(
        app, address="127.0.0.1", port=int(sys.argv[2]), interface=Interfaces.ASGINL, log_enabled=False
    )
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
