"""Whole files that come in parts: begun, gone on with after a break, completed (see ``core.transfers``).

Who begins the same file again goes on with the one that is open; so a client that was started anew needs
no memory of its own. A file is a blob only once all of it is durable and has the digest announced.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from assay.core.access import Caller
from assay.core.digests import Digest
from assay.core.errors import (
    BadInputError,
    ConflictError,
    NotFoundError,
    Reason,
    RefusedError,
    UnavailableError,
)
from assay.core.holding import uploader
from assay.core.keeping import LEASE
from assay.core.ports import Records
from assay.core.transfers import MAX_OPEN_TRANSFERS, MAX_TRANSFER_BYTES, Transfer, check_sizes
from assay.usecases.holding import require_upload
from assay.usecases.means import Means
from assay.usecases.once import afterwards, aside
from assay.usecases.quotas import check_room
from assay.usecases.storing import claim, receive
from assay.wire.upkeep import NewUpload

_CLEARED_AT_ONCE: Final = 20
_DIGEST: Final = "digest"


@dataclass(frozen=True, slots=True)
class Sent:
    """A part as its sender says it is.

    Attributes:
        length: how many bytes were announced; None where that was not said.
        digest: of its bytes.
    """

    number: int
    digest: Digest
    length: int | None = None


class Transferring:
    """Takes whole files in parts."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self._lock = threading.Lock()
        self._completing: set[str] = set()

    def begin(
        self, caller: Caller, wanted: NewUpload, most_bytes: int = 0
    ) -> tuple[Transfer, Mapping[int, Digest]]:
        """Begin a file, or find the one that the caller began before with the same size and digest.

        Args:
            caller: who sends it.
            wanted: what is said of it.
            most_bytes: larger ones are not taken; 0 for any size.

        Returns:
            The file, and the parts that have come: number -> digest.

        Raises:
            BadInputError: a size breaks a rule.
            DeniedError: the caller may neither register nor report anywhere.
            DeniedError, NotFoundError: the caller may not register versions of the model that is named.
            RefusedError: too many are open, or a quota of the model or its team does not allow so much more.
            UnavailableError: there is not enough room for it.
        """
        require_upload(caller)
        part_bytes = check_sizes(wanted.size_bytes, wanted.part_bytes, most_bytes or MAX_TRANSFER_BYTES)
        with suppress(UnavailableError):  # whoever begins does not have to wait for that to succeed
            clear_transfers(self._means, _CLEARED_AT_ONCE)
        with aside():  # whoever asks again finds the same one
            return self._begin(caller, wanted, part_bytes)

    def _begin(
        self, caller: Caller, wanted: NewUpload, part_bytes: int
    ) -> tuple[Transfer, Mapping[int, Digest]]:
        with self._means.database.write() as records:
            found = next(
                (each for each in records.transfers.of(caller.name) if _is_meant(each, wanted)), None
            )
            parts = {} if found is None else records.transfer_parts.of(found.id)
            transfer = found or self._noted(records, caller, wanted, part_bytes)
        # Noted first: a place that nobody knows of would stay. One that is noted and not there, whatever
        # became of who noted it, is made by whoever begins the file again.
        try:
            self._make_place(transfer, parts)
        except UnavailableError:
            if found is None:
                with suppress(UnavailableError), self._means.database.write() as records:
                    records.transfers.remove(transfer.id)
            raise
        return transfer, parts

    def _noted(self, records: Records, caller: Caller, wanted: NewUpload, part_bytes: int) -> Transfer:
        if wanted.model is not None:
            check_room(records, caller, wanted.model, wanted.size_bytes)
        if len(records.transfers.of(caller.name)) >= MAX_OPEN_TRANSFERS:
            rule = f"must be at most {MAX_OPEN_TRANSFERS} at once"
            hint = "complete or DELETE one of them: GET /api/v1/uploads lists them"
            raise RefusedError("too many uploads are open", [Reason("uploads", rule)], hint=hint)
        now = self._means.clock.now()
        transfer = Transfer(
            id=self._means.chance.identifier("tr"),
            size_bytes=wanted.size_bytes,
            part_bytes=part_bytes,
            started_by=caller.name,
            started_at=now,
            ends_at=now,
            expected=wanted.digest,
        )
        transfer = replace(transfer, ends_at=transfer.next_end(now))
        records.transfers.add(transfer)
        return transfer

    def _make_place(self, transfer: Transfer, parts: Mapping[int, Digest]) -> None:
        known, is_there = transfer.expected, len(parts) == transfer.part_count
        if is_there and known is not None and self._means.blobs.size(known) == transfer.size_bytes:
            return  # it has got its name already, and is only to be completed
        if transfer.whole is None:
            self._means.blobs.arrivals.begin(transfer)

    def mine(self, caller: Caller) -> tuple[Transfer, ...]:
        """List the files that the caller began and that are not whole yet, the oldest first.

        Raises:
            DeniedError: the caller may not upload.
        """
        require_upload(caller)
        with self._means.database.read() as records:
            return records.transfers.of(caller.name)

    def show(self, caller: Caller, transfer_id: str) -> tuple[Transfer, Mapping[int, Digest]]:
        """Show a file and the parts that have come: number -> digest.

        Raises:
            DeniedError: the caller may not upload.
            NotFoundError: the caller began none of that id.
        """
        require_upload(caller)
        with self._means.database.read() as records:
            transfer = _own(records, caller, transfer_id)
            return transfer, records.transfer_parts.of(transfer_id)

    def put_part(self, caller: Caller, transfer_id: str, sent: Sent, chunks: Iterable[bytes]) -> Transfer:
        """Take a part; one that came before may come again, and is not written again.

        Returns:
            The file that it belongs to, once its bytes are durable and noted.

        Raises:
            BadInputError: there is no such part, or its bytes are not those announced; it is not kept.
            ConflictError: other bytes came for that part before, or the file is whole.
            DeniedError, NotFoundError: the caller may not, or began none of that id.
            UnavailableError: no space, or the disk failed.
        """
        require_upload(caller)
        with self._means.database.read() as records:
            transfer = _own(records, caller, transfer_id)
            _check_part(transfer, sent)
            before = _same_or_none(records, transfer, sent)
        if before is not None:
            _drain(chunks, sent, transfer)
            return transfer
        digest = self._means.blobs.arrivals.put(transfer, sent.number, chunks)
        _check_digest(sent, digest)
        try:
            return self._arrived(caller, transfer_id, sent)
        except NotFoundError:
            # Given up or forgotten while the bytes were on their way, maybe by another server.
            self._means.blobs.arrivals.drop(transfer_id)
            raise

    def complete(self, caller: Caller, transfer_id: str) -> Transfer:
        """Make a blob of a file; asked again, says the same.

        What a store has to join may take long. Who asks again meanwhile is told to wait, and does not have
        it joined a second time.

        Raises:
            BadInputError: parts are missing or damaged, or the digest is not the one announced.
            ConflictError: bytes are still being written, or the blob was collected since.
            DeniedError, NotFoundError: the caller may not, or began none of that id.
            UnavailableError: it is being completed, there is no space, or the disk failed.
        """
        require_upload(caller)
        with self._alone(transfer_id):
            with self._means.database.read() as records:
                transfer = _own(records, caller, transfer_id)
                parts = records.transfer_parts.of(transfer_id)
            if transfer.whole is not None:
                return self._again(transfer, transfer.whole)
            _check_all(transfer, parts)
            try:
                digest = self._publish(transfer, parts)
            except (BadInputError, NotFoundError) as error:
                with self._means.database.read() as records:
                    transfer = _own(records, caller, transfer_id)
                if transfer.whole is not None:
                    # Another server completed it meanwhile, and let go of what it was made of.
                    return self._again(transfer, transfer.whole)
                if isinstance(error, BadInputError):
                    raise self._wrong(transfer, parts, error) from None
                digest = self._published_before(transfer)
            whole = self._note(caller, transfer, digest)
            # Not before: until it is noted, the blob may have to be made again. What then stays goes with
            # the record of the upload.
            afterwards(lambda: self._means.blobs.arrivals.drop(transfer_id))
            return whole

    def abort(self, caller: Caller, transfer_id: str) -> None:
        """Give a file up and drop what has come; one that is whole stays a blob, and is only forgotten.

        Raises:
            DeniedError: the caller may not upload.
            NotFoundError: the caller began none of that id.
            UnavailableError: the disk failed.
        """
        require_upload(caller)
        with self._means.database.write() as records:
            _own(records, caller, transfer_id)
            records.transfers.remove(transfer_id)
        self._means.blobs.arrivals.drop(transfer_id)

    def _arrived(self, caller: Caller, transfer_id: str, sent: Sent) -> Transfer:
        now = self._means.clock.now()
        with self._means.database.write() as records:
            transfer = _own(records, caller, transfer_id)
            if transfer.whole is None:
                if _same_or_none(records, transfer, sent) is None:
                    records.transfer_parts.put(transfer_id, sent.number, sent.digest)
                transfer = replace(transfer, ends_at=transfer.next_end(now))
                records.transfers.save(transfer)
                return transfer
        # Another server, to which the client had turned meanwhile, completed it without these bytes.
        self._means.blobs.arrivals.drop(transfer_id)
        return transfer

    @contextmanager
    def _alone(self, transfer_id: str) -> Iterator[None]:
        with self._lock:
            if transfer_id in self._completing:
                words = "this upload is being made whole at this moment"
                raise UnavailableError(words, hint="ask again in a moment")
            self._completing.add(transfer_id)
        try:
            yield
        finally:
            with self._lock:
                self._completing.discard(transfer_id)

    def _publish(self, transfer: Transfer, parts: Mapping[int, Digest]) -> Digest:
        digest = self._means.blobs.arrivals.digest(transfer, parts)
        if transfer.expected is None:
            # Known before the bytes get their name: whatever happens then, it can be completed again.
            with aside(), self._means.database.write() as records:
                records.transfers.save(replace(transfer, expected=digest))
        elif digest != transfer.expected:
            rule = f"must be that of the bytes sent: {digest}"
            raise BadInputError.of(_DIGEST, rule, transfer.expected)
        self._means.blobs.arrivals.publish(transfer, digest, parts)
        return digest

    def _wrong(self, transfer: Transfer, parts: Mapping[int, Digest], error: BadInputError) -> BadInputError:
        """Forget what is wrong: parts that are damaged, else all of it; return what is to be said."""
        bad = self._means.blobs.arrivals.bad_parts(transfer, parts)
        if bad:
            with self._means.database.write() as records:
                records.transfer_parts.forget(transfer.id, bad)
            return _missing(bad, "is damaged at rest; send it again")
        if any(each.field == _DIGEST for each in error.reasons):  # the parts are what came, the whole is not
            with self._means.database.write() as records:
                records.transfers.remove(transfer.id)
            afterwards(lambda: self._means.blobs.arrivals.drop(transfer.id))
        return error

    def _published_before(self, transfer: Transfer) -> Digest:
        """Find the blob of a file that got its name before it was noted that it is whole."""
        with self._means.database.read() as records:
            known = records.transfers.get(transfer.id)
        digest = known.expected if known is not None else None
        if digest is None or self._means.blobs.size(digest) != transfer.size_bytes:
            with self._means.database.write() as records:
                records.transfers.remove(transfer.id)
            raise NotFoundError("what had come of this upload is gone", hint="begin it again")
        return digest

    def _note(self, caller: Caller, transfer: Transfer, digest: Digest) -> Transfer:
        now = self._means.clock.now()
        whole = replace(transfer, expected=digest, whole=digest, ends_at=now + LEASE)
        with self._means.database.write() as records:
            receive(records, self._means.blobs, digest, transfer.size_bytes, now)
            records.blob_holders.note([digest], uploader(caller.name))
            records.transfers.save(whole)
        return whole

    def _again(self, transfer: Transfer, digest: Digest) -> Transfer:
        with self._means.database.write() as records:
            if claim(records, self._means.blobs, [digest], self._means.clock.now()):
                return transfer
            records.transfers.remove(transfer.id)
        raise ConflictError(f"{digest} was collected since it was sent", hint="send it again")


def clear_transfers(means: Means, limit: int) -> int:
    """Drop files whose time is over; return how many.

    Raises:
        UnavailableError: something failed; what is left of such files is taken away by a collection.
    """
    now = means.clock.now()
    with aside():
        with means.database.read() as records:
            ended = records.transfers.ended(now, limit)
        for transfer_id in ended:
            with means.database.write() as records:
                transfer = records.transfers.get(transfer_id)
                if transfer is None or transfer.ends_at > now:  # a part came in between
                    continue
                records.transfers.remove(transfer_id)
            means.blobs.arrivals.drop(transfer_id)
    return len(ended)


def _own(records: Records, caller: Caller, transfer_id: str) -> Transfer:
    transfer = records.transfers.get(transfer_id)
    if transfer is None or transfer.started_by != caller.name:
        raise NotFoundError(f"there is no upload {transfer_id[:80]}", hint="begin it again")
    return transfer


def _is_meant(transfer: Transfer, wanted: NewUpload) -> bool:
    same = (transfer.size_bytes, transfer.expected) == (wanted.size_bytes, wanted.digest)
    return wanted.digest is not None and same and wanted.part_bytes in (None, transfer.part_bytes)


def _check_part(transfer: Transfer, sent: Sent) -> None:
    transfer.check_number(sent.number)
    if transfer.whole is not None:
        raise ConflictError("this upload is whole already")
    wanted = transfer.length(sent.number)
    if sent.length is not None and sent.length != wanted:
        raise BadInputError.of("Content-Length", f"must be {wanted} for part {sent.number}", str(sent.length))


def _same_or_none(records: Records, transfer: Transfer, sent: Sent) -> Digest | None:
    """Return the digest under which a part came before, None when it did not.

    Raises:
        ConflictError: other bytes came for it.
    """
    before = records.transfer_parts.get(transfer.id, sent.number)
    if before is not None and before != sent.digest:
        reason = Reason(f"part {sent.number}", "must be the bytes that came before", str(before))
        raise ConflictError(f"other bytes came for part {sent.number} before", [reason])
    return before


def _drain(chunks: Iterable[bytes], sent: Sent, transfer: Transfer) -> None:
    left = transfer.length(sent.number)
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
    if left:
        raise BadInputError.of("body", f"must have {transfer.length(sent.number)} bytes")


def _check_digest(sent: Sent, digest: Digest) -> None:
    if digest != sent.digest:
        raise BadInputError.of("Content-Digest", f"must be that of the bytes sent: {digest}", sent.digest)


def _check_all(transfer: Transfer, parts: Mapping[int, Digest]) -> None:
    missing = transfer.missing(parts)
    if missing and transfer.size_bytes:
        raise _missing(missing, "has not come")


def _missing(numbers: tuple[int, ...], rule: str) -> BadInputError:
    reasons = [Reason(f"part {each}", rule) for each in numbers[:100]]
    shown = "; ".join(map(str, reasons[:3]))
    return BadInputError(f"{len(numbers)} parts have to be sent: {shown}", reasons)
