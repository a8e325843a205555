"""Tokens that ``assay login`` keeps: one per registry, in a file that only its owner can read."""

import json
import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from assay.core.errors import UnavailableError

PLACE: Final = "ASSAY_CREDENTIALS"


@dataclass(frozen=True, slots=True)
class Kept:
    """A token that is kept, of whom, and until when it is good."""

    token: str = field(repr=False)
    principal: str
    expires_at: datetime


def credentials_file() -> Path:
    """Return where tokens are kept: ``ASSAY_CREDENTIALS``, else below the user's configuration."""
    named = os.environ.get(PLACE)
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - no home, no error
    return Path(home) / "assay" / "credentials.json"


def kept_for(url: str) -> Kept | None:
    """Return what is kept for a registry, if it has not expired; a file that cannot be read keeps nothing."""
    entry = _read().get(_key(url), {})
    try:
        found = Kept(entry["token"], entry["principal"], datetime.fromisoformat(entry["expires_at"]))
        good = isinstance(found.token, str) and found.expires_at > datetime.now(UTC)
    except (KeyError, TypeError, ValueError):
        return None
    return found if good else None


def keep(url: str, kept: Kept) -> Path:
    """Keep a token in place of the one before; return the file.

    Raises:
        UnavailableError: the file cannot be written.
    """
    entry = {
        "token": kept.token,
        "principal": kept.principal,
        "expires_at": kept.expires_at.astimezone(UTC).isoformat(),
    }
    return _write({**_read(), _key(url): entry})


def forget(url: str) -> bool:
    """Forget the token of a registry; tell whether there was one.

    Raises:
        UnavailableError: the file cannot be written.
    """
    entries = _read()
    if entries.pop(_key(url), None) is None:
        return False
    _write(entries)
    return True


def _key(url: str) -> str:
    return url.rstrip("/")


def _read() -> dict[str, Any]:
    try:
        found = json.loads(credentials_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(entries: dict[str, Any]) -> Path:
    """Write the whole file beside the old one and put it in its place: readers see one or the other."""
    file = credentials_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=".credentials.", dir=file.parent)  # mode 0600
        with open(descriptor, "w", encoding="utf-8") as draft:  # noqa: PTH123 - of a descriptor
            json.dump(entries, draft, indent=1)
        Path(name).replace(file)
    except OSError as error:
        raise UnavailableError(f"{file} cannot be written: {error.strerror}") from error
    return file
