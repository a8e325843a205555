"""Stages and aliases move in: by the acts that every door uses, and never around a gate.

Where the policy observes, a version goes where it stood and is marked *ungated* until its gates hold.
Where it enforces, the version stays in Development and the report says what to ask for.
"""

from collections.abc import Sequence
from typing import Final

from assay.core.errors import AssayError, UnavailableError
from assay.core.moving import Finding, ForeignModel, ForeignVersion
from assay.core.names import STAGE_ALIASES, Address, ModelName
from assay.core.search import VersionSummary
from assay.core.stages import GUARDED, Stage
from assay.usecases.means import policy_of, stage_meant
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

    def move(self, versions: Sequence[ForeignVersion]) -> None:
        """Move stages, then aliases: where both speak of a stage, the alias is the newer word.

        Args:
            versions: those that are here, by number.
        """
        wanted = self._wanted_stages(versions)
        by_alias = self._stage_aliases()
        for stage, number in by_alias.items():
            for other, at in wanted.items():
                if at is stage and other != number and stage is Stage.PRODUCTION:
                    what = f"stood in {stage} by stage, where the alias names version {number}"
                    self._note(other, what, excused=True)
                    wanted[other] = Stage.ARCHIVED
        for version in versions:
            self._stage(version, wanted[version.number])
        for alias, number in sorted(self._foreign.aliases.items()):
            self._move.ledger.found(ALIAS, f"{self._foreign.name}@{alias}")
            self._alias(alias, number, {version.number for version in versions})

    def _wanted_stages(self, versions: Sequence[ForeignVersion]) -> dict[int, Stage]:
        wanted = {each.number: _STAGES.get(each.stage.lower(), Stage.DEVELOPMENT) for each in versions}
        serving = [number for number, stage in wanted.items() if stage is Stage.PRODUCTION]
        for number in sorted(serving)[:-1]:
            what = f"stood in Production beside version {max(serving)}; here one version does, the newest"
            self._note(number, what, excused=True)
            wanted[number] = Stage.ARCHIVED
        for version in versions:
            if version.stage.lower() not in _STAGES:
                self._note(
                    version.number, f"stood in {version.stage[:60]!r}, which is no stage", excused=True
                )
        return wanted

    def _stage_aliases(self) -> dict[Stage, int]:
        """Return which version each alias that names a guarded stage points at."""
        found = {}
        with self._move.means.database.read() as records:
            for alias, number in sorted(self._foreign.aliases.items()):
                stage = stage_meant(records, self._model, alias)
                if stage is not None:
                    found[stage] = number
        return found

    def _stage(self, version: ForeignVersion, wanted: Stage) -> None:
        name = f"{version.name}/{version.number}"
        with self._move.means.database.read() as records:
            known = self._move.known(records, STAGE, name)
            here = records.versions.resolve(Address(self._model, number=version.number))
        if here is None or (known is not None and known.here == wanted.value):
            return
        if here.stage is not wanted:
            if self._stays(here, wanted):
                return
            try:
                self._outside.transition(
                    self._move.caller, self._known_as, str(version.number), wanted, archive_existing=False
                )
            except UnavailableError:
                raise
            except AssayError as error:
                self._note(version.number, f"stays in {here.stage}: {error}", excused=True)
                return
            self.moved = True
        with self._move.means.database.write() as records:
            self._move.record(records, STAGE, name, wanted.value)

    def _stays(self, here: VersionSummary, wanted: Stage) -> bool:
        """Tell whether a version stays where it is, with the finding that says why."""
        if wanted in GUARDED and not self._observes:
            what = f"stood in {wanted}; the policy enforces its gates, so that it stays in {here.stage}"
            stages = "staging" if wanted is Stage.STAGING else "staging, then --stage production"
            advice = f"assay promote {here.address} --stage {stages}"
            self._note(here.number, what, excused=True, advice=advice)
            return True
        holder = self._own_holder() if wanted is Stage.PRODUCTION else None
        if holder is not None:
            what = f"stands in Production there; here people have put version {holder} there since"
            self._note(here.number, what, excused=True)
            return True
        return False

    def _own_holder(self) -> int | None:
        """Return the version in Production, if no import has put it there."""
        with self._move.means.database.read() as records:
            holder = records.stages.holder(self._model)
            if holder is None:
                return None
            known = self._move.known(records, STAGE, f"{self._foreign.name}/{holder}")
        return None if known is not None and known.here == Stage.PRODUCTION.value else holder

    def _alias(self, alias: str, number: int, numbers: set[int]) -> None:
        name = f"{self._foreign.name}@{alias}"
        with self._move.means.database.read() as records:
            known = self._move.known(records, ALIAS, name)
            stage = stage_meant(records, self._model, alias) or STAGE_ALIASES.get(alias.lower())
            here = records.aliases.of_model(self._model).get(alias)
            standing = records.versions.resolve(Address(self._model, number=number))
        if known is not None and known.here == str(number):
            self._seen(name, number, here if stage is None else None, standing, stage)
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
            if stage is not None:
                self._move.record(records, STAGE, f"{self._foreign.name}/{number}", stage.value)
                self.excused.add(number)
        self._move.ledger.added(ALIAS)
        self._move.ledger.here(ALIAS)

    def _point(self, alias: str, standing: VersionSummary, stage: Stage | None) -> str:
        """Point an alias at a version; return why that cannot be, "" when it is done."""
        if stage is standing.stage:
            return ""
        if stage is not None and stage not in GUARDED:
            return f"is the name of a stage; version {standing.number} is in {standing.stage} here"
        if stage is not None and self._stays(standing, stage):
            return f"is the name of {stage}, where version {standing.number} is not"
        try:
            self._outside.point(self._move.caller, self._known_as, alias, str(standing.number))
        except UnavailableError:
            raise
        except AssayError as error:
            return str(error)
        return ""

    def _seen(
        self, name: str, number: int, here: int | None, standing: VersionSummary | None, stage: Stage | None
    ) -> None:
        """Note an alias that moved in before."""
        if stage is not None:
            self.excused.add(number)
            same = standing is not None and standing.stage is stage
        else:
            same = here == number
        if same:
            self._move.ledger.here(ALIAS)
        else:
            self._move.ledger.differs(ALIAS, name, "was moved here since it moved in", explained=True)

    def _note(self, number: int, what: str, *, excused: bool, advice: str = "") -> None:
        name = f"{self._foreign.name}/{number}"
        self._move.ledger.note(Finding(VERSION, name, what, explained=True, advice=advice))
        if excused:
            self.excused.add(number)
