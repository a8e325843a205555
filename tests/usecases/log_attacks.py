"""What somebody with the database in their hands may do to the audit log, while no server runs."""

import sqlite3
from contextlib import closing
from dataclasses import replace

from assay.core.audit import GENESIS, AuditEvent, chain, event_leaf
from assay.core.merkle import completed
from assay.wire.codec import decode, encode


def stored(path):
    """Return the events as they are stored."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT document FROM audit_events ORDER BY seq").fetchall()
    return [decode(row[0], AuditEvent) for row in rows]


def store(path, events, *, thorough=False):
    """Put other events in the place of those that are there.

    Args:
        path: of the database.
        events: in the order in which they are to stand.
        thorough: the tree is made to fit, and heads that would not are removed.
    """
    rows = [(seq, each.subject, f"{each.hash}{seq if events.count(each) > 1 else ''}", encode(each).decode())
            for seq, each in enumerate(events, 1)]  # fmt: skip
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM audit_events")
        database.executemany(
            "INSERT INTO audit_events (seq, subject, hash, document) VALUES (?, ?, ?, ?)", rows
        )
        if thorough:
            database.execute("DELETE FROM audit_heads")
            database.execute("DELETE FROM audit_nodes")
            nodes = {}
            look = nodes_in(nodes)
            for place, each in enumerate(events):
                grown = completed(place, event_leaf(each), look)
                nodes.update({(level, at): found for level, at, found in grown})
            database.executemany(
                "INSERT INTO audit_nodes (level, place, hash) VALUES (?, ?, ?)",
                [(level, at, found.hex()) for (level, at), found in nodes.items()],
            )


def nodes_in(nodes):
    """Return how nodes are looked up in a mapping."""
    return lambda level, at: nodes[level, at]


def rehashed(events):
    """Return the events as a whole chain."""
    made = []
    for each in events:
        entry = {name: getattr(each, name) for name in ("at", "actor", "verb", "subject", "before", "after")}
        last = made[-1] if made else None
        made.append(chain(entry, last.seq if last else 0, last.hash if last else GENESIS))
    return made


def edited(events, seq):
    """Return the events with another actor in one."""
    return [replace(each, actor="eve") if each.seq == seq else each for each in events]


# name -> what is made of the events, and the first place that is not what was written.
BROKEN_CHAINS = {
    "edited": (lambda log: edited(log, 5), 5),
    "deleted": (lambda log: [*log[:4], *log[5:]], 5),
    "put in": (lambda log: [*log[:4], rehashed(log[:4] + log[:1])[4], *log[4:]], 6),
    "doubled": (lambda log: [*log[:5], log[4], *log[5:]], 6),
    "reordered": (lambda log: [*log[:4], log[5], log[4], *log[6:]], 5),
    "beheaded": (lambda log: log[1:], 1),
}
# These leave whole chains: name -> what is made, the first bad place, whether a head of event 6 tells.
WHOLE_CHAINS = {
    "tail cut after 7": (lambda log: log[:7], 8, False),
    "tail cut after 4": (lambda log: log[:4], 5, True),
    "all deleted": (lambda log: [], 1, True),
    "all rewritten": (lambda log: rehashed(edited(log, 2)), 2, True),
    "rewritten after 6": (lambda log: rehashed(edited(log, 8)), 8, False),
    "deleted and hashed anew": (lambda log: rehashed([*log[:2], *log[3:]]), 3, True),
}
