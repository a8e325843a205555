"""Secrets encrypted at rest: Fernet (AES-128-CBC with HMAC-SHA256) under a key file in the data folder.

Who copies the database alone learns no secret; who has the whole data folder does, and must be trusted.
"""

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from assay.core.errors import UnavailableError
from assay.storage.secret_files import make_secret_file


class FileSeal:
    """Implements ``core.ports.Seal``. The key is made when the first secret is kept, mode 0600."""

    def __init__(self, path: Path) -> None:
        """Keep the place of the key file."""
        self._path = path

    def close(self, text: str) -> str:
        """Return ``text`` encrypted.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        if not self._path.exists():
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

    def _fernet(self) -> Fernet:
        try:
            return Fernet(self._path.read_bytes().strip())
        except (OSError, ValueError) as error:
            message = f"the key file {self._path.name} of the data folder cannot be used"
            raise UnavailableError(message, hint="restore it, or set the webhooks' secrets anew") from error
