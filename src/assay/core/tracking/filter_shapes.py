"""The shape of a filter: which tokens are comparisons, and how AND, OR, NOT and parentheses join them.

What may be compared, and with what, is not looked at here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assay.core.errors import BadInputError
from assay.core.tracking.filter_tokens import Token

# Databases read statements with a stack of their own: SQLite's holds some thirty levels.
MAX_DEPTH: Final = 20
MAX_COMPARISONS: Final = 500
# No list within a list is right; a few are looked through for what to say about them.
_MAX_LISTS: Final = 10
IDENTIFIERS: Final = frozenset({"name", "word", "quoted"})
_OPERANDS: Final = frozenset({"name", "word", "text", "quoted", "number", "sum"})
_MATCHING: Final = frozenset({"LIKE", "ILIKE", "RLIKE", "REGEXP"})
_NOTHING: Final = Token("", "", 0, 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """Tokens that are a comparison.

    Attributes:
        left: what is compared; an identifier when the filter is right.
        operator: as it is written, in capitals, one space between words.
        values: one value, or a list with its parentheses; nothing for IS NULL.
        end: the place of the token after it.
    """

    left: Token
    operator: str
    values: tuple[Token, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Shapes joined by ``AND`` or ``OR``, or one under ``NOT``."""

    word: str
    parts: "tuple[Tree, ...]"


Tree = Shape | Joined


def read_tree(found: Sequence[Token]) -> Tree | None:
    """Return the shape of a filter; None when it has none. A filter of ANDs alone joins nothing.

    Raises:
        BadInputError: it is nested too deeply, or has too many comparisons.
    """
    if all(each.keyword == "AND" for each in found):
        return Joined("AND", ())
    reader = _Reader(found)
    tree = reader.either(0)
    return tree if reader.is_at_end() else None


def leftovers(found: Sequence[Token]) -> list[str]:
    """Return what is neither a comparison nor an AND."""
    left, place = [], 0
    while place < len(found):
        shape = _shape(found, place)
        if shape is None and found[place].keyword != "AND":
            left.append(found[place].text)
        place = place + 1 if shape is None else shape.end
    return left


class _Reader:
    """Recursive descent; every method returns None when what it looks for is not there."""

    def __init__(self, found: Sequence[Token]) -> None:
        self._tokens = found
        self._place = 0
        self._count = 0

    def is_at_end(self) -> bool:
        """Tell whether every token was read."""
        return self._place == len(self._tokens)

    def either(self, depth: int) -> Tree | None:
        """Read parts with OR between them."""
        parts = [self._both(depth)]
        while self._take("OR"):
            parts.append(self._both(depth))
        return _joined("OR", parts)

    def _both(self, depth: int) -> Tree | None:
        # As in MLflow, an AND that has nothing on one side is passed over, and one may be left out.
        parts: list[Tree | None] = []
        while True:
            while self._take("AND"):
                pass
            if self.is_at_end() or self._is("OR") or self._tokens[self._place].text == ")":
                return _joined("AND", parts)
            parts.append(self._one(depth))
            if parts[-1] is None:
                return None

    def _one(self, depth: int) -> Tree | None:
        if depth > MAX_DEPTH:
            raise BadInputError.of("filter", f"must not be nested deeper than {MAX_DEPTH}")
        shape = _shape(self._tokens, self._place)
        if shape is not None:
            self._place = shape.end
            self._count += 1
            if self._count > MAX_COMPARISONS:
                raise BadInputError.of("filter", f"must have at most {MAX_COMPARISONS} comparisons")
            return shape
        if self._take("NOT"):
            part = None if self.is_at_end() else self._one(depth + 1)
            return None if part is None else Joined("NOT", (part,))
        found = self.either(depth + 1) if self._bracket("(") else None
        return found if found is not None and self._bracket(")") else None

    def _is(self, keyword: str) -> bool:
        return not self.is_at_end() and self._tokens[self._place].keyword == keyword

    def _take(self, keyword: str) -> bool:
        found = self._is(keyword)
        self._place += found
        return found

    def _bracket(self, text: str) -> bool:
        found = not self.is_at_end() and self._tokens[self._place].text == text
        self._place += found
        return found


def _joined(word: str, parts: Sequence[Tree | None]) -> Tree | None:
    known = tuple(part for part in parts if part is not None)
    if not known or len(known) < len(parts):
        return None
    return known[0] if len(known) == 1 else Joined(word, known)


def _shape(found: Sequence[Token], place: int) -> Shape | None:
    """Return the comparison that begins at a token, if one does."""
    left, *rest = [*found[place : place + 5], *[_NOTHING] * 5][:5]
    if left.kind not in _OPERANDS or left.keyword:
        return None
    words = [each.keyword for each in rest]
    if words[0] == "IS" and left.kind in IDENTIFIERS:
        denied = words[1] == "NOT"
        if words[1 + denied] != "NULL":
            return None
        return Shape(left, "IS NOT NULL" if denied else "IS NULL", (), place + 3 + denied)
    denied = words[0] == "NOT"
    operator = rest[denied]
    end = place + 2 + denied
    if operator.keyword == "IN":
        values = _list(found, end)
    elif operator.keyword in _MATCHING or (operator.kind == "operator" and not denied):
        values = _operand(found, end)
    else:
        return None
    text = operator.keyword or operator.text
    return None if not values else Shape(left, f"NOT {text}" if denied else text, values, end + len(values))


def _operand(found: Sequence[Token], place: int) -> tuple[Token, ...]:
    token = found[place] if place < len(found) else _NOTHING
    if token.text == "(":
        return _list(found, place)
    return (token,) if token.kind in _OPERANDS and token.keyword in ("", "NULL") else ()


def _list(found: Sequence[Token], place: int) -> tuple[Token, ...]:
    """Return the tokens from an opening parenthesis to the one that closes it."""
    depth = 0
    for end in range(place, len(found)):
        depth += (found[end].text == "(") - (found[end].text == ")")
        if depth <= 0:
            return tuple(found[place : end + 1]) if end > place else ()
        if depth > _MAX_LISTS:
            break
    return ()
