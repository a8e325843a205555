"""What hooks are told: audit events turned into messages, in one place for every door and use case.

MLflow's own kinds carry exactly MLflow's fields (``mlflow/webhooks/types.py``, 3.17). What the event
does not hold (tags and description of a new version) is read from the record when the message is made.
An event of a verb that is not listed here tells nobody anything.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from assay.core.audit import AuditEvent
from assay.core.names import ModelName
from assay.core.prompts import PROMPT_TAG, PROMPT_TEXT_TAG
from assay.core.stages import GUARDED, Stage
from assay.core.versions import Version
from assay.core.webhooks import EventKind

_INTERNAL: Final = frozenset({PROMPT_TAG, PROMPT_TEXT_TAG, "_mlflow_prompt_type"})
_PROMOTION_ACTIONS: Final = {
    "promotion.request": "requested",
    "promotion.awaiting_approval": "awaiting_approval",
    "promotion.promoted": "promoted",
    "promotion.refused": "refused",
}


@dataclass(frozen=True, slots=True)
class About:
    """What the records say of an event's subject when the message is made.

    Attributes:
        model: the model that it is about.
        name: by which MLflow's clients know the model.
        number: of the version; None for events about the model alone.
        is_prompt: the model holds prompts: MLflow tells of them under words of their own.
        version: the version, None when it is gone.
        source_stage, requested_by: of the promotion that it is about.
        stage_names: the aliases that are names of each guarded stage.
        vacant: the guarded stages that no version of the model holds.
    """

    model: ModelName
    name: str
    number: int | None = None
    is_prompt: bool = False
    version: Version | None = None
    source_stage: str = ""
    requested_by: str = ""
    stage_names: Mapping[Stage, tuple[str, ...]] = field(default_factory=dict)
    vacant: frozenset[Stage] = frozenset()


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to tell: its kind, and the fields of ``data``."""

    kind: EventKind
    data: Mapping[str, Any]


def message(kind: EventKind, at: datetime, data: Mapping[str, Any]) -> str:
    """Return the JSON body of a message about something that happened at ``at``."""
    about = {"entity": kind.entity, "action": kind.action, "timestamp": at.isoformat(), "data": dict(data)}
    return json.dumps(about)


def happenings(event: AuditEvent, about: About) -> tuple[Happening, ...]:
    """Return what an audit event means to hooks; the order is always the same.

    Never fails: what an event does not say is left empty, so that no event can hold up those behind it.
    """
    if event.verb in _PROMOTION_ACTIONS:
        return tuple(_promotion(event, about))
    teller = _TELLERS.get(event.verb) or (_stage_moved if event.verb.startswith("stage.") else None)
    return tuple(teller(event, about)) if teller else ()


def is_told(verb: str) -> bool:
    """Tell whether events of this verb mean anything to hooks."""
    return verb in _TELLERS or verb in _PROMOTION_ACTIONS or verb.startswith("stage.")


def example(kind: EventKind) -> Mapping[str, Any]:
    """Return the data of a test message: of the same form as a true one."""
    actor = {"actor": "somebody"}
    name = {"name": f"example_{'prompt' if 'prompt' in kind.entity else 'model'}"}
    whose = name | ({"version": "1"} if "version" in kind.entity else {})
    if kind.entity.endswith("_tag"):
        return whose | {"key": "example_key"} | ({"value": "example_value"} if kind.action == "set" else {})
    if kind.entity.endswith("_alias"):
        return name | {"alias": "example_alias"} | ({"version": "1"} if kind.action == "created" else {})
    if kind.action == "deleted":
        return whose | actor
    if kind.action == "renamed":
        return name | {"old_name": "old_name"} | actor
    if kind.action == "transitioned":
        moved = {"from_stage": "Staging", "to_stage": "Production", "verb": "promote"}
        return whose | moved | actor | {"promotion_id": "pr_example", "ungated": []}
    if kind.action in ("created", "updated"):
        described = {
            "tags": {"example_key": "example_value"},
            "description": f"An example {kind.entity.replace('_', ' ')}",
        }
        return {**whose, **_MORE.get(str(kind), {}), **described, **_CHANGED.get(kind.action, {})}
    return _EXAMPLES.get(kind.entity, {})


_CHANGED: Final[Mapping[str, Mapping[str, Any]]] = {"updated": {"labels": [], "actor": "somebody"}}
_MORE: Final[Mapping[str, Mapping[str, Any]]] = {
    "model_version.created": {"source": "models:/123", "run_id": "abcd1234abcd5678"},
    "prompt_version.created": {"template": "Hello {{name}}!"},
}
_EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "promotion": {
        "promotion_id": "pr_example",
        "name": "example_model",
        "version": "1",
        "from_stage": "Staging",
        "to_stage": "Production",
        "requested_by": "somebody",
        "outcome": "",
        "gates": [],
    },
    "budget_policy": {
        "budget_policy_id": "bp-abc123",
        "budget_unit": "USD",
        "budget_amount": 100.0,
        "current_spend": 105.5,
        "duration_unit": "MONTHS",
        "duration_value": 1,
        "target_scope": "ENDPOINT",
        "workspace": "default",
        "target_value": "ep-abc123",
        "window_start": 1704067200000,
    },
}


def _model_created(event: AuditEvent, about: About) -> Iterator[Happening]:
    after = _mapping(event.after)
    tags = _texts(after.get("tags"))
    if about.is_prompt:
        tags = {key: value for key, value in tags.items() if key not in _INTERNAL}
    data = {"name": about.name, "tags": tags, "description": after.get("description", "")}
    yield Happening(EventKind(_words(about)[0], "created"), data)


def _model_changed(event: AuditEvent, about: About) -> Iterator[Happening]:
    before, after = _mapping(event.before), _mapping(event.after)
    if before == after:
        return
    if about.is_prompt:
        yield from _tag_changes("prompt_tag", {"name": about.name}, before, after)
    data = {"name": about.name, **_described(after), "actor": event.actor}
    yield Happening(EventKind(_words(about)[0], "updated"), data)


def _model_renamed(event: AuditEvent, about: About) -> Iterator[Happening]:
    old, new = _mapping(event.before).get("known_as", ""), _mapping(event.after).get("known_as", about.name)
    if old != new:
        data = {"name": new, "old_name": old, "actor": event.actor}
        yield Happening(EventKind(_words(about)[0], "renamed"), data)


def _model_deleted(event: AuditEvent, about: About) -> Iterator[Happening]:
    name = _mapping(event.before).get("known_as", about.name)
    yield Happening(EventKind(_words(about)[0], "deleted"), {"name": name, "actor": event.actor})


def _version_created(event: AuditEvent, about: About) -> Iterator[Happening]:
    tags = dict(about.version.tags) if about.version else {}
    source = _mapping(_mapping(event.after).get("source"))
    data: dict[str, Any] = _version(about)
    if about.is_prompt:
        data["template"] = tags.get(PROMPT_TEXT_TAG, "")
        tags = {key: value for key, value in tags.items() if key not in _INTERNAL}
    else:
        data["source"] = source.get("uri") or f"mlflow-artifacts:/registry/{about.model}/{about.number}"
        data["run_id"] = source.get("run_id") or None
    data |= {"tags": tags, "description": (about.version.description if about.version else "") or None}
    yield Happening(EventKind(_words(about)[1], "created"), data)


def _version_changed(event: AuditEvent, about: About) -> Iterator[Happening]:
    before, after = _mapping(event.before), _mapping(event.after)
    if before == after:
        return
    entity = _words(about)[1]
    yield from _tag_changes(f"{entity}_tag", _version(about), before, after)
    data = {**_version(about), **_described(after), "actor": event.actor}
    yield Happening(EventKind(entity, "updated"), data)


def _version_deleted(event: AuditEvent, about: About) -> Iterator[Happening]:
    data = {**_version(about), "actor": event.actor}
    yield Happening(EventKind(_words(about)[1], "deleted"), data)


def _alias_set(event: AuditEvent, about: About, alias: str = "") -> Iterator[Happening]:
    data = {"name": about.name, "alias": alias or _alias(event), "version": str(about.number or "")}
    yield Happening(EventKind(_words(about)[2], "created"), data)


def _alias_removed(event: AuditEvent, about: About, alias: str = "") -> Iterator[Happening]:
    data = {"name": about.name, "alias": alias or _alias(event)}
    yield Happening(EventKind(_words(about)[2], "deleted"), data)


def _stage_moved(event: AuditEvent, about: About) -> Iterator[Happening]:
    """Tell of a move; where an MLflow client would see an alias move with it, of that too."""
    before, after = _mapping(event.before), _mapping(event.after)
    left, entered = str(before.get("stage", "")), str(after.get("target") or after.get("stage") or "")
    data = {
        **_version(about),
        "from_stage": left,
        "to_stage": entered,
        "verb": event.verb.removeprefix("stage."),
        "actor": event.actor,
        "promotion_id": after.get("promotion_id") or None,
        "ungated": after.get("ungated") or [],
    }
    yield Happening(EventKind(_words(about)[1], "transitioned"), data)
    for stage in sorted(GUARDED, key=str):
        for alias in about.stage_names.get(stage, ()):
            if stage.value == entered:
                yield from _alias_set(event, about, alias)
            elif stage.value == left and stage in about.vacant:
                yield from _alias_removed(event, about, alias)


def _promotion(event: AuditEvent, about: About) -> Iterator[Happening]:
    before, after = _mapping(event.before), _mapping(event.after)
    verdicts = after.get("verdicts")
    data = {
        "promotion_id": after.get("promotion", ""),
        **_version(about),
        "from_stage": after.get("from") or about.source_stage or before.get("stage", ""),
        "to_stage": after.get("to", ""),
        "requested_by": about.requested_by,
        "outcome": after.get("outcome", ""),
        "gates": [
            {name: _mapping(each).get(name) for name in ("gate", "outcome", "reasons")}
            for each in (verdicts if isinstance(verdicts, list | tuple) else ())
        ],
    }
    yield Happening(EventKind("promotion", _PROMOTION_ACTIONS[event.verb]), data)


_Teller = Callable[[AuditEvent, About], Iterator[Happening]]
_TELLERS: Final[Mapping[str, _Teller]] = {
    "model.create": _model_created,
    "model.annotate": _model_changed,
    "model.rename": _model_renamed,
    "model.delete": _model_deleted,
    "version.register": _version_created,
    "version.annotate": _version_changed,
    "version.delete": _version_deleted,
    "alias.set": _alias_set,
    "alias.remove": _alias_removed,
}


def _tag_changes(
    entity: str, whose: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Happening]:
    old, new = _texts(before.get("tags")), _texts(after.get("tags"))
    for key in sorted({*old, *new}):
        if key not in new:
            yield Happening(EventKind(entity, "deleted"), {**whose, "key": key})
        elif old.get(key) != new[key]:
            yield Happening(EventKind(entity, "set"), {**whose, "key": key, "value": new[key]})


def _words(about: About) -> tuple[str, str, str]:
    """Return the entities that a model, its versions and its aliases are told under."""
    if about.is_prompt:
        return "prompt", "prompt_version", "prompt_alias"
    return "registered_model", "model_version", "model_version_alias"


def _version(about: About) -> dict[str, Any]:
    return {"name": about.name, "version": str(about.number or "")}


def _described(after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": after.get("description", ""),
        "tags": _texts(after.get("tags")),
        "labels": after.get("labels") or [],
    }


def _alias(event: AuditEvent) -> str:
    return event.subject.rpartition("@")[2]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(text) for key, text in _mapping(value).items()}
