"""Registered models and versions move in: with their numbers and times, as real versions of this registry."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from assay.core.computed_tags import OWN, without_own
from assay.core.digests import digest_of
from assay.core.errors import AssayError, BadInputError, UnavailableError
from assay.core.moving import DELETED, Finding, ForeignModel, ForeignVersion, mark_of
from assay.core.names import ModelName, check_tag
from assay.core.outside_names import model_for, name_in
from assay.core.ports import Records
from assay.core.prompts import PROMPT_FILE, PROMPT_SOURCES, PROMPT_TEXT_TAG, is_prompt, of_kind
from assay.core.versions import Model, Version
from assay.usecases.moving.comparing import compare
from assay.usecases.moving.files import FilesIn
from assay.usecases.moving.ledger import Move, sifted
from assay.usecases.moving.stages import STAGE, StagesIn
from assay.usecases.moving.version_files import VersionFiles
from assay.usecases.naming import is_kept
from assay.usecases.registration import Past, check_annotations
from assay.usecases.releasing import NewRelease, Releasing
from assay.usecases.sources import FoundFiles
from assay.usecases.stage_change import remove_version

MODEL: Final = "model"
VERSION: Final = "version"
TIMES: Final = "times"
# Recorded of models that were here before, empty.
JOINED: Final = "joined_model"
# The one file of what takes a number that was deleted elsewhere.
GONE: Final = "DELETED"
RUN_LINK_TAG: Final = "mlflow.runLink"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = 253_402_300_799_000
_MAX_NAME: Final = 96


@dataclass(frozen=True, slots=True)
class _Moving:
    """A model under way: as it is there, and what it is called here."""

    foreign: ForeignModel
    name: ModelName
    known_as: str


class RegistryIn:
    """Moves all models and versions of a source."""

    def __init__(self, move: Move, files: FilesIn) -> None:
        """Keep the import and its files."""
        self._move = move
        self._files = VersionFiles(move, files)
        self._releasing = Releasing(move.means)
        self._names: dict[str, ModelName] = {}
        self._fresh: set[tuple[str, int]] = set()
        self._deleted: dict[str, int] = defaultdict(int)

    def move(self) -> None:
        """Move models, then versions in the order in which they were made, then stages and aliases.

        Raises:
            UnavailableError: the source, the database or the disk does not answer any more.
        """
        models = []
        for foreign in self._move.source.registry.models():
            self._move.ledger.found(MODEL, foreign.name)
            try:
                moving = self._model(foreign)
            except BadInputError as error:
                self._move.ledger.differs(MODEL, foreign.name[:300], error.message, explained=False)
                continue
            if moving is not None:
                models.append(moving)
                self._names[foreign.name] = moving.name
        here: dict[str, list[ForeignVersion]] = defaultdict(list)
        every = sorted(
            self._move.source.registry.versions(),
            key=lambda each: (each.created_at_ms, each.name, each.number),
        )
        for version in every:
            if self._version(version):
                here[version.name].append(version)
        for moving in models:
            self._finish(moving, sorted(here[moving.foreign.name], key=lambda each: each.number))

    def _model(self, foreign: ForeignModel) -> _Moving | None:
        outside_name = name_in(self._move.team, foreign.name)
        tags = self._tags(MODEL, foreign.name, foreign.tags)
        mark = mark_of(foreign)
        with self._move.means.database.write() as records:
            known = self._move.known(records, MODEL, foreign.name)
            if known is None:
                ours = self._same(records, outside_name, foreign)
            else:
                ours = records.models.get(ModelName(known.here))
                if ours is None:
                    what = "was deleted here since it moved in"
                    self._move.ledger.differs(MODEL, foreign.name, what, explained=True)
                    return None
            if ours is None and (records.models.known(outside_name) or is_kept(records, outside_name)):
                what = "a model of that name is here already, and is another one"
                advice = "import into another team: --team TEAM"
                self._move.ledger.differs(MODEL, foreign.name, what, explained=False, advice=advice)
                return None
            fresh = known is None or known.mark != mark
            if ours is None:
                ours = self._add(records, foreign, outside_name, tags)
            elif fresh:
                check_annotations(foreign.description, tags, ours.labels)
                tagged = of_kind(ours.tags, {**ours.tags, **tags})
                records.models.annotate(replace(ours, description=foreign.description, tags=tagged))
                self._move.ledger.changed(MODEL)
            if fresh:
                self._move.record(records, MODEL, foreign.name, ours.name)
        return _Moving(foreign, ours.name, ours.known_as)

    def _same(self, records: Records, outside_name: str, foreign: ForeignModel) -> Model | None:
        """Return the model of that name when it is the same one, or one that nothing was registered in."""
        ours = records.models.known(outside_name)
        if ours is None:
            return None
        if ours.created_at == instant(foreign.created_at_ms):
            return ours
        if records.versions.highest(ours.name)[0] or is_prompt(ours.tags) != is_prompt(foreign.tags):
            return None
        what = "was here already, without versions: it keeps the time at which it was made here"
        self._move.ledger.note(Finding(MODEL, foreign.name, what, explained=True))
        self._move.record(records, JOINED, foreign.name, ours.name)
        return ours

    def _add(
        self, records: Records, foreign: ForeignModel, outside_name: str, tags: Mapping[str, str]
    ) -> Model:
        wanted, place = model_for(outside_name), 2
        name = wanted
        while records.models.taken(name):
            name = ModelName(f"{wanted.team}/{wanted.task[:90]}-{place}")
            place += 1
        check_annotations(foreign.description, tags, ())
        act = self._move.act(records)
        made = Model(
            name=name,
            created_at=instant(foreign.created_at_ms),
            created_by=act.actor,
            description=foreign.description,
            tags=tags,
            known_as=outside_name,
        )
        records.models.add(made)
        act.note("import.model", name, after={"from": self._move.source.name, "model": made})
        self._move.ledger.added(MODEL)
        return made

    def _version(self, foreign: ForeignVersion) -> bool:
        """Bring a version in, or up to date; tell whether it is here."""
        if foreign.stage == DELETED:
            self._deleted[foreign.name] = max(self._deleted[foreign.name], foreign.number)
            return False
        self._move.ledger.found(VERSION, f"{foreign.name}/{foreign.number}")
        name = self._names.get(foreign.name)
        if name is None:
            what = "its model is not here"
            self._move.ledger.differs(VERSION, f"{foreign.name}/{foreign.number}", what, explained=True)
            return False
        mark = _version_mark(foreign)
        with self._move.means.database.read() as records:
            known = self._move.known(records, VERSION, f"{foreign.name}/{foreign.number}")
            ours = records.versions.get(name, foreign.number)
        if known is not None and ours is None:
            what = "was deleted here since it moved in"
            self._move.ledger.differs(VERSION, f"{foreign.name}/{foreign.number}", what, explained=True)
            return False
        if known is not None and known.mark == mark:
            return True
        tags = self._tags(VERSION, f"{foreign.name}/{foreign.number}", foreign.tags)
        if foreign.run_link:
            tags[RUN_LINK_TAG] = foreign.run_link
        if known is None or ours is None:
            ours = self._release(name, foreign, tags, ours)
        if ours is None:
            return False
        self._fresh.add((foreign.name, foreign.number))
        with self._move.means.database.write() as records:
            if known is not None:
                tagged = {**ours.tags, **tags}
                records.versions.annotate(replace(ours, description=foreign.description, tags=tagged))
                self._move.ledger.changed(VERSION)
            else:
                about = {"from": self._move.source.name, "number": foreign.number, "source": foreign.source}
                self._move.act(records).note("import.version", ours.address, after=about)
                self._move.ledger.added(VERSION)
            self._move.record(records, VERSION, f"{foreign.name}/{foreign.number}", ours.address)
        return True

    def _release(
        self, name: ModelName, foreign: ForeignVersion, tags: Mapping[str, str], half: Version | None
    ) -> Version | None:
        """Make the version; ``half`` is one that an import before was killed over."""
        address = f"{foreign.name}/{foreign.number}"
        if half is not None and half.registered_at != instant(foreign.created_at_ms):
            what = f"version {foreign.number} was given here to another one"
            self._move.ledger.differs(VERSION, address, what, explained=False)
            return None
        try:
            found = self._files.find(foreign, self._names)
            if half is not None:
                self._releasing.keep(self._move.caller, half, found)
                return half
            wanted = NewRelease(
                foreign.name, foreign.source, found.run_id, found.logged_model_id, foreign.description, tags
            )
            past = Past(foreign.number, instant(foreign.created_at_ms), self._author(foreign, found))
            return self._releasing.release_found(self._move.caller, name, wanted, found, past)
        except UnavailableError:
            raise
        except AssayError as error:
            advice = "bring the files to where the source says that they are, and import again"
            what = f"is not moved: {error.message}"
            self._move.ledger.differs(VERSION, address, what, explained=True, advice=advice)
            return None

    def _author(self, foreign: ForeignVersion, found: FoundFiles) -> str:
        user = foreign.user
        if not user and found.run_id:
            with self._move.means.database.read() as records:
                run = records.runs.find(found.run_id)
            user = run.user if run else ""
        return (user or self._move.caller.name)[:_MAX_NAME]

    def _finish(self, moving: _Moving, versions: list[ForeignVersion]) -> None:
        """Move stages and aliases of a model, put its times right, and compare."""
        self._take(moving)
        stages = StagesIn(self._move, moving.name, moving.known_as, moving.foreign)
        stages.move(versions)
        # Confirmed last: an import that was killed over this model puts its times right in the next one.
        name, own_mark = moving.foreign.name, mark_of(moving.foreign)
        mark = mark_of((moving.foreign, versions))
        with self._move.means.database.read() as records:
            known, own = self._move.known(records, TIMES, name), self._move.known(records, MODEL, name)
        timed = known is None or known.mark != mark or stages.moved
        fresh = timed or own is None or own.mark != own_mark
        if timed:
            with self._move.means.database.write() as records:
                for each in versions:
                    records.models.touch(moving.name, instant(each.updated_at_ms), each.number)
                records.models.touch(moving.name, instant(moving.foreign.updated_at_ms))
                self._move.record(records, TIMES, name, moving.name)
        if self._verify_model(moving, fresh=fresh) and fresh:
            self._move.confirm(MODEL, {name: own_mark})
            self._move.confirm(TIMES, {name: mark})
        self._move.confirm(
            VERSION,
            {
                f"{each.name}/{each.number}": _version_mark(each)
                for each in versions
                if self._verify_version(moving, each, stages.excused)
                and (each.name, each.number) in self._fresh
            },
        )

    def _take(self, moving: _Moving) -> None:
        """Let a number that was given there and deleted be given here no more."""
        number, foreign = self._deleted[moving.foreign.name], moving.foreign
        with self._move.means.database.read() as records:
            highest, _ = records.versions.highest(moving.name)
            half = records.versions.get(moving.name, number)
        text = f"{foreign.name}/{number} was deleted before it moved in\n"
        if half is not None and [each.digest for each in half.files] != [digest_of(text.encode())]:
            return
        if half is None and number <= highest:
            return
        gone = FoundFiles(text=text, text_name=GONE)
        wanted = NewRelease(foreign.name, "")
        if is_prompt(foreign.tags):  # which has no other files than its text
            gone = FoundFiles(text=text, text_name=PROMPT_FILE)
            wanted = replace(wanted, source=PROMPT_SOURCES[-1], tags={PROMPT_TEXT_TAG: text})
        past = Past(number, instant(foreign.updated_at_ms), self._move.caller.name)
        caller = self._move.caller
        made = half or self._releasing.release_found(caller, moving.name, wanted, gone, past)
        with self._move.means.database.write() as records:
            remove_version(self._move.act(records), made)
        what = "was the last number given and is deleted: it is taken here too"
        self._move.ledger.note(Finding(VERSION, f"{foreign.name}/{number}", what, explained=True))

    def _verify_model(self, moving: _Moving, *, fresh: bool) -> bool:
        foreign = moving.foreign
        with self._move.means.database.read() as records:
            ours = records.models.get(moving.name)
            joined = self._move.known(records, JOINED, foreign.name) is not None
        if ours is None:
            self._move.ledger.differs(MODEL, foreign.name, "was deleted here since", explained=not fresh)
            return False
        said: dict[str, tuple[object, object]] = {
            "description": (foreign.description, ours.description),
            "created": (ours.created_at if joined else instant(foreign.created_at_ms), ours.created_at),
            "updated": (instant(foreign.updated_at_ms), ours.changed_at),
            **_tag_pairs(foreign.tags, ours.tags),
        }
        return compare(self._move, MODEL, foreign.name, said, fresh=fresh)

    def _verify_version(self, moving: _Moving, foreign: ForeignVersion, excused: set[int]) -> bool:
        address = f"{foreign.name}/{foreign.number}"
        with self._move.means.database.read() as records:
            ours = records.versions.get(moving.name, foreign.number)
            stage = self._move.known(records, STAGE, address)
        if ours is None:
            self._move.ledger.differs(VERSION, address, "is not here", explained=False)
            return False
        if ours.external:
            what = "its bytes are in an object store and unverified: it cannot leave Development"
            self._move.ledger.note(Finding(VERSION, address, what, explained=True))
        said: dict[str, tuple[object, object]] = {
            "description": (foreign.description, ours.description),
            "source": (foreign.source, ours.source.uri),
            "created": (instant(foreign.created_at_ms), ours.registered_at),
            **_tag_pairs(foreign.tags, ours.tags),
        }
        if foreign.number in excused:
            different = [key for key, (there, here) in said.items() if there != here]
            if not different:
                self._move.ledger.excuse(VERSION)
                return True
        else:
            said["stage"] = (stage.here if stage else "", ours.stage.value)
        fresh = (foreign.name, foreign.number) in self._fresh
        return compare(self._move, VERSION, address, said, fresh=fresh)

    def _tags(self, kind: str, name: str, said: Mapping[str, str]) -> dict[str, str]:
        # What the registry computes of versions and shows as tags; one of our own kind as a source has them.
        return sifted(self._move.ledger, kind, name, without_own(said), check_tag)


def _version_mark(foreign: ForeignVersion) -> str:
    """Return what tells whether a version has changed there; stages move by themselves."""
    return mark_of(replace(foreign, stage=""))


def instant(at_ms: int) -> datetime:
    """Return milliseconds since 1970 as an instant; what lies outside of the calendar is its edge."""
    return _EPOCH + timedelta(milliseconds=min(max(at_ms, 0), _LATEST_MS))


def _tag_pairs(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, tuple[object, object]]:
    said: dict[str, tuple[object, object]] = {}
    for key, value in theirs.items():
        try:
            check_tag(key, value)
        except BadInputError:
            continue
        if not key.startswith(OWN):
            said[f"tag {key}"] = (value, ours.get(key))
    return said
