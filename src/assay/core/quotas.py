"""Quotas: how many bytes a model or a team may store, and what counts as stored.

What counts is what names say: every version the sizes of its files, every tracked file its own. Bytes that
two names share lie in the store once and count for each of them; so what one team or model uses never
depends on what another one does, and taking a name away always gives back its size. A team uses what its
models and the files of its experiments use together. Data and attachments of evidence do not count.
"""

from dataclasses import dataclass
from typing import Final

from assay.core.errors import BadInputError, Reason, RefusedError
from assay.core.names import ModelName
from assay.core.outside_names import check_team

MAX_BYTES: Final = 2**60


@dataclass(frozen=True, slots=True)
class Quota:
    """What a team or model uses, and may use.

    Attributes:
        owner: ``team`` or ``team/task``.
        used_bytes: what its names say in all.
        limit_bytes: what that must not become greater than; None where no quota is set.
    """

    owner: str
    used_bytes: int = 0
    limit_bytes: int | None = None

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether so much more may be stored; what takes nothing always may."""
        if self.limit_bytes is None or size_bytes <= 0:
            return True
        return self.used_bytes + size_bytes <= self.limit_bytes


def owners_of(model: ModelName) -> tuple[str, str]:
    """Return for whom the bytes of a model count: its team, and itself."""
    return model.team, model


def check_owner(text: str) -> str:
    """Return the name of a team or model.

    Raises:
        BadInputError: it is neither.
    """
    try:
        return ModelName(text) if "/" in text else check_team(text)
    except BadInputError:
        rule = "must be a team, or a model as team/task"
        raise BadInputError.of("owner", rule, repr(text)[:100]) from None


def check_limit(size_bytes: int) -> int:
    """Return a limit that can be kept.

    Raises:
        BadInputError: it is negative or beyond every store.
    """
    if not 0 <= size_bytes <= MAX_BYTES:
        raise BadInputError.of("limit_bytes", f"must be from 0 to {MAX_BYTES}", str(size_bytes)[:30])
    return size_bytes


def over(quota: Quota, size_bytes: int) -> RefusedError:
    """Return the error that says that so many more bytes would be more than a quota allows."""
    kind = "model" if "/" in quota.owner else "team"
    limit, used = quota.limit_bytes or 0, quota.used_bytes
    words = (
        f"the quota of {kind} {quota.owner} is {limit} bytes: {used} are used, and {size_bytes} more were "
        "asked for"
    )
    rule = f"must be at most {limit} bytes"
    reason = Reason(f"quota of {quota.owner}", rule, f"{used} used, {size_bytes} asked for")
    what = "versions" if kind == "model" else "versions or artifacts"
    hint = f"delete {what} that nobody needs, or ask an administrator: assay quota set {quota.owner} SIZE"
    return RefusedError(words, [reason], hint=hint)
