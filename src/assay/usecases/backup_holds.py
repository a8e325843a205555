"""The hold of a backup: nothing is collected from the moment of its view until it is whole.

Each backup has a hold of its own. It is prolonged while bytes and rows go by, however long a single file or
the list of rows takes; of a backup that was killed it ends by itself. One that stood still for so long that
its hold ended does not go on: what it still has to copy may have been taken away.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from assay.core.errors import UnavailableError
from assay.core.keeping import Chore
from assay.usecases.collecting import BACKUP
from assay.usecases.means import Means

HOLD: Final = timedelta(minutes=10)


class BackupHold:
    """Keeps collections off for as long as one backup goes on."""

    def __init__(self, means: Means, owner: str) -> None:
        """Keep the means; ``owner`` is told to whoever wants to collect."""
        self._means = means
        self._owner = owner
        self._name = means.chance.identifier(BACKUP)
        self._held_at = means.clock.now()

    def take(self) -> None:
        """Begin, and forget the holds of backups that were killed.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        now = self._means.clock.now()
        with self._means.database.write() as records:
            for each in records.chores.begun(BACKUP):
                if each.until <= now:
                    records.chores.remove(each.name)
            records.chores.put(Chore(self._name, self._owner, now + HOLD))
        self._held_at = now

    def prolong(self) -> None:
        """Go on holding.

        Raises:
            UnavailableError: the hold has ended, or the database cannot be reached.
        """
        now = self._means.clock.now()
        with self._means.database.write() as records:
            mine = records.chores.get(self._name)
            if mine is None or mine.until <= now:
                words = f"the backup stood still for more than {HOLD.total_seconds() / 60:.0f} minutes"
                raise UnavailableError(words, hint="make it again: what was copied is not copied again")
            records.chores.put(Chore(self._name, self._owner, now + HOLD))
        self._held_at = now

    def go_on(self) -> None:
        """Prolong, when it is time for that.

        Raises:
            UnavailableError: the hold has ended, or the database cannot be reached.
        """
        if self._means.clock.now() - self._held_at > HOLD / 4:
            self.prolong()

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass bytes on, and hold meanwhile.

        Raises:
            UnavailableError: the hold has ended, or the database cannot be reached.
        """
        for chunk in chunks:
            self.go_on()
            yield chunk

    def release(self) -> None:
        """Let collections go on, as far as this backup is concerned.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        with self._means.database.write() as records:
            records.chores.remove(self._name)
