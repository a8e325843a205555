"""Routes of evidence and checks."""

from assay.core.digests import Digest
from assay.core.jobs import Job
from assay.doors.native.route import Call, Created, Download, Route
from assay.doors.native.versions import VERSION
from assay.wire.requests import NewEvidence, RunCheck
from assay.wire.views import FiledEvidence


def listing(call: Call) -> tuple[FiledEvidence, ...]:
    """List evidence of a version."""
    return tuple(
        FiledEvidence(each.digest, each) for each in call.use.browsing.evidence(call.caller, call.address)
    )


def report(call: Call) -> Created:
    """File reported evidence."""
    return Created(call.use.reporting.report(call.caller, call.address, call.read(NewEvidence)))


def attachment(call: Call) -> Download:
    """Send an attached file."""
    browsing = call.use.browsing
    digest = Digest(call.path["digest"])
    file = browsing.attachment(call.caller, call.address, digest, call.path["name"])
    return Download(
        file.name,
        file.digest,
        file.size_bytes,
        file.media_type,
        lambda start, stop: browsing.read(file, start, stop),
        lambda: browsing.address(file),
    )


def run_check(call: Call) -> Job:
    """Queue a check."""
    return call.use.reporting.request_check(call.caller, call.address, call.read(RunCheck))


def checks(call: Call) -> tuple[Job, ...]:
    """List checks of a version."""
    return call.use.reporting.jobs(call.caller, call.address)


ROUTES = (
    Route(
        "GET",
        f"{VERSION}/evidence",
        listing,
        "Everything measured or reported",
        gives=tuple[FiledEvidence, ...],
    ),
    Route(
        "POST",
        f"{VERSION}/evidence",
        report,
        "Report what was measured elsewhere",
        gives=FiledEvidence,
        takes=NewEvidence,
        status=201,
    ),
    Route(
        "GET",
        f"{VERSION}/evidence/{{digest}}/attachments/{{name}}",
        attachment,
        "Download a file attached to evidence",
        gives=bytes,
        media_type="application/octet-stream",
    ),
    Route(
        "POST",
        f"{VERSION}/checks",
        run_check,
        "Queue a check for a worker",
        gives=Job,
        takes=RunCheck,
        status=202,
    ),
    Route("GET", f"{VERSION}/checks", checks, "Checks queued, running and done", gives=tuple[Job, ...]),
)
