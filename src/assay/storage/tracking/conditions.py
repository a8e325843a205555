"""Conditions and orders of searches as SQL, the same for every kind of thing."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Table,
    Text,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from assay.core.tracking.searches import AllOf, Comparison, Condition, Not, Operator

Test = Callable[[Comparison], ColumnElement[bool]]
Gather = Callable[[AllOf], tuple[Sequence[ColumnElement[bool]], Sequence[Condition]]]
# A database compares a text with a pattern in one step, which nobody can interrupt and which takes time
# that grows with the lengths of both: with so much of a text, a fraction of a second for any pattern.
COMPARED_LENGTH: Final = 65_536
_DIGITS: Final = re.compile(r"[+-]?[0-9]{1,30}")
# The least whole number that a database keeps; nothing here is as small.
_NOBODY: Final = -(2**63)
# Databases read a row of ANDs or ORs as one inside the other, and refuse what is too deep.
_SIDE_BY_SIDE: Final = 8
_SIMPLE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: lambda column, value: column == value,
    Operator.UNEQUAL: lambda column, value: column != value,
    Operator.ABOVE: lambda column, value: column > value,
    Operator.AT_LEAST: lambda column, value: column >= value,
    Operator.BELOW: lambda column, value: column < value,
    Operator.AT_MOST: lambda column, value: column <= value,
    Operator.IN: lambda column, value: column.in_(value),
    Operator.NOT_IN: lambda column, value: column.not_in(value),
}


def to_sql(
    condition: Condition, test: Test, *, gather: Gather | None = None, denied: bool = False
) -> ColumnElement[bool]:
    """Turn a condition into SQL; ``test`` knows where each comparison's key lies.

    NOT is carried down to the comparisons, so that it makes no statement deeper. What is not there (the
    end of a run that goes on) compares as neither true nor false; a NOT of that holds.

    Args:
        condition: what must hold.
        test: turns one comparison into SQL.
        gather: takes those parts out of an AND that mean something else together than each by itself;
            returns their SQL, and the parts that are left.
        denied: whether the opposite must hold.
    """
    if isinstance(condition, Not):
        return to_sql(condition.part, test, gather=gather, denied=not denied)
    if isinstance(condition, Comparison):
        return _unless(test(condition), denied)
    whole: Sequence[ColumnElement[bool]] = ()
    parts: Sequence[Condition] = condition.parts
    if gather is not None and isinstance(condition, AllOf):
        whole, parts = gather(condition)
    found = [_unless(each, denied) for each in whole]
    found += (to_sql(part, test, gather=gather, denied=denied) for part in parts)
    is_all = isinstance(condition, AllOf) is not denied
    return all_of(found) if is_all else any_of(found)


def all_of(found: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return what holds when everything holds; however much that is, it makes no statement deep."""
    return _joined(lambda parts: and_(true(), *parts), found)


def any_of(found: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return what holds when one of these holds; however many they are, it makes no statement deep."""
    return _joined(lambda parts: or_(false(), *parts), found)


def _joined(
    join: Callable[[Sequence[ColumnElement[bool]]], ColumnElement[bool]],
    found: Sequence[ColumnElement[bool]],
) -> ColumnElement[bool]:
    if len(found) <= _SIDE_BY_SIDE:
        return join(found)
    half = len(found) // 2
    return join([Enclosed(_joined(join, part)) for part in (found[:half], found[half:])])


def _unless(found: ColumnElement[bool], denied: bool) -> ColumnElement[bool]:
    return not_(func.coalesce(found, false())) if denied else found


def compare(column: Any, asked: Comparison) -> ColumnElement[bool]:
    """Compare a column with the value asked for; LIKE looks at case, ILIKE does not.

    Both look at the first 65,536 characters of a text. A whole number is like the text that writes it.
    """
    value: Any = asked.value
    if isinstance(column.type, Integer) and asked.operator in _SIMPLE:
        value = _whole(value)
    if asked.operator is Operator.LIKE:
        return like(column, str(value))
    if asked.operator is Operator.ILIKE:
        lowered: ColumnElement[bool] = Lowered(beginning(column)).like(
            str(value).lower().replace("!", "!!"), escape="!"
        )
        return lowered
    if asked.operator is Operator.IS_NULL:
        return column.is_(None)  # type: ignore[no-any-return]
    if asked.operator is Operator.IS_NOT_NULL:
        return column.is_not(None)  # type: ignore[no-any-return]
    found: ColumnElement[bool] = _SIMPLE[asked.operator](column, value)
    return found


def _whole(value: Any) -> Any:
    """Return what a column of whole numbers is compared with: texts as the numbers that they write.

    What no such column can hold becomes what none has in it.
    """
    if isinstance(value, tuple | list):
        return [_whole(each) for each in value]
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value) else _NOBODY
    return min(max(value, _NOBODY), -_NOBODY - 1) if isinstance(value, int) else value


def compare_word(
    table: Table,
    here: ColumnElement[bool],
    asked: Comparison,
    compared: Callable[[Any, Comparison], ColumnElement[bool]] = compare,
) -> ColumnElement[bool]:
    """Test a tag, parameter or the like, a row of its own; ``!=`` holds only for things that have it.

    Args:
        table: with columns ``key`` and ``value``.
        here: what tells the rows of one thing.
        asked: with the key.
        compared: how the value is compared.
    """
    there = exists().where(here, table.c.key == asked.key)
    if asked.operator is Operator.IS_NULL:
        return ~there
    if asked.operator is Operator.IS_NOT_NULL:
        return there
    return there.where(compared(table.c.value, asked))


def like(column: Any, pattern: str) -> ColumnElement[bool]:
    """Match ``%`` and ``_`` with case, in as much of a text as is compared.

    SQLite's own LIKE passes over the case of ASCII letters, its GLOB does not; PostgreSQL has no
    GLOB. The dialect decides when the statement is written.
    """
    return CaseLike(beginning(column), literal(pattern), literal(glob_of(pattern)))


def beginning(column: Any) -> ColumnElement[str]:
    """Return as much of a text as is compared with patterns."""
    return func.substr(cast(column, Text), 1, COMPARED_LENGTH, type_=Text())


def glob_of(pattern: str) -> str:
    """Return the GLOB pattern that matches what a LIKE pattern matches."""
    return re.sub(r"[\[*?]", lambda found: f"[{found[0]}]", pattern).replace("%", "*").replace("_", "?")


def matches(column: Any, pattern: str) -> ColumnElement[bool]:
    """Find a regular expression of Python's in a text; PostgreSQL writes the edges of words otherwise.

    There, too, a dot is no new line.
    """
    edges = {"b": r"\y", "B": r"\Y"}
    written = re.sub(r"\\(.)", lambda found: edges.get(found[1], found[0]), pattern, flags=re.DOTALL)
    return Matches(column, literal(pattern), literal(f"(?p){written}"))


class CaseLike(FunctionElement[bool]):
    """LIKE that looks at case: of (column, LIKE pattern, GLOB pattern) the dialect takes what it needs."""

    type = Boolean()
    inherit_cache = True
    name = "case_like"


class Holds(FunctionElement[bool]):
    """Parts of a text, one behind the other: of (column, parts, LIKE pattern) the dialect takes one."""

    type = Boolean()
    inherit_cache = True
    name = "holds"


class Matches(FunctionElement[bool]):
    """An expression that is found in a text: of (text, Python's, PostgreSQL's) the dialect takes one."""

    type = Boolean()
    inherit_cache = True
    name = "matches"


class Enclosed(FunctionElement[bool]):
    """A condition in parentheses, which are written: what is joined alike is otherwise put in one row."""

    type = Boolean()
    inherit_cache = True
    name = "enclosed"


class Lowered(FunctionElement[str]):
    """A text in lower case, whatever its script."""

    type = Text()
    inherit_cache = True
    name = "lowered"


@compiles(CaseLike)
def _write_like(element: CaseLike, compiler: Any, **more: Any) -> str:
    column, pattern, _ = element.clauses
    return f"{compiler.process(column, **more)} LIKE {compiler.process(pattern, **more)} ESCAPE ''"


@compiles(CaseLike, "sqlite")
def _write_glob(element: CaseLike, compiler: Any, **more: Any) -> str:
    column, _, pattern = element.clauses
    return f"{compiler.process(column, **more)} GLOB {compiler.process(pattern, **more)}"


@compiles(Holds)
def _write_holds(element: Holds, compiler: Any, **more: Any) -> str:
    column, _, pattern = element.clauses
    return f"{compiler.process(column, **more)} LIKE {compiler.process(pattern, **more)} ESCAPE '!'"


@compiles(Holds, "sqlite")
def _write_holds_by_function(element: Holds, compiler: Any, **more: Any) -> str:
    column, parts, _ = element.clauses
    return f"assay_holds({compiler.process(column, **more)}, {compiler.process(parts, **more)}) = 1"


@compiles(Matches)
def _write_matches(element: Matches, compiler: Any, **more: Any) -> str:
    # Letters and digits of every script count as such, as they do for Python.
    text, _, pattern = element.clauses
    return f"""({compiler.process(text, **more)} COLLATE "und-x-icu") ~ {compiler.process(pattern, **more)}"""


@compiles(Matches, "sqlite")
def _write_regexp(element: Matches, compiler: Any, **more: Any) -> str:
    text, pattern, _ = element.clauses
    return f"{compiler.process(text, **more)} REGEXP {compiler.process(pattern, **more)}"


@compiles(Enclosed)
def _write_enclosed(element: Enclosed, compiler: Any, **more: Any) -> str:
    return f"({compiler.process(element.clauses, **more)})"


@compiles(Enclosed, "postgresql")
def _write_fenced(element: Enclosed, compiler: Any, **more: Any) -> str:
    # Else each part that looks into another table becomes a table of one great join, for which PostgreSQL
    # looks for the best order: with some dozen of them that takes longer than any answer.
    return f"(({compiler.process(element.clauses, **more)}) IS TRUE)"


@compiles(Lowered)
def _write_lower(element: Lowered, compiler: Any, **more: Any) -> str:
    # In the order of code points, PostgreSQL's lower() knows ASCII only.
    return f"""(lower({compiler.process(element.clauses, **more)} COLLATE "und-x-icu") COLLATE "C")"""


@compiles(Lowered, "sqlite")
def _write_lower_all(element: Lowered, compiler: Any, **more: Any) -> str:
    # SQLite's lower() knows ASCII only; the connection brings a function that knows every script.
    return f"assay_lower({compiler.process(element.clauses, **more)})"
