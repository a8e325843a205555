"""Routes of quotas: what teams and models may store, and what they use."""

from assay.core.quotas import Quota
from assay.doors.native.route import Call, Route
from assay.wire.quotas import QuotaChange, Recounted


def listing(call: Call) -> tuple[Quota, ...]:
    """List quotas and use."""
    return call.use.quotas.all(call.caller, call.one("team"))


def change(call: Call) -> Quota:
    """Set a quota."""
    return call.use.quotas.set(call.caller, call.read(QuotaChange))


def remove(call: Call) -> None:
    """Take a quota away."""
    call.use.quotas.remove(call.caller, call.needed("owner"))


def recount(call: Call) -> tuple[Recounted, ...]:
    """Count anew."""
    return call.use.quotas.recount(call.caller)


ROUTES = (
    Route(
        "GET",
        "/quotas",
        listing,
        "What teams use, and every quota",
        gives=tuple[Quota, ...],
        query={"team": "this team and each of its models"},
    ),
    Route("PUT", "/quotas", change, "Set what a team or model may store", gives=Quota, takes=QuotaChange),
    Route(
        "DELETE",
        "/quotas",
        remove,
        "Take a quota away",
        query={"owner": "of this team, or of this model as team/task"},
        status=204,
    ),
    Route(
        "POST",
        "/quotas/recount",
        recount,
        "Count anew what is used, and say where something else was kept",
        gives=tuple[Recounted, ...],
    ),
)
