"""Webhooks: who is told of what. The kinds of events, the rules of a hook, how a message is signed.

The wire is MLflow's (``mlflow/webhooks`` and ``mlflow/entities/webhook.py``, 3.17), which follows the
Standard Webhooks convention: the same delivery id at every attempt, the time of the attempt, and an
HMAC over both and the body.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from assay.core.errors import BadInputError, Reason
from assay.core.names import check_text

MAX_KINDS: Final = 64
MAX_SECRET_BYTES: Final = 1024
MAX_DESCRIPTION_BYTES: Final = 5000
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")

# What MLflow's clients know. Nothing else may reach them: they refuse a whole list for one foreign pair.
MLFLOW_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "registered_model": ("created",),
    "model_version": ("created",),
    "model_version_tag": ("deleted", "set"),
    "model_version_alias": ("created", "deleted"),
    "prompt": ("created",),
    "prompt_version": ("created",),
    "prompt_tag": ("deleted", "set"),
    "prompt_version_tag": ("deleted", "set"),
    "prompt_alias": ("created", "deleted"),
    # Accepted so that a moved-in hook stays whole; never sent, because there is no gateway to spend money.
    "budget_policy": ("exceeded",),
}
FURTHER_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "registered_model": ("deleted", "renamed", "updated"),
    "model_version": ("deleted", "transitioned", "updated"),
    "prompt": ("deleted", "renamed", "updated"),
    "prompt_version": ("deleted", "transitioned", "updated"),
    "promotion": ("awaiting_approval", "promoted", "refused", "requested"),
}


@dataclass(frozen=True, slots=True, order=True)
class EventKind:
    """What can happen to what, e.g. ``model_version.created``."""

    entity: str
    action: str

    @classmethod
    def of(cls, entity: str, action: str) -> "EventKind":
        """Return a kind that MLflow knows.

        Raises:
            BadInputError: MLflow knows no such entity, or not that action of it; in MLflow's words.
        """
        actions = MLFLOW_ACTIONS.get(entity)
        if actions is None:
            known = ", ".join(MLFLOW_ACTIONS)
            message = f"Invalid entity {entity[:60]!r}. Valid entities are: {known}"
            raise BadInputError(message, [Reason("events", "must name a known entity", entity[:60])])
        if action not in actions:
            message = (
                f"Invalid action '{action[:60]}' for entity '{entity}'. Valid actions are: {list(actions)}"
            )
            raise BadInputError(message, [Reason("events", "must be an action of that entity", action[:60])])
        return cls(entity, action)

    @classmethod
    def parse(cls, text: str) -> "EventKind":
        """Read ``entity.action``, MLflow's kinds and the further ones.

        Raises:
            BadInputError: there is no such kind.
        """
        kind = KINDS.get(text)
        if kind is None:
            raise BadInputError.of("events", "must be one of " + ", ".join(KINDS), repr(text)[:100])
        return kind

    @property
    def is_mlflow(self) -> bool:
        """Whether MLflow's clients know it."""
        return self.action in MLFLOW_ACTIONS.get(self.entity, ())

    def __str__(self) -> str:
        return f"{self.entity}.{self.action}"


KINDS: Final[Mapping[str, EventKind]] = {
    f"{entity}.{action}": EventKind(entity, action)
    for table in (MLFLOW_ACTIONS, FURTHER_ACTIONS)
    for entity, actions in table.items()
    for action in actions
}


class HookStatus(Enum):
    """Whether a hook is told."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"

    @classmethod
    def parse(cls, text: str) -> "HookStatus":
        """Read a status.

        Raises:
            BadInputError: there is no such status.
        """
        for status in cls:
            if text == status.value:
                return status
        raise BadInputError.of("status", "must be ACTIVE or DISABLED", repr(text)[:60])


@dataclass(frozen=True, slots=True)
class Hook:
    """Somebody who wants to be told.

    Attributes:
        id: a UUID.
        url: where to; may itself hold a secret, so that it is shown to admins alone and never logged.
        kinds: of what, each once, sorted.
        since_seq: seq of the audit event before which nothing is told: of its making, or of the last
            time it was enabled.
        sealed_secret: what messages are signed with, encrypted; "" for unsigned messages.
    """

    id: str
    name: str
    url: str = field(repr=False)
    kinds: tuple[EventKind, ...]
    created_at: datetime
    changed_at: datetime
    since_seq: int
    description: str = ""
    status: HookStatus = HookStatus.ACTIVE
    sealed_secret: str = field(default="", repr=False)

    @property
    def is_signed(self) -> bool:
        """Whether messages carry a signature."""
        return bool(self.sealed_secret)

    @property
    def host(self) -> str:
        """Host and port of the URL, which give no secret away."""
        return urlsplit(self.url).netloc

    @property
    def mlflow_kinds(self) -> tuple[EventKind, ...]:
        """The kinds that MLflow's clients know; a hook without any stays hidden from them."""
        return tuple(kind for kind in self.kinds if kind.is_mlflow)


def check_hook_name(name: str) -> str:
    """Return ``name`` when it may name a hook.

    Raises:
        BadInputError: it may not; in MLflow's words.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = (
            f"Webhook name {name!r:.1000} is invalid. It must start and end with a letter or digit, be less "
            "than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and "
            "hyphens (-)."
        )
        raise BadInputError(message, [Reason("name", f"must match {_NAME.pattern}")])
    return name


def check_kinds(kinds: Iterable[EventKind]) -> tuple[EventKind, ...]:
    """Return the kinds sorted and each once.

    Raises:
        BadInputError: there is none, or too many.
    """
    found = tuple(sorted(set(kinds)))
    if not found:
        raise BadInputError("Webhook events cannot be empty", [Reason("events", "must not be empty")])
    if len(found) > MAX_KINDS:
        raise BadInputError.of("events", f"must be at most {MAX_KINDS}")
    return found


def check_hook_description(text: str) -> str:
    """Return ``text`` when it may describe a hook.

    Raises:
        BadInputError: it may not.
    """
    return check_text(text, "description", limit_bytes=MAX_DESCRIPTION_BYTES)


def check_secret(text: str) -> str:
    """Return ``text`` when it may be a secret; "" means that messages are not signed.

    Raises:
        BadInputError: it may not; the text is not repeated.
    """
    return check_text(text, "secret", limit_bytes=MAX_SECRET_BYTES)


def signature(secret: str, delivery_id: str, timestamp: str, body: str) -> str:
    """Return ``v1,`` and the Base64 of HMAC-SHA256 over ``<delivery-id>.<timestamp>.<body>``.

    Args:
        secret: as the hook's maker gave it.
        delivery_id: the same at each attempt.
        timestamp: of the attempt, whole seconds since 1970 as text.
        body: exactly what is sent.
    """
    signed = f"{delivery_id}.{timestamp}.{body}".encode()
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def headers(delivery_id: str, at: datetime, body: str, secret: str = "") -> dict[str, str]:
    """Return the headers of one attempt at ``at``; without a secret it is not signed."""
    timestamp = str(int(at.timestamp()))
    found = {
        "Content-Type": "application/json",
        "User-Agent": "assay-webhooks",
        "X-MLflow-Delivery-Id": delivery_id,
        "X-MLflow-Timestamp": timestamp,
    }
    if secret:
        found["X-MLflow-Signature"] = signature(secret, delivery_id, timestamp, body)
    return found


def stable_id(*parts: object) -> str:
    """Return the UUID (RFC 9562, version 8) that always follows from the same parts."""
    digits = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
