"""The tables of traces: what was traced, its spans, what was thought of it.

A trace has a small whole number of its own inside the database, so that the rows that hang on it
(a dozen words of metadata, its spans) stay narrow.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text

from assay.storage.tables import CLUSTERED, GIVEN, metadata

traces = Table(
    "traces",
    metadata,
    Column("seq", GIVEN, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("experiment", BigInteger, nullable=False),
    Column("requested_at_ms", BigInteger, nullable=False),
    Column("duration_ms", BigInteger),
    Column("state", String(20), nullable=False),
    Column("name", Text),
    Column("client_request_id", String(250)),
    Column("request", Text),
    Column("response", Text),
    Index("ix_traces_requested", "experiment", "requested_at_ms", "id"),
)

trace_tags = Table(
    "trace_tags",
    metadata,
    Column("trace", BigInteger, primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_trace_tags_key", "key", "trace"),
    **CLUSTERED,
)

trace_metadata = Table(
    "trace_metadata",
    metadata,
    Column("trace", BigInteger, primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_trace_metadata_key", "key", "trace"),
    **CLUSTERED,
)

# What traces belong to: kind is ``run`` or ``prompt``.
trace_links = Table(
    "trace_links",
    metadata,
    Column("trace", BigInteger, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("target", String(512), primary_key=True),
    Index("ix_trace_links_target", "kind", "target", "trace"),
    **CLUSTERED,
)

# ``spent`` is JSON, NULL where a span said nothing of tokens and money; ``document`` holds the rest.
spans = Table(
    "spans",
    metadata,
    Column("trace", BigInteger, primary_key=True),
    Column("span_id", String(32), primary_key=True),
    Column("parent_id", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", String(500), nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger, nullable=False),
    Column("spent", Text),
    Column("document", Text, nullable=False),
)

# ``value`` is JSON text, ``number`` the same where it is one; ``session`` tells that it was said of a
# whole conversation and holds for all its traces.
assessments = Table(
    "assessments",
    metadata,
    Column("trace", BigInteger, primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(250), nullable=False),
    Column("value", Text, nullable=False),
    Column("number", Float(53)),
    Column("valid", Boolean, nullable=False),
    Column("session", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_assessments_name", "kind", "name", "trace"),
)

# What answers are judged with.
evaluation_sets = Table(
    "evaluation_sets",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("team", String(96), nullable=False),
    Column("name", String(255), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("record_count", BigInteger, nullable=False),
    Column("schema", Text),
    Index("ix_evaluation_sets_created", "team", "created_at_ms", "id"),
)

evaluation_set_tags = Table(
    "evaluation_set_tags",
    metadata,
    Column("set_id", String(64), primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_evaluation_set_tags_key", "key", "set_id"),
    **CLUSTERED,
)

evaluation_set_experiments = Table(
    "evaluation_set_experiments",
    metadata,
    Column("set_id", String(64), primary_key=True),
    Column("experiment", BigInteger, primary_key=True),
    Index("ix_evaluation_set_experiments_experiment", "experiment", "set_id"),
    **CLUSTERED,
)

evaluation_records = Table(
    "evaluation_records",
    metadata,
    Column("set_id", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("inputs_digest", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Index("uq_evaluation_records_inputs", "set_id", "inputs_digest", unique=True),
    Index("ix_evaluation_records_created", "set_id", "created_at_ms", "id"),
)

scorers = Table(
    "scorers",
    metadata,
    Column("experiment", BigInteger, primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)
