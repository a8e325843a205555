"""The tables of tracking: experiments, runs, what they log, logged models, files.

Runs, logged models and metric series have small whole numbers of their own inside the database, so
that the tables which grow (points above all) stay narrow. Points of one series lie side by side in
the order in which a history is read; the last ones of a run wait together in ``fresh_points``, in the
order in which they came, so that a step of a thousand metrics writes a few pages and not a thousand.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, String, Table, Text, false, true

from assay.storage.tables import CLUSTERED, GIVEN, metadata

KEY: Final = String(250)

experiments = Table(
    "experiments",
    metadata,
    Column("id", GIVEN, primary_key=True),
    Column("team", String(96), nullable=False),
    Column("name", String(500), nullable=False),
    Column("artifact_root", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Index("uq_experiments_name", "team", "name", unique=True),
    Index("ix_experiments_created", "created_at_ms", "id"),
)

experiment_tags = Table(
    "experiment_tags",
    metadata,
    Column("experiment", BigInteger, primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    **CLUSTERED,
)

runs = Table(
    "runs",
    metadata,
    Column("seq", GIVEN, primary_key=True),
    Column("id", String(256), nullable=False, unique=True),
    Column("experiment", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("deleted_at_ms", BigInteger),
    Column("artifact_root", Text, nullable=False),
    Index("ix_runs_started", "experiment", "started_at_ms", "id"),
)

run_params = Table(
    "run_params",
    metadata,
    Column("run", BigInteger, primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_run_params_key", "key", "run"),
    **CLUSTERED,
)

run_tags = Table(
    "run_tags",
    metadata,
    Column("run", BigInteger, primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_run_tags_key", "key", "run"),
    **CLUSTERED,
)

# One row per run and metric, with the point that counts: greatest by step, then time, then value.
# A NaN, which SQLite cannot keep, is 0 with ``is_nan`` set. ``live`` rows, those of runs that go on,
# change with every step: they stay out of the index by value, and searches look at each of them.
series = Table(
    "series",
    metadata,
    Column("id", GIVEN, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("key", KEY, nullable=False),
    Column("value", Float(53), nullable=False),
    Column("is_nan", Boolean, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Index("uq_series_run", "run", "key", unique=True),
)
_live: Final = series.c.live == true()
_still: Final = series.c.live == false()
Index(
    "ix_series_value",
    series.c.key,
    series.c.value,
    series.c.run,
    sqlite_where=_still,
    postgresql_where=_still,
)
Index("ix_series_live", series.c.key, series.c.run, sqlite_where=_live, postgresql_where=_live)

points = Table(
    "points",
    metadata,
    Column("series", BigInteger, primary_key=True),
    Column("timestamp_ms", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("value", Float(53), primary_key=True),
    Column("is_nan", Boolean, primary_key=True),
    **CLUSTERED,
)

# ``number`` counts up from one within a run. A point that was sent twice may be here twice, or here and
# in ``points``: it is one point all the same (``storage.tracking.points``).
fresh_points = Table(
    "fresh_points",
    metadata,
    Column("run", BigInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("series", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("value", Float(53), nullable=False),
    Column("is_nan", Boolean, nullable=False),
    **CLUSTERED,
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", GIVEN, primary_key=True),
    Column("experiment", BigInteger, nullable=False),
    Column("name", String(500), nullable=False),
    Column("digest", String(36), nullable=False),
    Column("source_type", String(36), nullable=False),
    Column("source", Text, nullable=False),
    Column("schema", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Index("uq_datasets_name", "experiment", "name", "digest", unique=True),
)

run_datasets = Table(
    "run_datasets",
    metadata,
    Column("run", BigInteger, primary_key=True),
    Column("dataset", BigInteger, primary_key=True),
    Column("context", String(500), nullable=False),
    Column("tags", Text, nullable=False),
    Index("ix_run_datasets_dataset", "dataset", "run"),
    **CLUSTERED,
)

# ``output`` tells models that the run made from models that it used.
run_models = Table(
    "run_models",
    metadata,
    Column("run", BigInteger, primary_key=True),
    Column("output", Boolean, primary_key=True),
    Column("model_id", String(64), primary_key=True),
    Column("step", BigInteger, nullable=False),
    **CLUSTERED,
)

logged_models = Table(
    "logged_models",
    metadata,
    Column("seq", GIVEN, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("experiment", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("artifact_root", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("status", String(32), nullable=False),
    Column("status_message", Text, nullable=False),
    Column("model_type", Text, nullable=False),
    Column("source_run_id", String(256), nullable=False),
    Column("deleted_at_ms", BigInteger),
    Index("ix_logged_models_created", "experiment", "created_at_ms", "id"),
    Index("ix_logged_models_run", "source_run_id"),
)

logged_model_params = Table(
    "logged_model_params",
    metadata,
    Column("model", BigInteger, primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    **CLUSTERED,
)

logged_model_tags = Table(
    "logged_model_tags",
    metadata,
    Column("model", BigInteger, primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    **CLUSTERED,
)

# No index by value: asked of each model, SQLite would take it instead of the key, and read every model's.
logged_model_metrics = Table(
    "logged_model_metrics",
    metadata,
    Column("model", BigInteger, primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("timestamp_ms", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("run_id", String(256), primary_key=True),
    Column("value", Float(53), nullable=False),
    Column("is_nan", Boolean, nullable=False),
    Column("dataset_name", String(500), nullable=False),
    Column("dataset_digest", String(36), nullable=False),
    **CLUSTERED,
)

files = Table(
    "files",
    metadata,
    Column("path", String(4096), primary_key=True),
    Column("folder", String(4096), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("written_at_ms", BigInteger, nullable=False),
    Index("ix_files_folder", "folder", "path"),
    Index("ix_files_digest", "digest"),
)

# Names that registered versions were made from: they keep naming the same bytes while one is there.
frozen_files = Table(
    "frozen_files",
    metadata,
    Column("path", String(4096), primary_key=True),
    Column("holder", String(300), primary_key=True),
    Column("digest", String(71), nullable=False),
    Index("ix_frozen_files_holder", "holder"),
    **CLUSTERED,
)
