"""Conditions and orders of searches as SQL, the same for every kind of thing."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, and_, cast, false, func, literal, not_, or_, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from assay.core.tracking.searches import AllOf, AnyOf, Comparison, Condition, Not, Operator

Test = Callable[[Comparison], ColumnElement[bool]]
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


def to_sql(condition: Condition, test: Test, *, denied: bool = False) -> ColumnElement[bool]:
    """Turn a condition into SQL; ``test`` knows where each comparison's key lies.

    NOT is carried down to the comparisons, so that it makes no statement deeper. What is not there (the
    end of a run that goes on) compares as neither true nor false; a NOT of that holds.
    """
    if isinstance(condition, AllOf | AnyOf):
        parts = (to_sql(part, test, denied=denied) for part in condition.parts)
        is_all = isinstance(condition, AllOf) is not denied
        return and_(true(), *parts) if is_all else or_(false(), *parts)
    if isinstance(condition, Not):
        return to_sql(condition.part, test, denied=not denied)
    return not_(func.coalesce(test(condition), false())) if denied else test(condition)


def compare(column: Any, asked: Comparison) -> ColumnElement[bool]:
    """Compare a column with the value asked for; LIKE looks at case, ILIKE does not."""
    value: Any = asked.value
    if asked.operator is Operator.LIKE:
        return like(column, str(value))
    if asked.operator is Operator.ILIKE:
        lowered: ColumnElement[bool] = Lowered(cast(column, Text)).like(
            str(value).lower().replace("!", "!!"), escape="!"
        )
        return lowered
    if asked.operator is Operator.IS_NULL:
        return column.is_(None)  # type: ignore[no-any-return]
    if asked.operator is Operator.IS_NOT_NULL:
        return column.is_not(None)  # type: ignore[no-any-return]
    found: ColumnElement[bool] = _SIMPLE[asked.operator](column, value)
    return found


def like(column: Any, pattern: str) -> ColumnElement[bool]:
    """Match ``%`` and ``_`` with case.

    SQLite's own LIKE passes over the case of ASCII letters, its GLOB does not; PostgreSQL has no
    GLOB. The dialect decides when the statement is written.
    """
    return CaseLike(cast(column, Text), literal(pattern), literal(glob_of(pattern)))


def glob_of(pattern: str) -> str:
    """Return the GLOB pattern that matches what a LIKE pattern matches."""
    return re.sub(r"[\[*?]", lambda found: f"[{found[0]}]", pattern).replace("%", "*").replace("_", "?")


class CaseLike(FunctionElement[bool]):
    """LIKE that looks at case: of (column, LIKE pattern, GLOB pattern) the dialect takes what it needs."""

    type = Boolean()
    inherit_cache = True
    name = "case_like"


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


@compiles(Lowered)
def _write_lower(element: Lowered, compiler: Any, **more: Any) -> str:
    return f"lower({compiler.process(element.clauses, **more)})"


@compiles(Lowered, "sqlite")
def _write_lower_all(element: Lowered, compiler: Any, **more: Any) -> str:
    # SQLite's lower() knows ASCII only; the connection brings a function that knows every script.
    return f"assay_lower({compiler.process(element.clauses, **more)})"
