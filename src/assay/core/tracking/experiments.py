"""Experiments: the named places runs are kept in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.keys import too_long

MAX_NAME_LENGTH: Final = 500
DEFAULT_NAME: Final = "Default"
DEFAULT_ID: Final = 0


class View(Enum):
    """Which of the kept things a question is about."""

    ACTIVE = "active"
    DELETED = "deleted"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named place for runs; its name is unique in its team, also against deleted ones.

    Attributes:
        id: whole number from 0; given by the store.
        artifact_root: where its runs' files go, e.g. ``mlflow-artifacts:/3``.
        deleted: hidden, with its runs, until it is restored.
    """

    id: int
    team: str
    name: str
    artifact_root: str
    created_at_ms: int
    updated_at_ms: int
    deleted: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


def check_experiment_name(name: str) -> str:
    """Return ``name`` when an experiment may have it.

    Raises:
        BadInputError: blank, or longer than 500 characters.
    """
    if not name.strip():
        raise BadInputError(f"Invalid experiment name: '{name}'", [Reason("name", "must not be empty")])
    if len(name) > MAX_NAME_LENGTH:
        raise too_long("name", MAX_NAME_LENGTH)
    if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise BadInputError.of("name", "must not contain NUL or lone surrogates")
    return name
