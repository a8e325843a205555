"""Secrets encrypted at rest: Fernet (AES-128-CBC with HMAC-SHA256) under a key file in the data folder.

Who copies the database alone learns no secret; who has the whole data folder does, and must be trusted.
"""

import hashlib
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from assay.core.errors import UnavailableError
from assay.storage.secret_files import make_secret_file


class FileSeal:
    """Implements ``core.ports.Seal``; the key file has mode 0600."""

    def __init__(self, path: Path, *, makes: bool = True) -> None:
        """Keep the place of the key file.

        Args:
            path: of the file.
            makes: a key is made when the first secret is kept; else only :meth:`fingerprint` makes one.
        """
        self._path = path
        self._makes = makes

    def close(self, text: str) -> str:
        """Return ``text`` encrypted.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        if self._makes and not self._path.exists():
            make_secret_file(self._path, Fernet.generate_key())
        return self._fernet().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return what was encrypted.

        Raises:
            UnavailableError: the key is gone, or is another one.
        """
        try:
            return self._fernet().decrypt(sealed).decode()
        except InvalidToken as error:
            raise UnavailableError(
                "a secret cannot be read: it was kept under another key", hint="set the webhook's secret anew"
            ) from error

    def fingerprint(self, *, make: bool = False) -> str:
        """Return a hash of the key, which is too random to be guessed from it; "" where there is none.

        Args:
            make: make a key where there is none.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        if not self._path.exists():
            if not make:
                return ""
            make_secret_file(self._path, Fernet.generate_key())
        self._fernet()
        return hashlib.sha256(b"assay seal\n" + self._path.read_bytes().strip()).hexdigest()

    def _fernet(self) -> Fernet:
        try:
            return Fernet(self._path.read_bytes().strip())
        except (OSError, ValueError) as error:
            message = f"the key file {self._path.name} of the data folder cannot be used"
            raise UnavailableError(message, hint="restore it, or set the webhooks' secrets anew") from error
