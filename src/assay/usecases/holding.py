"""Which stored bytes a caller may name by their digest (see ``core.holding``)."""

from collections.abc import Collection

from assay.core.access import Action, Caller, may_anywhere, teams_of
from assay.core.digests import Digest
from assay.core.errors import DeniedError, Reason
from assay.core.holding import holders
from assay.core.ports import Records


def available(records: Records, caller: Caller, digests: Collection[Digest]) -> frozenset[Digest]:
    """Return those of the digests whose bytes the caller uploaded, or may read in a version or experiment.

    Whether the bytes are stored is another question; of what somebody else stored it tells nothing.
    """
    if not digests:
        return frozenset()
    found = records.blob_holders.held(digests, holders(caller))
    rest = [each for each in digests if each not in found]
    teams = teams_of(caller, Action.READ) if rest else ()
    return found | records.files.holding(rest, teams) if teams else found


def require_upload(caller: Caller) -> None:
    """Let through who can have a use for stored bytes.

    Raises:
        DeniedError: the caller may neither register nor report anywhere.
    """
    if not may_anywhere(caller, Action.REGISTER) and not may_anywhere(caller, Action.REPORT):
        reason = Reason("access", "needs role contributor on some model and scope write or evidence")
        raise DeniedError(f"{caller.name} may not upload", [reason])
