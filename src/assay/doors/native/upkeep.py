"""Routes of whoever looks after the store: collections."""

from assay.doors.native.route import Call, Route
from assay.http.threads import Work
from assay.wire.upkeep import Collect, Collected


def collect(call: Call) -> Collected:
    """Collect what nothing names."""
    return call.use.collecting.collect(call.caller, call.read(Collect))


ROUTES = (
    Route(
        "POST",
        "/gc",
        collect,
        "Take away stored bytes that nothing names",
        gives=Collected,
        takes=Collect,
        does=Work.LONG,
    ),
)
