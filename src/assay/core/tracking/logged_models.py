"""Logged models: a model that training code wrote down, before anybody registers it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.keys import invalid
from assay.core.tracking.metrics import Point

_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_FORBIDDEN: Final = ("/", ":", ".", "%", '"', "'")


class LoggedModelStatus(Enum):
    """Whether the files of a logged model are all there."""

    PENDING = "LOGGED_MODEL_PENDING"
    READY = "LOGGED_MODEL_READY"
    FAILED = "LOGGED_MODEL_UPLOAD_FAILED"

    @classmethod
    def parse(cls, text: str) -> "LoggedModelStatus":
        """Read a status.

        Raises:
            BadInputError: there is no such status.
        """
        for each in cls:
            if text.upper() in (each.value, each.name):
                return each
        known = ", ".join(each.value for each in cls)
        raise invalid("status", text, f"Valid values are {known}.")


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model written down by a run.

    Attributes:
        id: ``m-`` and 32 hex digits.
        artifact_root: where its files are.
        model_type: in the client's words; "" when not said.
        source_run_id: the run that made it; "" for none.
        metrics: every point that names this model, as it was logged; ``run_ids`` beside them.
    """

    id: str
    experiment_id: int
    name: str
    artifact_root: str
    created_at_ms: int
    updated_at_ms: int
    status: LoggedModelStatus = LoggedModelStatus.PENDING
    status_message: str = ""
    model_type: str = ""
    source_run_id: str = ""
    deleted_at_ms: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple["ModelPoint", ...] = ()


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """A metric point about a logged model, and the run that logged it."""

    point: Point
    run_id: str


def is_model_id(text: str) -> bool:
    """Tell whether a text has the form of a logged model's id."""
    return _ID.fullmatch(text) is not None


def check_logged_model_name(name: str) -> str:
    """Return ``name`` when a logged model may have it.

    Raises:
        BadInputError: empty, or with one of the characters that addresses use.
    """
    if not name or any(letter in name for letter in _FORBIDDEN):
        message = (
            f"Invalid model name ({name[:200]!r}) provided. Model name must be a non-empty string and cannot "
            f"contain the following characters: {_FORBIDDEN}"
        )
        raise BadInputError(message, [Reason("name", "must be a text without / : . % and quotes")])
    return name
