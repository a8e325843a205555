"""The filter language of searches: ``metrics.loss < 0.5 AND tags.`my key` LIKE 'a%'``.

MLflow's language (its page "Search Runs"), with its messages, and beyond it OR, NOT and parentheses::

    either     = both (OR both)*
    both       = one ([AND] one)*
    one        = NOT one | "(" either ")" | comparison
    comparison = identifier operator value | identifier [NOT] IN "(" text ("," text)* ")"
               | identifier IS [NOT] NULL
    identifier = [prefix "."] key        a key may stand in backticks or quotes
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.filter_shapes import IDENTIFIERS, Shape, Tree, leftovers, read_tree
from assay.core.tracking.filter_tokens import (
    BACKTICKS,
    DOUBLE,
    MAX_TOKENS,
    NAME,
    WORD,
    Token,
    listed,
    tokens,
    unquoted,
)
from assay.core.tracking.filter_words import as_set, say
from assay.core.tracking.searches import (
    EVERYTHING,
    MAX_ORDER,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Not,
    Operator,
    Order,
    check_count,
)
from assay.core.tracking.vocabularies import ATTRIBUTE, DATASET, ID, METRIC, NUMBER, TEXT, Vocabulary

MAX_LENGTH: Final = 100_000
# A pattern may be compared with a text of a million letters at every place of it.
MAX_PATTERN_LENGTH: Final = 1000
# Of one filter together: each may be compared with a text of every row.
MAX_PATTERNS: Final = 50
MAX_PATTERN_LETTERS: Final = 5000
_OPERATORS: Final = {each.value: each for each in Operator}
_ORDERED: Final = frozenset({Operator.ABOVE, Operator.AT_LEAST, Operator.BELOW, Operator.AT_MOST})
_PATTERNS: Final = frozenset({Operator.LIKE, Operator.ILIKE, Operator.RLIKE})
_LISTS: Final = ("IN", "NOT IN")
_WHOLE: Final = re.compile(r"-?\d{1,1000}")
_LOOSE_NUMBER: Final = re.compile(r"nan|inf|infinity|\d+(?:_\d+)*", re.IGNORECASE)
_CLAUSE: Final = re.compile(rf"({NAME}|{BACKTICKS}|{DOUBLE}|{WORD})(?:\s+(\w+))?", re.DOTALL)


def parse_filter(text: str, vocabulary: Vocabulary) -> Condition:
    """Read a filter; an empty one holds for everything.

    Raises:
        BadInputError: it cannot be read, or asks what cannot be asked of these things.
    """
    if not text:
        return EVERYTHING
    if not text.strip():
        raise _refuse(say(vocabulary.wording, "blank", "", filter=text[:500]))
    if len(text) > MAX_LENGTH:
        raise _refuse(f"filter string must be at most {MAX_LENGTH} characters")
    _check_letters(text)
    found = tokens(text)
    if len(found) > MAX_TOKENS:
        raise _refuse(f"filter string must be at most {MAX_TOKENS} words and signs")
    divided = [place for place, each in enumerate(found) if each.text == ";"]
    if divided and divided[0] < len(found) - 1:
        raise _refuse(say(vocabulary.wording, "several", "", filter=text[:500]))
    tree = read_tree(found)
    if tree is None:
        raise _unreadable(text, found, vocabulary)
    return _Reading(text, vocabulary).condition(tree)


def parse_order(clauses: Sequence[str], vocabulary: Vocabulary) -> tuple[Order, ...]:
    """Read ``order_by`` clauses: a key, then perhaps ASC or DESC.

    Raises:
        BadInputError: a clause cannot be read, names what these things cannot be ordered by, or
            what another names already; or there are too many.
    """
    check_count("order_by", len(clauses), MAX_ORDER)
    found = tuple(_order(clause, vocabulary) for clause in clauses)
    twice = say(vocabulary.wording, "twice", "", clauses=list(clauses))
    if twice and len({(each.kind, each.key) for each in found}) < len(found):
        raise _refuse(twice)
    return found


def parse_order_field(name: str, vocabulary: Vocabulary) -> Order:
    """Read what to order by where it stands alone: all after the first dot is the key, whatever it is.

    Raises:
        BadInputError: these things cannot be ordered by it.
    """
    _check_letters(name)
    key = _identified(name.strip(), vocabulary, order=True)
    return Order(key.kind, key.key)


@dataclass(frozen=True, slots=True)
class _Key:
    """What an identifier means; ``asked`` is the key as it was written."""

    kind: str
    key: str
    asked: str
    sort: str


class _Reading:
    """Gives the shapes of one filter their meaning."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._text = text
        self._vocabulary = vocabulary
        self._patterns: list[str] = []

    def condition(self, tree: Tree) -> Condition:
        """Return what a tree of comparisons asks."""
        if isinstance(tree, Shape):
            return self._comparison(tree)
        parts = tuple(map(self.condition, tree.parts))
        if tree.word == "NOT":
            return Not(parts[0])
        return AnyOf(parts) if tree.word == "OR" else AllOf(parts)

    def _comparison(self, shape: Shape) -> Comparison:
        if shape.left.kind not in IDENTIFIERS:
            raise self._said("left", "", value=shape.left.text[:200])
        key = _identified(shape.left.text, self._vocabulary)
        operator = _OPERATORS.get(shape.operator)
        usable = operator in self._vocabulary.operators.get(key.sort, frozenset())
        if not usable and not shape.values and self._vocabulary.value_first:
            raise self._wrong("absent", key, "")
        if not usable and not self._vocabulary.value_first:
            raise self._unusable(key, shape)
        value = self._value(key, shape) if shape.values else None
        if operator is None or not usable:
            raise self._unusable(key, shape)
        if operator in _PATTERNS and isinstance(value, str):
            self._check_pattern(value)
        return Comparison(key.kind, key.key, operator, value)

    def _check_pattern(self, pattern: str) -> None:
        self._patterns.append(pattern)
        if len(pattern) > MAX_PATTERN_LENGTH:
            raise _refuse(f"a pattern must be at most {MAX_PATTERN_LENGTH} characters")
        if len(self._patterns) > MAX_PATTERNS:
            raise _refuse(f"filter string must have at most {MAX_PATTERNS} patterns")
        if sum(map(len, self._patterns)) > MAX_PATTERN_LETTERS:
            raise _refuse(f"patterns of a filter must be at most {MAX_PATTERN_LETTERS} characters together")

    def _value(self, key: _Key, shape: Shape) -> str | float | tuple[str, ...]:
        """Read the value as the sort of key wants it."""
        is_ordered = key.kind in self._vocabulary.mixed and _OPERATORS.get(shape.operator) in _ORDERED
        if key.sort == NUMBER and self._vocabulary.quoted_numbers:
            return self._maybe_quoted_number(key, shape)
        if key.sort in (METRIC, NUMBER) or is_ordered:
            return self._number(key, shape)
        if shape.operator in _LISTS:
            return self._list(key, shape)
        token = _only(shape)
        if token is not None and token.kind in ("text", "quoted"):
            return self._id(unquoted(token.text)) if key.sort == ID else unquoted(token.text)
        if token is not None and self._vocabulary.loose:
            return token.text
        if token is not None and token.kind in ("name", "word") and not token.keyword:
            raise self._wrong("unquoted", key, token.text)
        is_number = token is not None and token.kind == "number" and key.sort == TEXT
        if is_number and "only_numbers" in self._vocabulary.wording:
            raise self._said("only_numbers", "")
        raise self._wrong("value", key, self._written(shape))

    def _number(self, key: _Key, shape: Shape) -> float:
        token = _only(shape)
        loose = self._vocabulary.loose and token is not None and _LOOSE_NUMBER.fullmatch(token.text)
        if token is None or (token.kind != "number" and not loose):
            said = "value" if key.sort in (METRIC, NUMBER) else "ordered"
            raise self._wrong(said, key, self._written(shape), operator=shape.operator)
        if key.sort == METRIC:
            return float(token.text)
        if self._vocabulary.whole and not _WHOLE.fullmatch(token.text):
            raise self._wrong("whole", key, str(float(token.text)))
        return _small(token.text)

    def _maybe_quoted_number(self, key: _Key, shape: Shape) -> float:
        token = _only(shape)
        if token is None:
            raise self._wrong("lists" if shape.operator in _LISTS else "value", key, self._written(shape))
        if token.kind == "number" and not _WHOLE.fullmatch(token.text):
            raise self._wrong("whole", key, str(float(token.text)))
        inside = unquoted(token.text).strip()
        if not _WHOLE.fullmatch(inside):
            raise self._wrong("whole", key, repr(inside) if token.kind == "quoted" else token.text)
        return _small(inside)

    def _list(self, key: _Key, shape: Shape) -> tuple[str, ...]:
        if Operator.IN not in self._vocabulary.operators.get(key.sort, frozenset()):
            raise self._wrong("value", key, self._written(shape))
        if key.sort in (TEXT, ID) and key.key not in self._vocabulary.lists:
            raise self._wrong("lists", key, "")
        items = self._items(shape)
        if self._vocabulary.loose:
            return tuple(map(str, items))
        if not items:
            raise self._said("list", "empty")
        if not all(isinstance(each, str) for each in items):
            raise self._said("list", "type", value=str(tuple(items))[:200])
        return tuple(self._id(str(each)) if key.sort == ID else str(each) for each in items)

    def _items(self, shape: Shape) -> list[str | float]:
        items: list[str | float] = []
        is_going_on = False  # texts without a comma between them are one text
        for token in shape.values:
            if token.kind in ("text", "quoted"):
                before = items.pop() if is_going_on else ""
                items.append(f"{before}{listed(token.text)}")
            elif token.kind == "number":
                items.append(_small(token.text))
            elif token.kind not in ("comma", "bracket"):
                raise self._said("list", "broken")
            is_going_on = token.kind in ("text", "quoted")
        return items

    def _id(self, text: str) -> str:
        if not re.fullmatch(r"\s*[-+]?\d{1,1000}\s*", text):
            raise self._said("id", "", value=text[:200])
        return str(int(text))

    def _unusable(self, key: _Key, shape: Shape) -> BadInputError:
        """Return the error for an operator that this key cannot be compared with."""
        operators = self._vocabulary.operators
        return self._said(
            "operator",
            key.sort,
            operator=shape.operator,
            known=as_set([each.value for each in operators.get(key.sort, ())]),
            texts=as_set([each.value for each in operators.get(TEXT, ())]),
            key=key.asked[:200],
            place=f"{self._named(key.kind)}.{key.asked[:200]}",
        )

    def _wrong(self, occasion: str, key: _Key, value: str, operator: str = "") -> BadInputError:
        vocabulary = self._vocabulary
        lists = sorted(each for each, stored in vocabulary.texts.items() if stored in vocabulary.lists)
        facts = {"key": key.asked[:200], "value": value[:200], "kind": self._named(key.kind)}
        facts["operator"] = operator
        return self._said(occasion, key.sort, plain=key.kind, lists=lists, **facts)

    def _named(self, kind: str) -> str:
        return say({"kind": kind, **self._vocabulary.wording}, "kind", kind)

    def _written(self, shape: Shape) -> str:
        return self._text[shape.values[0].start : shape.values[-1].end]

    def _said(self, occasion: str, about: str, /, **facts: Any) -> BadInputError:
        return _refuse(say(self._vocabulary.wording, occasion, about, filter=self._text[:500], **facts))


def _identified(text: str, vocabulary: Vocabulary, *, order: bool = False) -> _Key:
    """Return what a written identifier means.

    Raises:
        BadInputError: there is no such prefix or attribute.
    """
    prefix, dot, rest = text.partition(".")
    written = unquoted(prefix) if prefix.startswith("`") else prefix
    kind = vocabulary.prefixes.get(written) if dot else ATTRIBUTE
    asked = unquoted(rest if dot else text)
    known = vocabulary.order if order else {**vocabulary.texts, **vocabulary.numbers}
    named = as_set(list(vocabulary.order if order else vocabulary.keys))
    wording = vocabulary.wording

    def refused(occasion: str, about: str = "") -> BadInputError:
        occasion = f"order.{occasion}" if order and f"order.{occasion}" in wording else occasion
        facts = {"name": text[:200], "key": asked[:200], "prefix": written[:200], "keys": named}
        return _refuse(say(wording, occasion, about, kinds=list(vocabulary.kinds), kind=kind, **facts))

    if kind is None:
        raise refused("prefix")
    if order and vocabulary.ordered is not None and kind not in vocabulary.ordered:
        raise refused("kind")
    if kind == DATASET and asked not in ("name", "digest", "context"):
        raise refused("key", DATASET)
    if kind != ATTRIBUTE:
        return _Key(kind, asked, asked, kind)
    if asked not in known:
        raise refused("key")
    return _Key(kind, known[asked], asked, vocabulary.sort(kind, known[asked]))


def _order(clause: str, vocabulary: Vocabulary) -> Order:
    _check_letters(clause)
    match = _CLAUSE.fullmatch(clause.strip())
    if match is None:
        raise _refuse(say(vocabulary.wording, "order", "", clause=clause[:200]))
    direction = (match[2] or "ASC").upper()
    if direction not in ("ASC", "DESC"):
        raise _refuse(say(vocabulary.wording, "direction", "", clause=clause[:200]))
    key = _identified(match[1], vocabulary, order=True)
    return Order(key.kind, key.key, direction == "DESC")


def _check_letters(text: str) -> None:
    """Refuse what no store holds and no database can be asked for."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _refuse("filter string must not contain NUL or lone surrogates")


def _only(shape: Shape) -> Token | None:
    """Return the value of a comparison that is not with a list."""
    return shape.values[0] if len(shape.values) == 1 else None


def _small(text: str) -> float:
    """Return a number; a whole one of more than 18 digits, which databases cannot keep, as a float."""
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else float(text)


def _unreadable(text: str, found: Sequence[Token], vocabulary: Vocabulary) -> BadInputError:
    part = vocabulary.wording["part"]
    parts = ", ".join(part.format(each[:200]) for each in leftovers(found)[:20])
    return _refuse(say(vocabulary.wording, "clauses", "", parts=parts, filter=text[:500]))


def _refuse(message: str) -> BadInputError:
    return BadInputError(message, [Reason("filter", message)])
