"""Files that hold a key: whole or not there, durable once written, for nobody else's eyes."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from assay.core.errors import UnavailableError
from assay.storage.durable import make_folder, sync_folder


def make_secret_file(
    path: Path, content: bytes, *, replaces: bool = False, drafts: Path | None = None
) -> None:
    """Write a file with mode 0600, in one step; its name, and those of the folders above it, are durable.

    Args:
        path: of the file.
        content: of the file.
        replaces: takes the place of one that is there; else, of several makers at once, the first one's
            stays.
        drafts: where it is written first, on the same disk; beside the file when it is not said.

    Raises:
        UnavailableError: it cannot be made.
    """
    try:
        make_folder(path.parent)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=drafts or path.parent)
        draft = Path(name)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replaces:
                draft.replace(path)
            else:
                with suppress(FileExistsError):
                    os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise UnavailableError(f"the key file cannot be made: {error.strerror}") from error
