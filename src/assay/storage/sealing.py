"""Secrets encrypted at rest: Fernet (AES-128-CBC with HMAC-SHA256) under a key file in the data folder.

Who copies the database alone learns no secret; who has the whole data folder does, and must be trusted.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from assay.core.errors import UnavailableError


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
            self._make()
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

    def _make(self) -> None:
        """Make a key, durably; of several makers at once the first one's stays."""
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            draft = Path(name)
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
                    file.write(Fernet.generate_key())
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(draft, self._path)
            finally:
                draft.unlink()
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise UnavailableError(f"the key file cannot be made: {error.strerror}") from error
