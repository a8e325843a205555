"""Questions about stored bytes: uploads under way, and collections."""

from assay.client.routes import part
from assay.client.transport import Transport
from assay.wire.upkeep import Collect, Collected, UploadView


class StorageCalls:
    """The part of the client for whoever looks after the store."""

    _transport: Transport

    def uploads(self) -> tuple[UploadView, ...]:
        """List the caller's own files that came in parts and are not whole yet, the oldest first.

        Raises:
            AssayError: DeniedError, or another leaf.
        """
        return self._transport.get("/uploads", tuple[UploadView, ...])

    def upload_parts(self, upload_id: str) -> UploadView:
        """Show a file on its way, and which parts of it have come.

        Raises:
            AssayError: NotFoundError, or another leaf.
        """
        return self._transport.get(f"/uploads/{part(upload_id)}", UploadView)

    def remove_upload(self, upload_id: str) -> None:
        """Give a file on its way up; what has come of it is dropped.

        Raises:
            AssayError: NotFoundError, or another leaf.
        """
        self._transport.delete(f"/uploads/{part(upload_id)}")

    def collect(self, *, dry_run: bool = False, grace_s: float = 86_400.0) -> Collected:
        """Take away stored bytes that nothing names, and that nobody was told of for a day.

        Args:
            dry_run: only say what would happen.
            grace_s: how long bytes stay after they came, and again after they were condemned.

        Raises:
            AssayError: ConflictError while a backup is made, or another leaf.
        """
        return self._transport.post("/gc", Collected, Collect(dry_run, grace_s))
