"""Bring the database of a data folder to this program's schema: ``python -m assay.app.upgrade FOLDER``."""

import sys
from pathlib import Path

from assay.app.settings import Settings
from assay.core.errors import AssayError
from assay.storage.database import sqlite_url
from assay.storage.upgrade import upgrade


def upgrade_database(settings: Settings) -> list[str]:
    """Migrate; running it twice changes nothing.

    Returns:
        The revisions applied, oldest first.

    Raises:
        UnavailableError: the database has a newer schema than this program knows.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return upgrade(sqlite_url(settings.data / "assay.db"))


def main() -> int:
    """Migrate the folder named on the command line; 7 when that cannot be done."""
    try:
        upgrade_database(Settings(data=Path(sys.argv[1])))
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())
