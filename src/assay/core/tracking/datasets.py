"""Data that a run said it used, as the training code described it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from assay.core.tracking.keys import too_long

CONTEXT_TAG: Final = "mlflow.data.context"
_LIMITS: Final = {
    "name": 500,
    "digest": 36,
    "source_type": 36,
    "source": 65_535,
    "schema": 1_048_575,
    "profile": 16_777_215,
}
MAX_TAG_KEY_LENGTH: Final = 255
MAX_TAG_VALUE_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set: its name, the digest that the client computed (not of bytes), where it came from.

    Any of them may be empty: clients say what they know.
    """

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""

    def __post_init__(self) -> None:
        """Check the texts.

        Raises:
            BadInputError: a text is too long.
        """
        for name, limit in _LIMITS.items():
            if len(getattr(self, name)) > limit:
                raise too_long(name, limit)


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A data set that a run used; the tag ``mlflow.data.context`` says what for."""

    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the tags.

        Raises:
            BadInputError: a key or value is too long.
        """
        for key, value in self.tags.items():
            if len(key) > MAX_TAG_KEY_LENGTH:
                raise too_long("key", MAX_TAG_KEY_LENGTH)
            if len(value) > MAX_TAG_VALUE_LENGTH:
                raise too_long("value", MAX_TAG_VALUE_LENGTH)

    @property
    def context(self) -> str:
        """What it was used for, in the client's word: ``training``, ``eval``, ...; "" when not said."""
        return self.tags.get(CONTEXT_TAG, "")


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """Which data sets the runs of an experiment used, and what for."""

    experiment_id: int
    name: str
    digest: str
    context: str
