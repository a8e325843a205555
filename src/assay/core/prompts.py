"""Prompts: models whose versions hold a text instead of files, told by a tag as MLflow's clients write it.

A prompt has no stages: nothing that can be loaded as a model lies below it, and it stays what it was
made as. So no gate speaks of it, and none can be gone around through it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from assay.core.digests import FileEntry, digest_of
from assay.core.errors import BadInputError, Reason

PROMPT_TAG: Final = "mlflow.prompt.is_prompt"
PROMPT_TEXT_TAG: Final = "mlflow.prompt.text"
PROMPT_SOURCES: Final = ("dummy-source", "prompt-template")
PROMPT_FILE: Final = "prompt.txt"
YES: Final = "true"


def is_prompt(tags: Mapping[str, Any]) -> bool:
    """Tell whether the tags of a model or version say that it holds a prompt: ``true``, in any case."""
    return str(tags.get(PROMPT_TAG, "")).lower() == YES


def check_text_only(
    model_tags: Mapping[str, str], files: Iterable[FileEntry], tags: Mapping[str, str], source: str
) -> None:
    """Let nothing be registered below a prompt but the text that the version's own tag says.

    Args:
        model_tags: of the model; where they make it no prompt, anything goes.
        files: of the version.
        tags: of the version.
        source: what it is said to be made from.

    Raises:
        BadInputError: the version is something else.
    """
    if not is_prompt(model_tags):
        return
    text = tags.get(PROMPT_TEXT_TAG, "").encode()
    only = (FileEntry(PROMPT_FILE, digest_of(text), len(text)),)
    if tuple(files) != only or PROMPT_TEXT_TAG not in tags or source not in PROMPT_SOURCES:
        rule = f"holds text only, said by the tag {PROMPT_TEXT_TAG} with the source {PROMPT_SOURCES[-1]}"
        hint = "register files below a model that is none, or the text with mlflow.genai.register_prompt"
        message = f"a prompt holds no files: it {rule}"
        raise BadInputError(message, [Reason("model", rule)], hint=hint)


def check_kind_stays(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Let a model stay a model, and a prompt a prompt.

    Raises:
        BadInputError: the tags after would make the one of the other.
    """
    if is_prompt(before) != is_prompt(after):
        rule = "is set when the model is created, and stays as it is"
        hint = "to hold prompts, or models, create another one"
        raise BadInputError(f"the tag {PROMPT_TAG} {rule}", [Reason(f"tag[{PROMPT_TAG}]", rule)], hint=hint)


def of_kind(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Return the tags after, but for what they say of the kind: that stays as it was before."""
    if is_prompt(before) == is_prompt(after):
        return dict(after)
    kept = {PROMPT_TAG: before[PROMPT_TAG]} if PROMPT_TAG in before else {}
    return {key: value for key, value in after.items() if key != PROMPT_TAG} | kept
