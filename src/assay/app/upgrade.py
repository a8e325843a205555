"""Bring the database of a registry to this program's schema: ``python -m assay.app.upgrade``.

The settings come from the environment alone.
"""

import os
import sys

from assay.app.settings import Settings, read_settings
from assay.core.errors import AssayError
from assay.storage.applied import Half
from assay.storage.upgrade import upgrade


def upgrade_database(settings: Settings, half: str = "") -> list[str]:
    """Migrate; running it twice changes nothing.

    Args:
        settings: with the database.
        half: ``pre`` or ``post`` for the migrations of that half alone, else all.

    Returns:
        The revisions applied, oldest first.

    Raises:
        BadInputError: the second half is asked for before the first one was applied.
        UnavailableError: the database cannot be reached, or has a newer schema than this program knows.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return upgrade(settings.database_url, Half(half) if half else None)


def main() -> int:
    """Migrate what the environment names; 7 when that cannot be done."""
    try:
        upgrade_database(read_settings(os.environ, None))
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())
