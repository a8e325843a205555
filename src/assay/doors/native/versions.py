"""Routes of versions: register, show, annotate, delete, change stage, files."""

from assay.core.promotions import StageMove
from assay.core.versions import Version
from assay.doors.native.models import MODEL
from assay.doors.native.route import Call, Created, Download, Route
from assay.http.threads import Work
from assay.wire.requests import Annotation, NewVersion, Statement

VERSION = f"{MODEL}/versions/{{version}}"


def register(call: Call) -> Version | Created:
    """Freeze a version."""
    version, new = call.use.registration.register(call.caller, call.model, call.read(NewVersion))
    return Created(version) if new else version


def show(call: Call) -> Version:
    """Show all of a version."""
    return call.use.browsing.version(call.caller, call.address)


def annotate(call: Call) -> Version:
    """Describe, tag, label."""
    return call.use.annotating.annotate_version(
        call.caller, call.address, call.read(Annotation), call.expected
    )


def delete(call: Call) -> None:
    """Delete for ever."""
    call.use.changing.delete_version(call.caller, call.address)


def demote(call: Call) -> StageMove:
    """Send back to Development."""
    return call.use.changing.demote(call.caller, call.address, call.read(Statement))


def archive(call: Call) -> StageMove:
    """Retire."""
    return call.use.changing.archive(call.caller, call.address, call.read(Statement))


def restore(call: Call) -> StageMove:
    """Bring back from Archived."""
    return call.use.changing.restore(call.caller, call.address, call.read(Statement))


def download(call: Call) -> Download:
    """Send one file."""
    browsing = call.use.browsing
    file = browsing.file(call.caller, call.address, call.path["path"].removeprefix("/"))
    name = file.name.rpartition("/")[2]
    return Download(
        name,
        file.digest,
        file.size_bytes,
        file.media_type,
        lambda start, stop: browsing.read(file, start, stop),
        lambda: browsing.address(file),
    )


ROUTES = (
    Route(
        "POST",
        f"{MODEL}/versions",
        register,
        "Register a version from stored blobs (200 when it is there already)",
        gives=Version,
        takes=NewVersion,
        status=201,
        does=Work.LONG,
    ),
    Route("GET", VERSION, show, "Show all of a version", gives=Version, tagged=True),
    Route(
        "PATCH",
        VERSION,
        annotate,
        "Describe, tag and label a version",
        gives=Version,
        takes=Annotation,
        tagged=True,
    ),
    Route("DELETE", VERSION, delete, "Delete a version for ever", status=204),
    Route("POST", f"{VERSION}/demote", demote, "Staging to Development", gives=StageMove, takes=Statement),
    Route("POST", f"{VERSION}/archive", archive, "Retire a version", gives=StageMove, takes=Statement),
    Route("POST", f"{VERSION}/restore", restore, "Archived to Development", gives=StageMove, takes=Statement),
    Route(
        "GET",
        f"{VERSION}/files/{{path:path}}",
        download,
        "Download a file; Range is understood",
        gives=bytes,
        media_type="application/octet-stream",
    ),
)
