"""The heads of audit logs that were seen here: one for each server, in the user's own folder.

A registry that was rewritten, or put back from an old backup, signs heads that look as good as any. Who
has a newer or another head of the same log can tell. So the last one seen is kept, with the key that it
was signed with, and the next one has to go on from it.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assay.client.registry import Client
from assay.core.checkpoints import Head, read_head, read_key, signature_problem
from assay.core.digests import Digest
from assay.core.errors import BadInputError, UnavailableError
from assay.core.merkle import consistency_problem
from assay.wire.codec import decode, encode

FOLDER: Final = "ASSAY_CONFIG_DIR"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a server's log.

    Attributes:
        url: of the server.
        key: the verifier key of its log.
        head: the last head, as it was signed.
    """

    url: str
    key: str
    head: str


@dataclass(frozen=True, slots=True)
class HeadReport:
    """What comparing a server's newest head with the one before showed; ``problem`` is empty when it fits.

    Attributes:
        head: the server's newest.
        seen: what is to be kept of it.
        before: the size of the head seen before; None where none was.
    """

    head: Head
    seen: Seen
    problem: str = ""
    before: int | None = None


class SeenHeads:
    """The memory of one user; safe to use from several processes, of which the last one counts."""

    def __init__(self, folder: Path | None = None) -> None:
        """Keep the folder; ``$ASSAY_CONFIG_DIR``, or ``assay`` in the user's configuration, when left out."""
        self._folder = (folder or _config_folder()) / "audit-heads"

    def last(self, url: str) -> Seen | None:
        """Return what was seen of a server, None when nothing was.

        Raises:
            UnavailableError: the file is there and cannot be read: that must not pass for "never seen".
        """
        path = self._path(url)
        try:
            seen = decode(path.read_bytes(), Seen)
            read_key(seen.key)
            read_head(seen.head)
        except FileNotFoundError:
            return None
        except (OSError, BadInputError) as error:
            message = f"what was seen of the audit log of {url} cannot be read: {path}"
            raise UnavailableError(message, hint="mend it, or remove it to begin anew") from error
        return seen

    def keep(self, seen: Seen) -> None:
        """Remember a head.

        Raises:
            UnavailableError: it cannot be written down.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(dir=self._folder)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(encode(seen))
            Path(name).replace(self._path(seen.url))
        except OSError as error:
            message = f"the head of the audit log cannot be remembered in {self._folder}: {error.strerror}"
            raise UnavailableError(message, hint=f"set {FOLDER} to a folder of your own") from error

    def forget(self, url: str) -> None:
        """Forget a server, whose next head is then taken as the first.

        Raises:
            UnavailableError: the file cannot be removed.
        """
        try:
            self._path(url).unlink(missing_ok=True)
        except OSError as error:
            raise UnavailableError(f"{self._path(url)} cannot be removed: {error.strerror}") from error

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"


def look_at_head(client: Client, seen: SeenHeads) -> HeadReport:
    """Ask a server for its newest head and hold it against the last one seen of it.

    The caller keeps it where it fits: ``seen.keep(report.seen)``.

    Raises:
        AssayError: any leaf.
    """
    before = seen.last(client.url)
    known = read_head(before.head) if before else None
    head = read_head(client.audit_head().note)
    key = read_key(before.key if before else client.audit_key().key)
    problem = signature_problem(head, key, verify_signature)
    problem = f"the head at {head.size} {problem}" if problem else _backwards(client, known, head)
    found = Seen(client.url, str(key), head.note)
    return HeadReport(head, found, problem, known.size if known else None)


def verify_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 signature is good."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _backwards(client: Client, known: Head | None, head: Head) -> str:
    """Return why a head does not go on from the one seen before; "" when it does."""
    if known is None or known.size == 0:
        return ""
    if head.size < known.size:
        words = f"the log has {head.size} events and had {known.size} when it was last seen"
        return f"{words}: it was cut, or put back from an old backup"
    proof: tuple[Digest, ...] = ()
    if head.size > known.size:
        proof = client.audit_consistency(known.size, head.size).proof
    roots = _raw(known.root), _raw(head.root)
    problem = consistency_problem(known.size, head.size, *roots, [_raw(each) for each in proof])
    if not problem:
        return ""
    return f"the log does not go on from the one last seen at {known.size}: it was rewritten ({problem})"


def _raw(digest: Digest) -> bytes:
    return bytes.fromhex(digest.hex)


def _config_folder() -> Path:
    chosen = os.environ.get(FOLDER)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "assay"
