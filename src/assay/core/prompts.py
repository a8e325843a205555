"""Prompts: models whose versions hold a text instead of files, told by a tag as MLflow's clients write it."""

from collections.abc import Mapping
from typing import Any, Final

PROMPT_TAG: Final = "mlflow.prompt.is_prompt"
PROMPT_TEXT_TAG: Final = "mlflow.prompt.text"
YES: Final = "true"


def is_prompt(tags: Mapping[str, Any]) -> bool:
    """Tell whether the tags of a model or version say that it holds a prompt: ``true``, in any case."""
    return str(tags.get(PROMPT_TAG, "")).lower() == YES
