"""Telling: audit events become messages to the webhooks that want to know of them.

What an event does not hold is looked up when the message is made: the name by which a model was known
then, the number of a version, who asked for a promotion.
"""

from collections.abc import Iterable, Iterator, Mapping

from assay.core.audit import AuditEvent
from assay.core.deliveries import Delivery
from assay.core.errors import BadInputError
from assay.core.names import Address, ModelName
from assay.core.outside_names import known_as
from assay.core.policies import GUARDED_NAMES
from assay.core.ports import Records
from assay.core.promotions import Promotion
from assay.core.prompts import is_prompt
from assay.core.stages import GUARDED, Stage
from assay.core.webhook_payloads import About, happenings, is_told, message
from assay.core.webhooks import Hook, stable_id
from assay.usecases.means import policy_of


def messages(records: Records, hooks: Iterable[Hook], events: Iterable[AuditEvent]) -> tuple[Delivery, ...]:
    """Return what the hooks are to be told of these events; the same events always give the same ids."""
    histories: dict[ModelName, _History] = {}
    found = []
    for event in events:
        listening = [hook for hook in hooks if hook.since_seq < event.seq]
        address = _address(event) if listening and is_told(event.verb) else None
        if address is None:
            continue
        if address.model not in histories:
            histories[address.model] = _History(records, address.model, event.seq)
        about = _about(records, event, address, histories[address.model])
        for place, happening in enumerate(happenings(event, about)):
            body = message(happening.kind, event.at, happening.data)
            found += [
                Delivery(
                    id=stable_id(hook.id, event.hash, place),
                    hook_id=hook.id,
                    kind=happening.kind,
                    event_seq=event.seq,
                    place=place,
                    body=body,
                    created_at=event.at,
                    due_at=event.at,
                )
                for hook in listening
                if happening.kind in hook.kinds
            ]
    return tuple(found)


class _History:
    """What a model was called, and whether it holds prompts; looked up once for a batch of events."""

    def __init__(self, records: Records, name: ModelName, first_seq: int) -> None:
        model = records.models.get(name)
        if model is not None:
            self._name, self.is_prompt = model.known_as, is_prompt(model.tags)
        else:
            self._name, self.is_prompt = known_as(name), _held_prompts(records, name)
        about = _events_of(records, name, first_seq - 1)
        self._names = [each for each in about if each.verb in ("model.rename", "model.delete")]

    def name(self, seq: int) -> str:
        """Return the name by which the model was known at event ``seq``: what its next change took away."""
        taken = (str((each.before or {}).get("known_as", "")) for each in self._names if each.seq >= seq)
        return next(taken, "") or self._name


def _about(records: Records, event: AuditEvent, address: Address, history: _History) -> About:
    model = address.model
    promotion = _promotion(records, event)
    number = _number(records, event, address, promotion)
    made = event.verb == "version.register" and number is not None
    moved = event.verb.startswith("stage.")
    return About(
        model=model,
        name=history.name(event.seq),
        number=number,
        is_prompt=history.is_prompt,
        version=records.versions.get(model, number) if made and number is not None else None,
        source_stage=promotion.source.value if promotion else "",
        requested_by=promotion.requested_by if promotion else "",
        stage_names=_stage_names(records, model) if moved else {},
        vacant=frozenset(stage for stage in GUARDED if moved and _is_vacant(records, model, stage)),
    )


def _address(event: AuditEvent) -> Address | None:
    """Return what an event is about; a model alone is an address without version."""
    try:
        if event.subject.count("/") == 1 and "@" not in event.subject:
            return Address(ModelName(event.subject))
        return Address.parse(event.subject)
    except BadInputError:
        return None


def _number(records: Records, event: AuditEvent, address: Address, promotion: Promotion | None) -> int | None:
    """Return the number of the version that an event is about, also of one that was deleted since."""
    for side in (event.after, event.before):
        number = (side or {}).get("number")
        if isinstance(number, int):
            return number
    if promotion is not None:
        return promotion.number
    if address.semver is None:
        return address.number
    summary = records.versions.resolve(address)
    if summary is not None:
        return summary.number
    for each in records.audit.read(limit=1, subject=str(address)):
        number = (each.after or {}).get("number")  # the first event of a version is its registration
        return number if isinstance(number, int) else None
    return None


def _promotion(records: Records, event: AuditEvent) -> Promotion | None:
    if not event.verb.startswith("promotion."):
        return None
    return records.promotions.get(str((event.after or {}).get("promotion", "")))


def _stage_names(records: Records, model: ModelName) -> Mapping[Stage, tuple[str, ...]]:
    stored = policy_of(records, model)
    if stored is None:
        return {stage: (name,) for name, stage in GUARDED_NAMES.items()}
    return {stage: stored.policy.names_of(stage) for stage in GUARDED}


def _is_vacant(records: Records, model: ModelName, stage: Stage) -> bool:
    return records.versions.resolve(Address(model, alias=stage.value.lower())) is None


def _held_prompts(records: Records, name: ModelName) -> bool:
    """Tell of a model that is gone whether it was made to hold prompts."""
    made = [each.after for each in _events_of(records, name) if each.verb == "model.create"]
    tags = (made[-1] or {}).get("tags") if made else None
    return isinstance(tags, Mapping) and is_prompt(tags)


def _events_of(records: Records, name: ModelName, after_seq: int = 0) -> Iterator[AuditEvent]:
    """Yield what happened to a model and its versions, in order; read a page at a time."""
    while events := records.audit.read(after_seq, subject=name):
        yield from events
        after_seq = events[-1].seq
