"""What can be asked of runs, experiments, models, versions and logged models: prefixes, keys, operators.

Names beyond those that MLflow knows are in ``extra``; they are accepted, and not named in errors. Beyond
MLflow are also ``IN`` for every text attribute but ``source_path``, ``IS NULL`` for tags of models and
versions, for tags and parameters of logged models, and metrics of versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from assay.core.tracking import filter_words
from assay.core.tracking.filter_words import Wording
from assay.core.tracking.searches import Operator

_NUMERIC: Final = frozenset(
    {Operator.ABOVE, Operator.AT_LEAST, Operator.UNEQUAL, Operator.EQUAL, Operator.BELOW, Operator.AT_MOST}
)
_TEXT: Final = frozenset({Operator.UNEQUAL, Operator.EQUAL, Operator.LIKE, Operator.ILIKE})
_PRESENT: Final = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
_LISTS: Final = frozenset({Operator.IN, Operator.NOT_IN})
ATTRIBUTE, METRIC, PARAM, TAG, DATASET = "attribute", "metric", "param", "tag", "dataset"
TEXT, NUMBER, ID = "text", "number", "id"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What one kind of thing can be asked.

    Attributes:
        prefixes: word before the dot -> kind.
        texts, numbers: attribute keys, as asked -> as stored.
        extra: those of them that are accepted beyond MLflow.
        ids: attributes, as stored, that are whole numbers and written as texts.
        operators: kind -> what it can be compared with; attributes by ``text``, ``number`` and ``id``.
        order: attribute keys to order by, as asked -> as stored.
        ordered: the kinds to order by; None for all.
        kinds: the kinds named in errors.
        lists: attributes, as stored, that IN accepts.
        mixed: kinds whose values are numbers where they are ordered (``>``), and texts everywhere else.
        wording: what is said when something is refused.
        value_first: a value of the wrong type is refused before an operator that cannot be used.
        whole: numeric attributes are compared with whole numbers only.
        quoted_numbers: numeric attributes can be compared with a number in quotes.
        loose: values need no quotes.
    """

    prefixes: Mapping[str, str]
    texts: Mapping[str, str]
    numbers: Mapping[str, str]
    operators: Mapping[str, frozenset[Operator]]
    order: Mapping[str, str]
    kinds: tuple[str, ...]
    extra: Mapping[str, str] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()
    ordered: frozenset[str] | None = None
    lists: frozenset[str] = frozenset()
    mixed: frozenset[str] = frozenset()
    wording: Wording = field(default_factory=lambda: filter_words.USUAL)
    value_first: bool = False
    whole: bool = False
    quoted_numbers: bool = False
    loose: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The attribute keys named in errors."""
        return tuple(sorted({*self.texts, *self.numbers} - set(self.extra)))

    def sort(self, kind: str, key: str) -> str:
        """Return what values a key has: its kind, and for attributes ``text``, ``number`` or ``id``.

        Args:
            kind: of the key.
            key: as stored.
        """
        if kind != ATTRIBUTE:
            return kind
        if key in self.ids:
            return ID
        return NUMBER if key in self.numbers.values() else TEXT


_FEW_ATTRIBUTES: Final = {"attribute": ATTRIBUTE}
_ATTRIBUTES: Final = dict.fromkeys(("attribute", "attributes", "attr", "run"), ATTRIBUTE)
_METRICS: Final = dict.fromkeys(("metric", "metrics"), METRIC)
_PARAMS: Final = dict.fromkeys(("parameter", "parameters", "param", "params"), PARAM)
_TAGS: Final = dict.fromkeys(("tag", "tags"), TAG)
_DATASETS: Final = dict.fromkeys(("dataset", "datasets"), DATASET)
_TIMES: Final = {"start_time": "started_at_ms", "end_time": "ended_at_ms"}
_CREATED: Final = {"created": "started_at_ms", "Created": "started_at_ms"}
_RUN_TEXTS: Final = {
    "run_id": "id",
    "run_name": "name",
    "user_id": "user_name",
    "status": "status",
    "artifact_uri": "artifact_root",
}

RUNS: Final = Vocabulary(
    prefixes=_ATTRIBUTES | _METRICS | _PARAMS | _TAGS | _DATASETS,
    texts=_RUN_TEXTS | dict.fromkeys(("run name", "Run name", "Run Name"), "name"),
    numbers=_TIMES | _CREATED,
    operators={
        TEXT: _TEXT | _LISTS,
        NUMBER: _NUMERIC,
        METRIC: _NUMERIC,
        PARAM: _TEXT | _PRESENT,
        TAG: _TEXT | _PRESENT,
        DATASET: _TEXT | _LISTS,
    },
    order=_RUN_TEXTS | _TIMES | _CREATED,
    ordered=frozenset({ATTRIBUTE, METRIC, PARAM, TAG}),
    kinds=("metric", "parameter", "tag", "attribute", "dataset"),
    lists=frozenset(_RUN_TEXTS.values()),
    wording=filter_words.RUNS,
    value_first=True,
)
_EXPERIMENT_TIMES: Final = {"creation_time": "created_at_ms", "last_update_time": "updated_at_ms"}
EXPERIMENTS: Final = Vocabulary(
    prefixes=_FEW_ATTRIBUTES | _TAGS,
    texts={"name": "name", "experiment_id": "id"},
    numbers=_EXPERIMENT_TIMES,
    ids=frozenset({"id"}),
    operators={
        TEXT: _TEXT | _LISTS,
        ID: _LISTS | {Operator.EQUAL, Operator.UNEQUAL},
        NUMBER: _NUMERIC,
        TAG: _TEXT | _PRESENT,
    },
    order={"name": "name", "experiment_id": "id", **_EXPERIMENT_TIMES},
    ordered=frozenset({ATTRIBUTE}),
    kinds=("attribute", "tag", "tags"),
    lists=frozenset({"id", "name"}),
    wording=filter_words.EXPERIMENTS,
    value_first=True,
    whole=True,
)
_VERSION_TIMES: Final = {"creation_timestamp": "registered_at", "last_updated_timestamp": "changed_at"}
_MODEL_TIMES: Final = {"creation_timestamp": "created_at", "last_updated_timestamp": "changed_at"}
_MODEL_EXTRA: Final = {"description": "description", "alias": "alias", "team": "team"}
REGISTERED_MODELS: Final = Vocabulary(
    prefixes=_FEW_ATTRIBUTES | _TAGS,
    texts={"name": "known_as", **_MODEL_EXTRA},
    numbers=_MODEL_TIMES,
    operators={TEXT: _TEXT | _LISTS, NUMBER: _NUMERIC, TAG: _TEXT | _PRESENT},
    order={"name": "known_as", "timestamp": "changed_at", "last_updated_timestamp": "changed_at"},
    ordered=frozenset({ATTRIBUTE}),
    kinds=("attribute", "tag", "tags"),
    extra=_MODEL_EXTRA | _MODEL_TIMES,
    lists=frozenset({"known_as", *_MODEL_EXTRA.values()}),
    wording=filter_words.REGISTERED_MODELS,
    value_first=True,
    whole=True,
    quoted_numbers=True,
)
_VERSION_EXTRA: Final = {
    "stage": "stage",
    "current_stage": "stage",
    "alias": "alias",
    "description": "description",
    "digest": "digest",
    "user_id": "registered_by",
    "model_id": "logged_model_id",
}
MODEL_VERSIONS: Final = Vocabulary(
    prefixes=_FEW_ATTRIBUTES | _METRICS | _TAGS,
    texts={"name": "known_as", "run_id": "run_id", "source_path": "source", **_VERSION_EXTRA},
    numbers={"version_number": "number", **_VERSION_TIMES},
    operators={TEXT: _TEXT | _LISTS, NUMBER: _NUMERIC, METRIC: _NUMERIC, TAG: _TEXT | _PRESENT},
    order={"name": "known_as", "version_number": "number", **_VERSION_TIMES},
    ordered=frozenset({ATTRIBUTE}),
    kinds=("attribute", "tag", "tags"),
    extra=_VERSION_EXTRA | _VERSION_TIMES,
    lists=frozenset({"known_as", "run_id", *_VERSION_EXTRA.values()}),
    wording=filter_words.MODEL_VERSIONS,
    value_first=True,
    whole=True,
    quoted_numbers=True,
)
_CREATED_AT, _UPDATED_AT = "created_at_ms", "updated_at_ms"
_LOGGED_TIMES: Final = {
    "creation_timestamp": _CREATED_AT,
    "creation_time": _CREATED_AT,
    "creation_timestamp_ms": _CREATED_AT,
    "last_updated_timestamp": _UPDATED_AT,
    "last_updated_timestamp_ms": _UPDATED_AT,
    "last_updated_time": _UPDATED_AT,
}
_LOGGED_TEXTS: Final = {
    "name": "name",
    "model_id": "id",
    "model_type": "model_type",
    "status": "status",
    "status_message": "status_message",
    "source_run_id": "source_run_id",
    "artifact_location": "artifact_root",
    "experiment_id": "experiment",
    "lifecycle_stage": "lifecycle_stage",
}
LOGGED_MODELS: Final = Vocabulary(
    prefixes=dict.fromkeys(("attribute", "attributes", "attr"), ATTRIBUTE) | _METRICS | _PARAMS | _TAGS,
    texts=_LOGGED_TEXTS,
    numbers=_LOGGED_TIMES,
    operators={
        TEXT: _TEXT | _LISTS,
        NUMBER: _NUMERIC,
        METRIC: _NUMERIC,
        PARAM: _TEXT | _LISTS | _PRESENT,
        TAG: _TEXT | _LISTS | _PRESENT,
    },
    order=_LOGGED_TEXTS | _LOGGED_TIMES,
    ordered=frozenset({ATTRIBUTE, METRIC}),
    kinds=("attributes", "metrics", "params", "tags"),
    extra={"last_updated_time": _UPDATED_AT},
    lists=frozenset(_LOGGED_TEXTS.values()),
    wording=filter_words.LOGGED_MODELS,
    loose=True,
)
