"""What searches say when they refuse, in the words that MLflow's clients know.

A wording has templates by occasion, and by occasion and sort of key (``operator.tag``); the sorts are the
kinds of the vocabulary, with ``text``, ``number`` and ``id`` for attributes.
"""

from collections.abc import Mapping
from typing import Final

Wording = Mapping[str, str]

_COMPARISON: Final = "Invalid comparator '{operator}' not one of "
_QUOTED: Final = "Expected a quoted string value for "
_ONLY_LISTS: Final = "Only {} attributes support comparison with a list of quoted string values."
_LIST: Final = "While parsing a list in the query, expected "
_FEW_PREFIXES: Final = "Invalid entity type '{prefix}'. Valid entity types are ('attribute', 'tag', 'tags')"

USUAL: Final[Wording] = {
    "part": "'{}'",
    "clauses": "Invalid clause(s) in filter string: {parts}",
    "blank": "Invalid filter '{filter}'. Could not be parsed.",
    "several": ("Search filter contained multiple expression {filter!r}. Provide AND-ed expression list."),
    "left": "Invalid comparison clause. Expected 'Identifier' found '{value}'",
    "prefix": "Invalid entity type '{prefix}'. Valid values are {kinds}",
    "key": "Invalid attribute key '{key}' specified. Valid keys are '{keys}'",
    "key.dataset": "Invalid dataset key '{key}' specified. Valid keys are '{{'context', 'digest', 'name'}}'",
    "operator": _COMPARISON + "'{known}'",
    "unquoted": (
        "Parameter value is either not quoted or unidentified quote types used for string value {value}. "
        "Use either single or double quotes."
    ),
    "value": _QUOTED + "{kind} (e.g. 'my-value'). Got value {value}",
    "value.text": _QUOTED + "attributes. Got value {value}",
    "value.id": _QUOTED + "attributes. Got value {value}",
    "value.dataset": _QUOTED + "dataset attributes. Got value {value}",
    "value.metric": "Expected numeric value type for metric. Found {value}",
    "value.number": "Expected numeric value type for numeric attribute: {key}. Found {value}",
    "ordered": "Expected a numeric value for {kind} when using comparator '{operator}'. Got value {value}",
    "whole": "Invalid value for numeric attribute '{key}': {value}",
    "id": "Invalid experiment ID '{value}'. Experiment ID must be a valid integer.",
    "lists": _ONLY_LISTS.format("{lists}"),
    "list.empty": _LIST + "a non-empty list of string values, but got empty list",
    "list.broken": _LIST + "a non-empty list of string values, but got ill-formed list.",
    "list.type": (
        _LIST + "string value, punctuation, or whitespace, but got different type in list: {value}"
    ),
    "order": "Invalid order_by clause '{clause}'. Could not be parsed.",
    "direction": "Invalid ordering key in order_by clause '{clause}'.",
    "order.kind": "Invalid identifier type '{kind}'",
}
RUNS: Final[Wording] = {
    **USUAL,
    "kind.param": "parameter",
    "absent": ("IS NULL / IS NOT NULL is only supported for tags and params, not for '{plain}' '{key}'"),
    "operator.metric": _COMPARISON + "'{known}",
    "operator.number": _COMPARISON + "'{texts}",
    "operator.tag": _COMPARISON + "'{known}",
    "operator.dataset": _COMPARISON + "'{known}",
    "twice": "`order_by` contains duplicate fields: {clauses}",
}
TRACES: Final[Wording] = {**USUAL, "operator.tag": _COMPARISON + "'{known}"}
EXPERIMENTS: Final[Wording] = {
    **USUAL,
    "part": "{}",
    "prefix": _FEW_PREFIXES,
    "absent": "IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key}'",
    "operator.number": _COMPARISON + "'{texts}",
    "operator.id": "Invalid comparator for experiment_id: {operator}",
    "operator.tag": "Invalid comparator for tag: {operator}",
    "whole": "Invalid value for numeric attribute '{key}': '{value}'",
    "lists": _ONLY_LISTS.format("['experiment_id']"),
    "order.kind": "Invalid order_by entity: {kind}",
}
_REGISTRY: Final[Wording] = {
    **USUAL,
    "part": "{}",
    "prefix": _FEW_PREFIXES,
    "absent": "IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key}'",
    "operator.text": "Invalid comparator for attribute: {operator}",
    "operator.number": "Invalid comparator for attribute {key}: {operator}",
    "operator.tag": "Invalid comparator for tag: {operator}",
    "value.text": (
        "Expected a quoted string value or a list of quoted string values for attributes. Got value {value}"
    ),
    "value.number": "Invalid value for numeric attribute '{key}': {value}",
    "twice": "`order_by` contains duplicate fields: {clauses}",
}
REGISTERED_MODELS: Final[Wording] = {
    **_REGISTRY,
    "lists": _ONLY_LISTS.format("['name']"),
    "order.key": "Invalid order by key '{key}' specified. Valid keys are '{{'name', 'timestamp'}}'",
    "order.prefix": "Invalid order by key '{name}' specified. Valid keys are '{{'name', 'timestamp'}}'",
    "order.kind": "Invalid order by key '{name}' specified. Valid keys are '{{'name', 'timestamp'}}'",
}
MODEL_VERSIONS: Final[Wording] = {
    **_REGISTRY,
    "only_numbers": (
        "Only the '{{'creation_timestamp', 'last_updated_timestamp', 'version_number'}}' attributes support "
        "comparison with numeric values."
    ),
    "lists": _ONLY_LISTS.format("['name', 'run_id']"),
    "order.kind": "Invalid order by key '{key}' specified. Valid keys are {keys}",
}
_LOGGED_OPERATOR: Final = "Invalid comparison operator for {place}: '{operator}'. Expected one of "
_LOGGED_CLAUSES: Final = (
    "Invalid filter string: {filter!r}. Expected a list of comparisons separated by 'AND' (e.g. "
    "'metrics.loss > 0.1 AND params.lr = 0.01')."
)
LOGGED_MODELS: Final[Wording] = {
    **USUAL,
    "clauses": _LOGGED_CLAUSES,
    "left": _LOGGED_CLAUSES,
    "blank": "Invalid filter string: {filter!r}. Expected a single SQL expression.",
    "several": "Invalid filter string: {filter!r}. Expected a single SQL expression.",
    "prefix": (
        "Invalid entity type: '{prefix}'. Expected one of ['attributes', 'metrics', 'params', 'tags']."
    ),
    "operator": _LOGGED_OPERATOR + "('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN').",
    "operator.number": _LOGGED_OPERATOR + "('<', '<=', '>', '>=', '=', '!=').",
    "operator.metric": _LOGGED_OPERATOR + "('<', '<=', '>', '>=', '=', '!=').",
    "kind.attribute": "attributes",
    "kind.metric": "metrics",
    "kind.param": "params",
    "kind.tag": "tags",
    "order": "Invalid order by field name: {clause}",
    "order.key": "Invalid order by field name: {key}",
    "order.prefix": "Invalid order by field name: {name}. Only metrics are supported.",
    "order.kind": "Invalid order by field name: {name}. Only metrics are supported.",
}


def say(wording: Wording, occasion: str, about: str, /, **facts: object) -> str:
    """Return the sentence for an occasion, about a sort of key; "" where nothing is said of it."""
    template = wording.get(f"{occasion}.{about}", wording.get(occasion, ""))
    return template.format(**facts)


def as_set(words: frozenset[str] | tuple[str, ...] | list[str]) -> str:
    """Return words as the sentences list them."""
    return "{" + ", ".join(repr(word) for word in sorted(words)) + "}"
