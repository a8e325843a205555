"""Evaluation sets and scorers: with what, and by what, the answers of models and agents are judged.

An evaluation set is a list of records, each an input with what is expected of the answer. A scorer is
code or a judge's instruction; the registry keeps its text and never runs it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.keys import check_key, check_value
from assay.core.tracking.searches import Operator
from assay.core.tracking.vocabularies import ATTRIBUTE, TAG, Vocabulary

USER_TAG: Final = "mlflow.user"
MAX_NAME_LENGTH: Final = 255
MAX_TAG_LENGTH: Final = 100_000
MAX_RECORDS: Final = 10_000
MAX_SET_PLACES: Final = 1000
MAX_RECORD_LENGTH: Final = 1_000_000
MAX_SCORER_LENGTH: Final = 1_000_000
_PARTS: Final = ("inputs", "outputs", "expectations")
_TIMES: Final = {"created_time": "created_at_ms", "last_update_time": "updated_at_ms"}
_SAME: Final = frozenset({Operator.EQUAL, Operator.UNEQUAL})
_TEXT: Final = _SAME | {Operator.LIKE, Operator.ILIKE}
EVALUATION_SETS: Final = Vocabulary(
    prefixes={"attribute": ATTRIBUTE, "attributes": ATTRIBUTE, "tag": TAG, "tags": TAG},
    texts={"name": "name", "created_by": "created_by", "last_updated_by": "updated_by"},
    numbers=_TIMES,
    operators={
        "text": _TEXT | {Operator.IN, Operator.NOT_IN},
        "number": _SAME | {Operator.ABOVE, Operator.AT_LEAST, Operator.BELOW, Operator.AT_MOST},
        TAG: _TEXT | {Operator.IS_NULL, Operator.IS_NOT_NULL},
    },
    order={"name": "name", **_TIMES},
    kinds=("attribute", "tag"),
    lists=frozenset({"name"}),
)
_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """A named list of records of a team.

    Attributes:
        id: ``d-`` and 32 hex digits.
        created_by, updated_by: in the client's words (the tag ``mlflow.user``); "" when not said.
        schema: by part and field, the kind of value seen first; None before the first record.
        record_count: how many records it has.
        experiment_ids: the experiments it is meant for.
    """

    id: str
    team: str
    name: str
    created_at_ms: int
    updated_at_ms: int
    created_by: str = ""
    updated_by: str = ""
    schema: Mapping[str, Any] | None = None
    record_count: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    experiment_ids: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """Eight hex digits that change with every change of the records."""
        return hashlib.sha256(f"{self.name}:{self.updated_at_ms}".encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An input and what is expected; two records of a set never have the same inputs.

    Attributes:
        id: ``dr-`` and 32 hex digits.
        source: where it came from: ``source_type`` and ``source_data``.
    """

    id: str
    set_id: str
    inputs: Mapping[str, Any]
    created_at_ms: int
    updated_at_ms: int
    outputs: Any = None
    expectations: Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    created_by: str = ""
    updated_by: str = ""

    @property
    def inputs_digest(self) -> str:
        """SHA-256 of the inputs, whatever the order of their fields."""
        return hashlib.sha256(json.dumps(self.inputs, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Scorer:
    """One version of a scorer of an experiment.

    Attributes:
        id: of all versions of this name.
        number: 1, 2, 3, ...
        text: JSON, as the client wrote it.
    """

    id: str
    experiment_id: int
    name: str
    number: int
    text: str
    created_at_ms: int


def check_evaluation_set(one: EvaluationSet) -> EvaluationSet:
    """Return the set when it may be stored.

    Raises:
        BadInputError: no name, or a name or tag that breaks a rule.
    """
    if not one.name.strip():
        raise BadInputError.of("name", "must not be empty")
    check_value(one.name, "name", MAX_NAME_LENGTH)
    for key, value in one.tags.items():
        check_key(key, "tags")
        check_value(value, "tags", MAX_TAG_LENGTH)
    return one


def check_record(record: EvaluationRecord) -> EvaluationRecord:
    """Return the record when it may be stored.

    Raises:
        BadInputError: inputs, expectations or source are no objects, tags no texts, or it is too long.
    """
    source = record.source
    for part, value in (
        ("inputs", record.inputs),
        ("expectations", {} if record.expectations is None else record.expectations),
        ("source", {} if source is None else source),
        ("source.source_data", source.get("source_data", {}) if isinstance(source, Mapping) else {}),
    ):
        if not isinstance(value, Mapping):
            raise BadInputError.of(f"records.{part}", "must be an object")
    if source is not None and not isinstance(source.get("source_type", ""), str):
        raise BadInputError.of("records.source.source_type", "must be a text")
    if not all(isinstance(each, str) for each in record.tags.values()):
        raise BadInputError.of("records.tags", "must be texts")
    whole = [record.inputs, record.outputs, record.expectations, dict(record.tags), record.source]
    if len(json.dumps(whole)) > MAX_RECORD_LENGTH:
        raise BadInputError.of("records", f"must have at most {MAX_RECORD_LENGTH} characters each")
    return record


def check_scorer(scorer: Scorer) -> Scorer:
    """Return the scorer when it may be stored.

    Raises:
        BadInputError: no name, too long, or its text is no JSON object.
    """
    if not scorer.name.strip():
        raise BadInputError.of("name", "must not be empty")
    check_value(scorer.name, "name", MAX_NAME_LENGTH)
    check_value(scorer.text, "serialized_scorer", MAX_SCORER_LENGTH)
    try:
        said = json.loads(scorer.text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        message = "serialized_scorer must be valid JSON"
        raise BadInputError(message, [Reason("serialized_scorer", "must be a JSON object")])
    return scorer


def merged(before: EvaluationRecord, said: EvaluationRecord) -> EvaluationRecord:
    """Return a record after its inputs were said again: what is new is added, what is said again replaced."""
    return replace(
        before,
        updated_at_ms=said.updated_at_ms,
        outputs=before.outputs if said.outputs is None else said.outputs,
        expectations={**(before.expectations or {}), **(said.expectations or {})} or None,
        tags={**before.tags, **said.tags},
        updated_by=said.updated_by or before.updated_by,
    )


def wider_schema(
    before: Mapping[str, Any] | None, records: Iterable[EvaluationRecord]
) -> Mapping[str, Any] | None:
    """Return the schema with the fields of more records; the kind seen first stays."""
    schema: dict[str, Any] = {part: dict((before or {}).get(part, {})) for part in _PARTS}
    seen = before is not None
    for record in records:
        seen = True
        for part in _PARTS:
            for key, value in _fields(getattr(record, part)).items():
                schema[part].setdefault(key, _kind(value))
    return {**schema, "version": "1.0"} if seen else None


def newest_of_each(scorers: Sequence[Scorer]) -> tuple[Scorer, ...]:
    """Return the version with the greatest number of each scorer."""
    found: dict[tuple[int, str], Scorer] = {}
    for scorer in scorers:
        key = scorer.experiment_id, scorer.name
        if key not in found or found[key].number < scorer.number:
            found[key] = scorer
    return tuple(found.values())


def _fields(part: Any) -> Mapping[str, Any]:
    return part if isinstance(part, Mapping) else {}


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "null")
