"""Runs: one execution of training code, and everything it logged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.keys import MAX_PARAM_LENGTH, MAX_RUN_TAG_LENGTH, check_key, check_value, invalid
from assay.core.tracking.metrics import Point, check_points

NAME_TAG: Final = "mlflow.runName"
MAX_METRICS: Final = 1000
MAX_PARAMS: Final = 100
MAX_TAGS: Final = 100
MAX_BATCH: Final = 1000
# Data sets and models that a run used or produced: in one request, and in all.
MAX_LINKED: Final = 1000
MAX_LINKS: Final = 10_000
_ID: Final = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")


class RunStatus(Enum):
    """How a run stands. Every change between them is allowed: the code that runs knows best."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @classmethod
    def parse(cls, text: str) -> "RunStatus":
        """Read a status.

        Raises:
            BadInputError: there is no such status.
        """
        try:
            return cls(text.upper())
        except ValueError:
            known = ", ".join(each.value for each in cls)
            raise invalid("status", text, f"Valid values are {known}.") from None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution.

    Attributes:
        id: letters and digits; given by the store's user, unique for ever.
        artifact_root: where its files go.
        deleted_at_ms: hidden since; None while it is active.
    """

    id: str
    experiment_id: int
    name: str
    user: str
    status: RunStatus
    started_at_ms: int
    artifact_root: str
    ended_at_ms: int | None = None
    deleted_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A logged model that a run produced, and at which step."""

    model_id: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A run with all it logged; of each metric the point that counts."""

    run: Run
    metrics: tuple[Point, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[str, ...] = ()
    model_outputs: tuple[ModelOutput, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What is logged together, all or nothing.

    Attributes:
        alone: one thing that was sent without a list, so that errors name no place in one.
    """

    metrics: tuple[Point, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False

    def __post_init__(self) -> None:
        """Check sizes, keys and values.

        Raises:
            BadInputError: too many items, or one that breaks a rule.
        """
        sizes = (("metrics", len(self.metrics), MAX_METRICS), ("params", len(self.params), MAX_PARAMS))
        every = len(self.metrics) + len(self.params) + len(self.tags)
        for words, count, limit in (
            *sizes,
            ("tags", len(self.tags), MAX_TAGS),
            ("metrics, params, and tags", every, MAX_BATCH),
        ):
            if count > limit:
                raise _too_many(words, count, limit)
        check_points(self.metrics, alone=self.alone)
        check_params(self.params, alone=self.alone)
        check_run_tags(self.tags, alone=self.alone)


def check_run_id(text: str) -> str:
    """Return ``text`` when it may be the id of a run.

    Raises:
        BadInputError: it may not.
    """
    if not _ID.fullmatch(text):
        raise invalid("run_id", text)
    return text


def check_links(count: int) -> None:
    """Check how many data sets and models a run notes in all.

    Raises:
        BadInputError: too many; every answer that shows the run would show them all.
    """
    if count > MAX_LINKS:
        message = f"A run can have at most {MAX_LINKS} data sets and models as inputs and outputs."
        raise BadInputError(message, [Reason("models", f"at most {MAX_LINKS} of a run, with its data sets")])


def check_params(params: Mapping[str, str], *, alone: bool = False) -> None:
    """Check keys and values of parameters; ``alone`` as in :class:`Batch`.

    Raises:
        BadInputError: the first that breaks a rule.
    """
    for place, (key, value) in enumerate(params.items()):
        check_key(key, "key" if alone else f"params[{place}].key", "Param key")
        check_value(value, "Param value", MAX_PARAM_LENGTH)


def check_run_tags(tags: Mapping[str, str], *, alone: bool = False) -> None:
    """Check keys and values of tags; ``alone`` as in :class:`Batch`.

    Raises:
        BadInputError: the first that breaks a rule.
    """
    for place, (key, value) in enumerate(tags.items()):
        check_key(key, "key" if alone else f"tags[{place}].key")
        check_value(value, "value", MAX_RUN_TAG_LENGTH)


def check_unchanged(run_id: str, before: Mapping[str, str], batch: Batch) -> None:
    """Check that no parameter would change: once said, it stays.

    Raises:
        BadInputError: with each one that would.
    """
    wanted = batch.params
    changed = [key for key, value in wanted.items() if before.get(key, value) != value]
    if not changed:
        return
    shown = [
        {"key": key, "old_value": before[key][:500], "new_value": wanted[key][:500]} for key in changed[:50]
    ]
    message = (
        f"Changing param values is not allowed. Params were already logged='{shown}' for run ID='{run_id}'."
    )
    if batch.alone:
        message = (
            "Changing param values is not allowed. "
            f"Param with key='{shown[0]['key']}' was already logged with "
            f"value='{shown[0]['old_value']}' for run ID='{run_id}'. "
            f"Attempted logging new value '{shown[0]['new_value']}'."
        )
    raise BadInputError(message, [Reason(each, "a parameter never changes") for each in changed[:50]])


def _too_many(words: str, count: int, limit: int) -> BadInputError:
    message = (
        f"A batch logging request can contain at most {limit} {words}. Got {count} {words}. "
        f"Please split up {words} across multiple requests and try again."
    )
    return BadInputError(message, [Reason(words, f"must be at most {limit}", str(count))])
