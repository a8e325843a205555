"""What all archives have in common: they are as harmless as the worst file in them."""

from collections.abc import Sequence
from typing import Final

from assay.formats.sample import DATA, MAX_CONCERNS, Recognition, worst_risk

MAX_MEMBER_BYTES: Final = 64 * 1024**2


def archive_of_members(name: str, members: Sequence[Recognition]) -> Recognition:
    """Sum an archive up; an empty one is data."""
    risk = worst_risk([each.risk for each in members]) if members else DATA
    kinds = sorted({each.format for each in members})
    concerns = tuple(each for member in members for each in member.concerns)[:MAX_CONCERNS]
    names = tuple(dict.fromkeys(each for member in members for each in member.globals))
    detail = f"{name} archive of {len(members)} files: {', '.join(kinds)}"[:500]
    return Recognition(name, risk, detail, concerns, names)
