"""Routes of files on their way: begin or go on, what is there, complete, give up. Parts come as bytes."""

from typing import Final

from assay.core.access import Caller
from assay.core.errors import BadInputError
from assay.doors.native.route import Call, Created, Route
from assay.doors.native.serving import BASE, Handler, Serving
from assay.http.digest_fields import content_digest
from assay.http.replies import Reply
from assay.http.requests import Request
from assay.http.threads import Work
from assay.http.uploads import Feed
from assay.usecases.transferring import Sent
from assay.wire.upkeep import NewUpload, UploadPart, UploadView

UPLOAD: Final = "/uploads/{id}"
PART: Final = f"{UPLOAD}/parts/{{number}}"


def begin(call: Call) -> Created:
    """Begin a file, or go on with it."""
    transfer, parts = call.use.transferring.begin(call.caller, call.read(NewUpload), call.max_upload_bytes)
    return Created(UploadView.of(transfer, dict(parts)))


def listing(call: Call) -> tuple[UploadView, ...]:
    """List the caller's own."""
    return tuple(UploadView.of(each, {}) for each in call.use.transferring.mine(call.caller))


def show(call: Call) -> UploadView:
    """Show what is there."""
    transfer, parts = call.use.transferring.show(call.caller, call.path["id"])
    return UploadView.of(transfer, dict(parts))


def complete(call: Call) -> UploadView:
    """Make a blob of it."""
    return UploadView.of(call.use.transferring.complete(call.caller, call.path["id"]), {})


def abort(call: Call) -> None:
    """Give it up."""
    call.use.transferring.abort(call.caller, call.path["id"])


def part_handler(serving: Serving) -> Handler:
    """Return the handler that stores a part while it comes in."""

    async def handle(request: Request) -> Reply:
        def put(caller: Caller, feed: Feed) -> UploadPart:
            sent = Sent(
                _number(request.path["number"]),
                content_digest(request.headers.get("content-digest")),
                serving.content_length(request),
            )
            transfer_id = request.path["id"]
            transfer = serving.use.transferring.put_part(caller, transfer_id, sent, feed)
            return UploadPart(sent.number, sent.digest, transfer.length(sent.number))

        return await serving.store(request, BASE + PART, put)

    return handle


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise BadInputError.of("number", "must be a whole number", text[:60])
    return int(text)


ROUTES = (
    Route(
        "POST",
        "/uploads",
        begin,
        "Begin to send a file in parts, or go on with the same one",
        gives=UploadView,
        takes=NewUpload,
        status=201,
        does=Work.LONG,
    ),
    Route("GET", "/uploads", listing, "The caller's files on their way", gives=tuple[UploadView, ...]),
    Route("GET", UPLOAD, show, "Which parts of a file have come", gives=UploadView),
    Route(
        "POST",
        f"{UPLOAD}/complete",
        complete,
        "Make a blob of a file, durably",
        gives=UploadView,
        does=Work.LONG,
    ),
    Route("DELETE", UPLOAD, abort, "Give a file up", status=204, does=Work.LONG),
)
