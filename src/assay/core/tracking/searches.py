"""Questions about many runs, experiments or logged models: what must hold, in which order, which page.

A filter text is read by ``core.tracking.filters`` into a :class:`Condition`; stores turn it into their
own language; :class:`Comparison` names a ``kind`` (``attribute``, ``metric``, ``param``, ``tag``,
``dataset``) and a ``key``.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.experiments import View

MAX_RUNS_PAGE: Final = 50_000
# Every key, every pair and every place makes the question that a store is asked longer.
MAX_ORDER: Final = 25
MAX_DATASETS: Final = 100
MAX_PLACES: Final = 10_000
MAX_TRACE_PLACES: Final = 1000
# Up to so many parts a question looks like many others, so that stores may remember how they answer it.
_FEW_PARTS, _LISTED = 8, 25


class Operator(Enum):
    """How a value is compared."""

    EQUAL = "="
    UNEQUAL = "!="
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    RLIKE = "RLIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing compared with a value; ``value`` is a tuple for IN, None for IS NULL."""

    kind: str
    key: str
    operator: Operator
    value: str | float | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part must hold; no parts always hold."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part must hold."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part must not hold."""

    part: "Condition"


Condition = Comparison | AllOf | AnyOf | Not
EVERYTHING: Final = AllOf(())


@dataclass(frozen=True, slots=True)
class Order:
    """What a page is ordered by; things without it, and NaN, come last.

    Attributes:
        dataset_name, dataset_digest: for metrics of logged models: of which data; "" for any.
    """

    kind: str
    key: str
    descending: bool = False
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """A question about many things, and which page of the answer.

    Attributes:
        condition: what must hold.
        order: first by the first; each kind of thing has its own default and tie-breaker.
        view: active ones, deleted ones, or both.
        limit: at most so many.
        cursor: from the page before, "" for the first.
        datasets: (name, digest) pairs: only logged models of which a metric was logged on one of them; of
            these metrics speak conditions too.
    """

    condition: Condition = EVERYTHING
    order: tuple[Order, ...] = ()
    view: View = View.ACTIVE
    limit: int = 1000
    cursor: str = ""
    datasets: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Check the limit.

        Raises:
            BadInputError: outside 1 to 200,000 (each door has smaller ones of its own); or more to order
                by, or more data sets, than a search may have.
        """
        if not 1 <= self.limit <= 200_000:
            message = f"Invalid value {self.limit} for parameter 'max_results' supplied."
            raise BadInputError(message, [Reason("max_results", "must be 1 to 200000", str(self.limit))])
        check_count("order_by", len(self.order), MAX_ORDER)
        check_count("datasets", len(self.datasets), MAX_DATASETS)

    @property
    def is_wide(self) -> bool:
        """Whether so much is asked that hardly anybody asks the like: not worth remembering how."""
        return weigh(self.condition) + len(self.order) + len(self.datasets) > _FEW_PARTS


def check_count(field: str, count: int, limit: int) -> None:
    """Check how many things a request names.

    Raises:
        BadInputError: more than ``limit``.
    """
    if count > limit:
        message = f"Invalid value for parameter '{field}' supplied: it may name at most {limit}, not {count}."
        raise BadInputError(message, [Reason(field, f"must name at most {limit}", str(count))])


def weigh(condition: Condition) -> int:
    """Return how many comparisons a condition has; one with a long list counts as several."""
    if isinstance(condition, Comparison):
        return 1 + (len(condition.value) // _LISTED if isinstance(condition.value, tuple) else 0)
    if isinstance(condition, Not):
        return weigh(condition.part)
    return sum(map(weigh, condition.parts))
