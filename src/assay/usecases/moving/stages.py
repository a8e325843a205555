"""Stages and aliases move in: by the acts that every door uses, and never around a gate.

Where the policy observes, a version goes where it stood and is marked *ungated* until its gates hold.
Where it enforces, the version stays in Development and the report says what to ask for.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Final

from assay.core.errors import AssayError, UnavailableError
from assay.core.moving import Finding, ForeignModel, ForeignVersion, Moved
from assay.core.names import STAGE_ALIASES, Address, ModelName
from assay.core.ports import Records
from assay.core.search import VersionSummary
from assay.core.stages import GUARDED, Stage
from assay.usecases.means import policy_of, stage_moved
from assay.usecases.moving.ledger import Move
from assay.usecases.outside_stages import OutsideStages

VERSION: Final = "version"
ALIAS: Final = "alias"
STAGE: Final = "stage"
_STAGES: Final = {"none": Stage.DEVELOPMENT, **{each.value.lower(): each for each in Stage}}


class StagesIn:
    """Moves the stages and aliases of one model."""

    def __init__(self, move: Move, model: ModelName, known_as: str, foreign: ForeignModel) -> None:
        """Keep the import, and the model as it is called here and there."""
        self._move = move
        self._model = model
        self._known_as = known_as
        self._foreign = foreign
        self._outside = OutsideStages(move.means)
        with move.means.database.read() as records:
            stored = policy_of(records, model)
        self._observes = stored is not None and stored.policy.observes
        self.excused: set[int] = set()
        self.moved = False
        self._serves_otherwise = False

    def move(self, versions: Sequence[ForeignVersion]) -> None:
        """Move stages, then aliases: where both speak of a stage, the alias is the newer word.

        A version moves where the source has moved it since the last import, and nobody has here.

        Args:
            versions: those that are here, by number.
        """
        numbers = {each.number for each in versions}
        wanted = self._wanted_stages(versions, self._stage_aliases(numbers))
        self._serves_otherwise = self._is_served_otherwise(numbers)
        # What comes to Production first, so that nothing leaves it before its successor is there.
        for version in sorted(versions, key=lambda each: wanted[each.number] is not Stage.PRODUCTION):
            self._stage(version.number, wanted[version.number])
        for alias, number in sorted(self._foreign.aliases.items()):
            self._move.ledger.found(ALIAS, f"{self._foreign.name}@{alias}")
            self._alias(alias, number, numbers)

    def _wanted_stages(
        self, versions: Sequence[ForeignVersion], by_alias: Mapping[Stage, int]
    ) -> dict[int, Stage]:
        """Return where each version stands there, stage and alias taken together."""
        wanted = {each.number: _STAGES.get(each.stage.lower(), Stage.DEVELOPMENT) for each in versions}
        serving = sorted(number for number, stage in wanted.items() if stage is Stage.PRODUCTION)
        named = by_alias.get(Stage.PRODUCTION)
        keeps = named if named is not None else max(serving, default=None)
        for number in serving:
            if number != keeps:
                what = f"stood in Production beside version {keeps}; here one version does, the newest"
                if named is not None:
                    what = f"stood in Production by stage, where the alias names version {named}"
                self._note(number, what, excused=True)
                wanted[number] = Stage.ARCHIVED
        for version in versions:
            if version.stage.lower() not in _STAGES:
                self._note(
                    version.number, f"stood in {version.stage[:60]!r}, which is no stage", excused=True
                )
        for stage in (Stage.PRODUCTION, Stage.STAGING):
            number = by_alias.get(stage, -1)
            before = wanted.get(number, Stage.PRODUCTION)
            if before is Stage.PRODUCTION:
                continue
            if before is not Stage.DEVELOPMENT and before is not stage:
                what = f"stood in {before} by stage, where an alias puts it in {stage}"
                self._note(number, what, excused=True)
            wanted[number] = stage
        return wanted

    def _stage_aliases(self, numbers: Set[int]) -> dict[Stage, int]:
        """Return which version an alias puts in each guarded stage; the stage's own name goes first."""
        found: dict[Stage, int] = {}
        aliases = sorted(self._foreign.aliases, key=lambda alias: (alias.lower() in STAGE_ALIASES, alias))
        with self._move.means.database.read() as records:
            for alias in aliases:
                stage, number = self._meant(records, alias), self._foreign.aliases[alias]
                if stage is not None and stage in GUARDED and number in numbers:
                    found[stage] = number
        return found

    def _meant(self, records: Records, alias: str) -> Stage | None:
        return stage_moved(records, self._model, alias)

    def _stage(self, number: int, wanted: Stage) -> None:
        """Move a version to its stage, if the source says another one than in the last import."""
        with self._move.means.database.read() as records:
            known = self._known(records, number)
            here = records.versions.resolve(Address(self._model, number=number))
        if here is None:
            return
        if known is not None and (known.mark or known.here) == wanted.value:
            self._leave(known, here, wanted)
        elif here.stage is wanted:
            self._record(number, wanted, wanted)
        elif known is not None and not self._is_as_moved(known, here):
            self._note(number, _moved_here(here, wanted), excused=True)
            self._record(number, Stage(known.here), wanted)
        elif self._stays(here, wanted):
            self._record(number, here.stage, wanted)
        else:
            self._transit(here, wanted)

    def _leave(self, known: Moved, here: VersionSummary, wanted: Stage) -> None:
        """Leave a version that the source has not moved; say again why it is not where it is there."""
        if known.here == wanted.value:
            return
        if here.stage is wanted:
            self._record(here.number, wanted, wanted)
        elif not self._is_as_moved(known, here):
            self._note(here.number, _moved_here(here, wanted), excused=True)
        elif not self._stays(here, wanted):
            what = f"stood in {wanted} when it moved in, and was kept in {known.here}; it is in {here.stage}"
            self._note(here.number, what, excused=True, advice=_advice(here, wanted))

    def _transit(self, here: VersionSummary, wanted: Stage) -> None:
        try:
            self._outside.transition(
                self._move.caller, self._known_as, str(here.number), wanted, archive_existing=False
            )
        except UnavailableError:
            raise
        except AssayError as error:
            self._note(here.number, f"stays in {here.stage}: {error}", excused=True)
            return
        self.moved = True
        self._record(here.number, wanted, wanted)

    def _stays(self, here: VersionSummary, wanted: Stage) -> bool:
        """Tell whether a version stays where it is, with the finding that says why."""
        if wanted in GUARDED and not self._observes:
            what = f"stood in {wanted}; the policy enforces its gates, so that it stays in {here.stage}"
            self._note(here.number, what, excused=True, advice=_advice(here, wanted))
            return True
        if wanted is Stage.PRODUCTION and self._serves_otherwise:
            with self._move.means.database.read() as records:
                holder = records.stages.holder(self._model)
            what = "stands in Production there; here people have taken out what stood there"
            if holder is not None:
                what = f"stands in Production there; here people have put version {holder} there since"
            self._note(here.number, what, excused=True)
            return True
        return False

    def _is_served_otherwise(self, numbers: Set[int]) -> bool:
        """Tell whether people have changed here what stands in Production since the last import."""
        with self._move.means.database.read() as records:
            holder = records.stages.holder(self._model)
            if holder is not None:
                return not self._is_served_by(records, holder)
            return any(self._is_served_by(records, number) for number in numbers)

    def _is_served_by(self, records: Records, number: int) -> bool:
        """Tell whether an import has left this version in Production."""
        known = self._known(records, number)
        return known is not None and known.here == Stage.PRODUCTION.value

    def _is_as_moved(self, known: Moved, here: VersionSummary) -> bool:
        """Tell whether a version is where an import left it, or made way for one that came by an import."""
        if here.stage.value == known.here:
            return True
        if known.here != Stage.PRODUCTION.value or here.stage is not Stage.ARCHIVED:
            return False
        with self._move.means.database.read() as records:
            holder = records.stages.holder(self._model)
            return holder is not None and self._is_served_by(records, holder)

    def _known(self, records: Records, number: int) -> Moved | None:
        return self._move.known(records, STAGE, f"{self._foreign.name}/{number}")

    def _record(self, number: int, here: Stage, there: Stage) -> None:
        """Record where an import has left a version, and where it stood there then."""
        name = f"{self._foreign.name}/{number}"
        moved = Moved(self._move.source.name, STAGE, name, here.value, mark=there.value)
        with self._move.means.database.write() as records:
            records.moved_things.put(moved)

    def _alias(self, alias: str, number: int, numbers: Set[int]) -> None:
        name = f"{self._foreign.name}@{alias}"
        with self._move.means.database.read() as records:
            known = self._move.known(records, ALIAS, name)
            stage = self._meant(records, alias)
            aliases = records.aliases.of_model(self._model)
            here = aliases.get(alias, aliases.get(alias.lower()))  # of a prompt, a stage's name is kept small
            standing = records.versions.resolve(Address(self._model, number=number))
        if known is not None and known.here == str(number):
            same = here == number if stage is None else standing is not None and standing.stage is stage
            if same:
                self._move.ledger.here(ALIAS)
            else:
                self._move.ledger.differs(ALIAS, name, "was moved here since it moved in", explained=True)
            return
        problem = f"version {number} is not here"
        if standing is not None and number in numbers:
            problem = self._point(alias, standing, stage)
        if problem:
            self._move.ledger.differs(ALIAS, name, problem, explained=True)
            return
        self.moved = True
        with self._move.means.database.write() as records:
            self._move.record(records, ALIAS, name, str(number))
        self._move.ledger.added(ALIAS)
        self._move.ledger.here(ALIAS)

    def _point(self, alias: str, standing: VersionSummary, stage: Stage | None) -> str:
        """Point an alias at a version; return why that cannot be, "" when it is done.

        One that names a stage has moved the version already, if that could be.
        """
        if stage is not None:
            what = f"is the name of a stage; version {standing.number} is in {standing.stage} here"
            return "" if stage is standing.stage else what
        try:
            self._outside.point(self._move.caller, self._known_as, alias, str(standing.number))
        except UnavailableError:
            raise
        except AssayError as error:
            return str(error)
        return ""

    def _note(self, number: int, what: str, *, excused: bool, advice: str = "") -> None:
        name = f"{self._foreign.name}/{number}"
        self._move.ledger.note(Finding(VERSION, name, what, explained=True, advice=advice))
        if excused:
            self.excused.add(number)


def _advice(here: VersionSummary, wanted: Stage) -> str:
    """Return what to do about a version that stays outside of a guarded stage; "" for others."""
    if wanted not in GUARDED:
        return ""
    stages = "staging" if wanted is Stage.STAGING else "staging, then --stage production"
    return f"assay promote {here.address} --stage {stages}"


def _moved_here(here: VersionSummary, wanted: Stage) -> str:
    return f"is in {wanted} there now; it stays in {here.stage}, where people have moved it since"
