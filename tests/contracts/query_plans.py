"""How SQLite goes about what it is asked: which index it takes, what it walks, what it sorts."""

from contextlib import contextmanager

from sqlalchemy import Engine, event


@contextmanager
def plans():
    """Collect the steps of the plan of every question that is asked meanwhile, a list for each."""
    found = []

    def note(connection, _cursor, statement, parameters, _context, _many):
        if statement.lstrip("(").startswith(("SELECT", "WITH")):
            own = connection.connection.cursor()
            found.append([row[3] for row in own.execute("EXPLAIN QUERY PLAN " + statement, parameters)])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)
