"""The key that heads of the audit log are signed with: Ed25519, in a file beside the database, never in it.

Whoever can write to the database can rewrite the log, but not sign a head over what it was made into.
"""

import hashlib
import threading
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from assay.core.errors import UnavailableError
from assay.storage.secret_files import make_secret_file


class FileSigner:
    """Implements ``core.ports.HeadSigner``. The key is a PEM file; it is read when it is first needed."""

    def __init__(self, path: Path, *, makes: bool = True, named: bool = False) -> None:
        """Keep the place of the key file.

        Args:
            path: of the file.
            makes: a key is made when the first is needed; else only :meth:`fingerprint` makes one.
            named: an operator named the file, so that it has to be there: a replica that makes a key of
                its own would sign heads that nobody knows how to check.

        Raises:
            UnavailableError: it has to be there and is not.
        """
        if named and not path.exists():
            hint = "make it with: openssl genpkey -algorithm ed25519 -out FILE"
            raise UnavailableError(f"the key of the audit log is not at {path}", hint=hint)
        self._path = path
        self._makes = makes and not named
        self._named = named
        self._lock = threading.Lock()
        self._key: Ed25519PrivateKey | None = None

    def public(self) -> bytes:
        """Return the public key, 32 bytes.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        return self._private().public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature over ``message``, 64 bytes.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        return self._private().sign(message)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Tell whether a signature by the key ``public`` is good."""
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def fingerprint(self, *, make: bool = False) -> str:
        """Return a hash of the public key; "" where there is none.

        Args:
            make: make a key where there is none, unless an operator named the file.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        if not make and not self._path.exists():
            return ""
        public = self._private(make=make and not self._named).public_key()
        return hashlib.sha256(b"assay audit\n" + public.public_bytes_raw()).hexdigest()

    def _private(self, *, make: bool = False) -> Ed25519PrivateKey:
        with self._lock:
            if self._key is None:
                if (make or self._makes) and not self._path.exists():
                    key = Ed25519PrivateKey.generate()
                    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                    make_secret_file(self._path, pem)
                self._key = self._read()
            return self._key

    def _read(self) -> Ed25519PrivateKey:
        message = f"the key of the audit log, {self._path.name}, cannot be used"
        try:
            key = load_pem_private_key(self._path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise UnavailableError(message, hint="restore it, in PEM and without a password") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UnavailableError(message, hint="it must be an Ed25519 key")
        return key
