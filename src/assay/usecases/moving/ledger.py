"""The books of one import: what was found, what is here, and everything that is not as it was there."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from assay.core.access import Caller
from assay.core.errors import BadInputError
from assay.core.moving import KINDS, Count, Finding, Moved
from assay.core.ports import Records
from assay.core.ports.moving import ForeignSource
from assay.usecases.means import Act, Means

MAX_FINDINGS: Final = 1000
# Said of what the source does not have, of things that were here before the import.
ONLY_HERE: Final = ": they were logged here"
# Told after each step: the kind, how many of it have been looked at, and where the import is now.
Progress = Callable[[str, int, str], None]
T = TypeVar("T")


def no_progress(_kind: str, _count: int, _where: str) -> None:
    """Tell nobody."""


class Ledger:
    """Counts and findings; the counts of a kind add up whatever the order of what is noted."""

    def __init__(self, progress: Progress) -> None:
        """Begin with nothing."""
        self._progress = progress
        self._counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self.findings: list[Finding] = []
        self.finding_count = 0
        self.unexplained_count = 0
        self.verified_files = 0
        self.verified_bytes = 0

    def found(self, kind: str, where: str = "", count: int = 1) -> None:
        """Note things that the source has."""
        self._counts[kind]["found"] += count
        self._progress(kind, self._counts[kind]["found"], where)

    def here(self, kind: str, count: int = 1) -> None:
        """Note that things are here as they are there."""
        self._counts[kind]["here"] += count

    def added(self, kind: str, count: int = 1) -> None:
        """Note things that this import brought."""
        self._counts[kind]["added"] += count

    def changed(self, kind: str, count: int = 1) -> None:
        """Note things that were here and that this import brought up to date."""
        self._counts[kind]["changed"] += count

    def note(self, finding: Finding, count: int = 0) -> None:
        """Keep a finding; ``count`` things that were found are excused by it, if it is explained."""
        self.finding_count += 1
        self.unexplained_count += not finding.explained
        if finding.explained:
            self._counts[finding.kind]["excused"] += count
        # What is not explained is never pushed out of the report by what is.
        if len(self.findings) < MAX_FINDINGS or not finding.explained:
            self.findings.append(finding)

    def differs(self, kind: str, name: str, what: str, *, explained: bool, advice: str = "") -> None:
        """Note one thing that is not here as it is there."""
        self.note(Finding(kind, name, what, explained, advice), count=1)

    def excuse(self, kind: str) -> None:
        """Note a thing that was found and differs in a way that a finding explains already."""
        self._counts[kind]["excused"] += 1

    def verified(self, size_bytes: int) -> None:
        """Note a file that was read again on both sides."""
        self.verified_files += 1
        self.verified_bytes += size_bytes

    def counts(self) -> Mapping[str, Count]:
        """Return what was noted, by kind."""
        return {
            kind: Count(said["found"], said["here"], said["added"], said["changed"], said["excused"])
            for kind, said in self._counts.items()
        }


@dataclass(frozen=True, slots=True)
class Move:
    """One import under way: from where, on whose behalf, into which team, and its books.

    Attributes:
        again: whether the points of runs are read that nothing tells to have changed.
    """

    means: Means
    caller: Caller
    source: ForeignSource
    team: str
    ledger: Ledger
    again: bool = False

    def act(self, records: Records) -> Act:
        """Return a write of this import, now."""
        return Act(records, self.caller.name, self.means.clock.now())

    def known(self, records: Records, kind: str, name: str) -> Moved | None:
        """Return what is recorded of one thing of this source."""
        return records.moved_things.get(self.source.name, kind, name)

    def record(self, records: Records, kind: str, name: str, here: str, points: int = 0) -> None:
        """Record that one thing was moved; it has no mark before it was compared."""
        records.moved_things.put(Moved(self.source.name, kind, name, here, "", points))

    def confirm(self, kind: str, marks: Mapping[str, str]) -> None:
        """Record, in one transaction, the marks of moved things that were compared and are equal.

        Without its mark a thing is written and compared anew by the next import: a fault stays a fault
        until it is gone, and so does what nobody compared because the import was killed.
        """
        if not marks:
            return
        with self.means.database.write() as records:
            for name, mark in marks.items():
                known = self.known(records, kind, name)
                if known is not None and known.mark != mark:
                    records.moved_things.put(replace(known, mark=mark))


def sifted(
    ledger: Ledger, kind: str, name: str, said: Mapping[str, str], check: Callable[[str, str], object]
) -> dict[str, str]:
    """Return the tags or parameters that may be kept; each of the others becomes a finding."""
    kept = {}
    for key, value in said.items():
        try:
            check(key, value)
        except BadInputError as error:
            what = f"{key[:100]!r} was left out: {error.message[:300]}"
            ledger.note(Finding(kind, name, what, explained=True))
        else:
            kept[key] = value
    return kept


def portions(items: Iterable[T], size: int) -> Iterable[list[T]]:
    """Yield the items in lists of at most ``size``."""
    portion: list[T] = []
    for item in items:
        portion.append(item)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion
