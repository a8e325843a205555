"""Sending a large file in parts, several at once; what has come stays, and is not sent again.

A connection that breaks costs the parts that were under way. A process that was started anew finds the
upload by the digest of the file: the registry keeps it open for a day.
"""

import base64
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final, TypeVar

from assay.client.routes import part as segment
from assay.client.transport import Transport
from assay.core.errors import BadInputError, ConflictError, NotFoundError, UnavailableError
from assay.wire.upkeep import NewUpload, UploadView

T = TypeVar("T")
AT_ONCE: Final = 3
# Seconds to wait before each new try; longer in all than it takes to start a server anew.
PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_ROUNDS: Final = 3
# Bytes that any store should read and write while the longest pause lasts.
_JOINED_IN_A_PAUSE: Final = 256 << 20


def send_in_parts(
    transport: Transport,
    path: Path,
    wanted: NewUpload,
    progress: Callable[[int], None],
    pauses_s: Iterable[float] = PAUSES_S,
) -> None:
    """Send a file, or what is left of it; returns when it is stored.

    Args:
        transport: to the registry.
        path: of the file.
        wanted: its size and digest.
        progress: called with how many bytes are there, in any thread, one after the other.
        pauses_s: how long to wait before each new try when the registry cannot be reached.

    Raises:
        NotFoundError: the registry is an older one, which takes no parts.
        BadInputError: the file cannot be read, or changed since it was hashed.
        AssayError: any other leaf, from the registry.
    """
    pauses = tuple(pauses_s)
    upload = _patiently(lambda: transport.post("/uploads", UploadView, wanted), pauses)
    for left in reversed(range(_ROUNDS)):
        _send_missing(transport, path, upload, progress, pauses)
        try:
            _complete(transport, upload, pauses)
        except (BadInputError, ConflictError, NotFoundError):
            # Parts were damaged at rest or bytes came too late: what is still missing is sent again.
            if not left:
                raise
            upload = transport.post("/uploads", UploadView, wanted)
        else:
            return


def _complete(transport: Transport, upload: UploadView, pauses: tuple[float, ...]) -> None:
    """Ask for the whole; a store that has to join the parts takes longer, the more there is.

    The registry goes on with it when nobody waits for the answer any more, and says that it does when it is
    asked again.
    """
    route = f"/uploads/{segment(upload.id)}/complete"
    longer = pauses[-1:] * (upload.size_bytes // _JOINED_IN_A_PAUSE)
    _patiently(lambda: transport.post(route, UploadView), pauses + longer)


def _send_missing(
    transport: Transport,
    path: Path,
    upload: UploadView,
    progress: Callable[[int], None],
    pauses: tuple[float, ...],
) -> None:
    there = {each.number for each in upload.parts}
    done = _Count(sum(each.size_bytes for each in upload.parts), progress)
    missing = [number for number in range(1, upload.part_count + 1) if number not in there]

    def send(number: int) -> None:
        content = _read(path, upload, number)
        _patiently(lambda: _send(transport, upload, number, content), pauses)
        done.add(len(content))

    with ThreadPoolExecutor(AT_ONCE, "assay-parts") as threads:
        sending = [threads.submit(send, number) for number in missing]
        try:
            ended, _ = wait(sending, return_when=FIRST_EXCEPTION)
        finally:
            for each in sending:
                each.cancel()
    for each in ended:
        each.result()


def _send(transport: Transport, upload: UploadView, number: int, content: bytes) -> None:
    said = base64.b64encode(hashlib.sha256(content).digest()).decode()
    headers = {"Content-Type": "application/octet-stream", "Content-Digest": f"sha-256=:{said}:"}
    route = f"/uploads/{segment(upload.id)}/parts/{number}"
    transport.send_raw("PUT", route, content=content, headers=headers)


def _read(path: Path, upload: UploadView, number: int) -> bytes:
    start = (number - 1) * upload.part_bytes
    size = min(upload.part_bytes, upload.size_bytes - start)
    try:
        with path.open("rb", buffering=0) as file:
            content = os.pread(file.fileno(), size, start)
            while len(content) < size and (more := os.pread(file.fileno(), size, start + len(content))):
                content += more[: size - len(content)]
    except OSError as error:
        words = f"{path}: {error.strerror or error}"
        raise BadInputError.of("path", "must be a readable file", words) from error
    if len(content) != size:
        raise BadInputError.of("path", "must not change while it is sent", str(path))
    return content


def _patiently(ask: Callable[[], T], pauses: tuple[float, ...]) -> T:
    """Ask again for a while when the registry cannot be reached; everything asked here may be repeated."""
    for pause in pauses:
        try:
            return ask()
        except UnavailableError:
            time.sleep(pause)  # nobody tells when the registry can be reached again
    return ask()


class _Count:
    """Adds up what has been sent by several threads, and tells it in order."""

    def __init__(self, done: int, tell: Callable[[int], None]) -> None:
        self._done = done
        self._tell = tell
        self._lock = threading.Lock()
        tell(done)

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            self._tell(self._done)
