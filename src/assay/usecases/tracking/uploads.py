"""Uploads in parts, and addresses that carry a right of their own (see ``core.tracking.uploads``).

An upload is begun by somebody who may write; its parts come by signed addresses, in any order and
again if need be; then they are put together under the name that was asked for. What is given up or
forgotten leaves nothing behind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from assay.core.access import Caller
from assay.core.digests import Digest
from assay.core.errors import BadInputError, NotFoundError
from assay.core.instants import milliseconds
from assay.core.ports import Records
from assay.core.tracking.files import StoredFile
from assay.core.tracking.uploads import (
    DOWNLOAD_LIFETIME,
    KEY_CHANGE,
    KEY_LIFETIME,
    PART_PAUSE,
    UPLOAD_LIFETIME,
    Part,
    PartialUpload,
    Signed,
    SigningKey,
    check_part_count,
    check_signed,
    check_whole,
    sign,
)
from assay.usecases.means import Means
from assay.usecases.tracking.artifacts import Artifacts, check_storable, check_writable

_PART: Final = "part"
_DOWNLOAD: Final = "download"
_CLEARED_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class BegunUpload:
    """An upload with the right to send each of its parts, the first one's at place 0."""

    upload: PartialUpload
    rights: tuple[Signed, ...]


class Uploading:
    """Takes files in parts; gives addresses away."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self._artifacts = Artifacts(means)

    def begin(self, caller: Caller, path: str, part_count: int) -> BegunUpload:
        """Begin an upload in ``part_count`` parts.

        Raises:
            BadInputError: name or number breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
        """
        check_part_count(part_count)
        self._clear()
        now = self._means.clock.now()
        with self._means.database.write() as records:
            check_storable(records, caller, path)
            upload = PartialUpload(
                id=self._means.chance.identifier("up"),
                path=path,
                part_count=part_count,
                started_by=caller.name,
                started_at=now,
                ends_at=now + PART_PAUSE,
            )
            records.partial_uploads.add(upload)
            key = self._key(records, now)
        until = now + UPLOAD_LIFETIME
        rights = (sign(key, until, _PART, upload.id, number) for number in range(1, part_count + 1))
        return BegunUpload(upload, tuple(rights))

    def put_part(self, upload_id: str, number: int, said: Signed, chunks: Iterable[bytes]) -> Part:
        """Take a part from whoever has its address; returns when its bytes are durable.

        Raises:
            BadInputError: the bytes broke off, or all parts were put together already.
            DeniedError: the address is not one that the registry gave, or has expired.
            NotFoundError: the upload was given up.
            UnavailableError: no space, or the disk failed.
        """
        now = self._means.clock.now()
        with self._means.database.read() as records:
            key = records.signing_keys.get(said.key_id)
            check_signed(key, said, now, _PART, upload_id, number)
            _under_way(records, upload_id)
        digest, size_bytes = self._means.blobs.parts.put(upload_id, number, chunks)
        part = Part(number, digest, size_bytes)
        with self._means.database.write() as records:
            upload = _under_way(records, upload_id)
            records.partial_uploads.put_part(upload_id, part)
            records.partial_uploads.save(replace(upload, ends_at=self._means.clock.now() + PART_PAUSE))
        return part

    def complete(
        self, caller: Caller, path: str, upload_id: str, parts: Sequence[tuple[int, str]]
    ) -> StoredFile:
        """Put the parts together under the name; asked again for a whole one, changes nothing.

        Args:
            caller: who asks.
            path: the name that was said at the beginning.
            upload_id: which.
            parts: number and digest of each part.

        Raises:
            BadInputError: a part is missing, was not announced or is another one; or the name differs.
            ConflictError: a version was made from the file of that name and these are other bytes.
            DeniedError, NotFoundError: the caller may not, or there is no such upload.
            RefusedError: the quota of the team does not allow so much more; it may be completed later.
            UnavailableError: no space, or the disk failed.
        """
        with self._means.database.read() as records:
            check_writable(records, caller, path)
            upload = _known(records, upload_id, path)
            stored = records.partial_uploads.parts(upload_id)
        digest, size_bytes = upload.digest, upload.size_bytes
        if digest is None or size_bytes is None:
            check_whole(upload, stored, parts)
            digest, size_bytes = self._means.blobs.parts.join(upload_id, stored)
        file = self._artifacts.name(caller, path, digest, size_bytes)
        whole = replace(
            upload,
            digest=digest,
            size_bytes=size_bytes,
            ends_at=self._means.clock.now() + UPLOAD_LIFETIME,
        )
        with self._means.database.write() as records:
            records.partial_uploads.save(whole)
        self._means.blobs.parts.drop(upload_id)
        return file

    def abort(self, caller: Caller, path: str, upload_id: str) -> None:
        """Give an upload up and drop its parts; one that is whole or unknown stays as it is.

        Raises:
            BadInputError: the name breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
        """
        with self._means.database.write() as records:
            check_writable(records, caller, path)
            upload = records.partial_uploads.get(upload_id)
            if upload is None or upload.path != path or upload.digest is not None:
                return
            records.partial_uploads.remove(upload_id)
        self._means.blobs.parts.drop(upload_id)

    def sign_download(self, caller: Caller, path: str) -> tuple[StoredFile, Signed]:
        """Return a file and the right to fetch its bytes for a while, without saying who asks.

        Raises:
            BadInputError: the name breaks a rule.
            NotFoundError: there is no such file, or the caller may not know of it.
        """
        file = self._artifacts.file(caller, path)
        now = self._means.clock.now()
        with self._means.database.read() as records:
            key = records.signing_keys.newest()
        if key is None or now - key.made_at >= KEY_CHANGE:
            with self._means.database.write() as records:
                key = self._key(records, now)
        until = now + DOWNLOAD_LIFETIME
        return file, sign(key, until, _DOWNLOAD, path, file.digest, file.size_bytes)

    def check_download(self, path: str, digest: str, size_bytes: int, said: Signed) -> StoredFile:
        """Return the file that a signed address names; its bytes are those of the day it was signed.

        Raises:
            BadInputError: the digest is none.
            DeniedError: the address is not one that the registry gave, or has expired.
        """
        now = self._means.clock.now()
        with self._means.database.read() as records:
            key = records.signing_keys.get(said.key_id)
        check_signed(key, said, now, _DOWNLOAD, path, digest, size_bytes)
        return StoredFile(path, Digest(digest), size_bytes, milliseconds(now))

    def _key(self, records: Records, now: datetime) -> SigningKey:
        """Return the key to sign with; a new one every day, and old ones are dropped."""
        key = records.signing_keys.newest()
        if key is None or now - key.made_at >= KEY_CHANGE:
            records.signing_keys.forget(now - KEY_LIFETIME)
            key = SigningKey(self._means.chance.identifier("key"), self._means.chance.token_parts()[1], now)
            records.signing_keys.add(key)
        return key

    def _clear(self) -> None:
        """Drop uploads whose time is over; a few at each beginning keep the store clean."""
        now = self._means.clock.now()
        with self._means.database.read() as records:
            ended = records.partial_uploads.ended(now, _CLEARED_AT_ONCE)
        for upload_id in ended:
            with self._means.database.write() as records:
                upload = records.partial_uploads.get(upload_id)
                if upload is None or upload.ends_at > now:  # a part came in between
                    continue
                records.partial_uploads.remove(upload_id)
            self._means.blobs.parts.drop(upload_id)


def _known(records: Records, upload_id: str, path: str) -> PartialUpload:
    upload = records.partial_uploads.get(upload_id)
    if upload is None or upload.path != path:
        raise NotFoundError(f"there is no upload {upload_id[:80]} of {path[:300]}", hint="begin it again")
    return upload


def _under_way(records: Records, upload_id: str) -> PartialUpload:
    upload = records.partial_uploads.get(upload_id)
    if upload is None:
        raise NotFoundError("the upload was given up", hint="begin it again")
    if upload.digest is not None:
        raise BadInputError.of("upload_id", "must be of an upload that is not whole yet")
    return upload
