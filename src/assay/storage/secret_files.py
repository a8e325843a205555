"""Files that hold a key: made once, durably, for nobody else's eyes."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from assay.core.errors import UnavailableError


def make_secret_file(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600; of several makers at once the first one's stays.

    Raises:
        UnavailableError: it cannot be made.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        draft = Path(name)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UnavailableError(f"the key file cannot be made: {error.strerror}") from error
