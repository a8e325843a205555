"""Operating: what those who keep the registry running ask of it."""

from collections.abc import Callable
from typing import Final, TypeVar

from assay.core.access import Action, Caller, require
from assay.core.digests import Digest
from assay.core.errors import Reason, UnavailableError
from assay.core.figures import Figures
from assay.usecases.means import Means
from assay.usecases.own_store import store_misfit

T = TypeVar("T")
# Bytes with this digest are not known to anybody: where they would lie is looked at all the same.
_NOTHING: Final = Digest("sha256:" + "0" * 64)


class Operating:
    """Tells how the registry does."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    @property
    def embedded(self) -> bool:
        """Whether the records are in a file of this machine: a few rows then come without waiting."""
        return self._means.database.embedded

    def in_one_view(self, act: Callable[[], T]) -> T:
        """Do ``act``, which only reads, over one view of the records: who asks, and the answer.

        Raises:
            UnavailableError: the database does not answer; and whatever else ``act`` raises.
        """
        with self._means.database.view():
            return act()

    def check(self, caller: Caller) -> None:
        """Let through who may know how much of what there is.

        Raises:
            DeniedError: the caller may not read every model.
        """
        require(caller, Action.READ)

    def figures(self) -> Figures:
        """Return the counts over everything; whoever asks was checked before.

        Raises:
            UnavailableError: the database does not answer.
        """
        with self._means.database.read() as records:
            return records.tallies.figures()

    def blobs(self) -> tuple[int, int]:
        """Return how many blobs are known, and their bytes, wherever they are stored.

        It takes the longer the more there are: not to be asked with every request.

        Raises:
            UnavailableError: the database does not answer.
        """
        with self._means.database.read() as records:
            return records.tallies.blobs()

    def connections(self) -> tuple[int, int]:
        """Return how many connections to the database are in use here, and how many there may be."""
        return self._means.database.connections()

    def problems(self) -> tuple[Reason, ...]:
        """Return everything for which no request could be answered well; nothing when all is well."""
        found = []
        try:
            with self._means.database.read() as records:
                misfit = records.tallies.misfit()
            if misfit:
                rule = "must have this program's schema: run assay migrate, or start the program that has it"
                found.append(Reason("database", rule, misfit[:60]))
        except UnavailableError as error:
            found.append(Reason("database", "must answer", error.message))
        try:
            self._means.blobs.size(_NOTHING)
            misfit = "" if found else store_misfit(self._means)
            if misfit:
                found.append(Reason("blobs", "must be the registry's own store", misfit))
        except UnavailableError as error:
            found.append(Reason("blobs", "must be reachable", error.message))
        return tuple(found)
