"""Releasing: a version made from what was tracked. Its bytes are found, frozen and read on the spot.

A source that does not exist is refused, so that no version stands for nothing; what the files and the
run say (signature, environment, parameters, data, commit, metrics) becomes the version's provenance.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from posixpath import commonpath
from typing import Final

from assay.core.access import Action, Caller, require
from assay.core.computed_tags import without_own
from assay.core.digests import Digest, FileEntry
from assay.core.errors import BadInputError, ConflictError, Reason
from assay.core.names import ModelName
from assay.core.ports import Records
from assay.core.prompts import is_prompt
from assay.core.versions import Source, Version
from assay.formats.freezes import NAMES
from assay.formats.mlmodel import NAME, PackedModel, read_mlmodel
from assay.usecases.means import Act, Means
from assay.usecases.outside import known_model
from assay.usecases.registration import Found, Past, Registration
from assay.usecases.sources import FoundFiles, SourceFinder
from assay.usecases.storing import store
from assay.usecases.tracked_evidence import report_logged
from assay.usecases.tracked_provenance import provenance_of
from assay.wire.requests import NewVersion

# How often a version is tried to be made from files that change meanwhile.
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class NewRelease:
    """What a version is to be made from.

    Attributes:
        name: of the model, as it is known outside.
        source: where the files are: ``runs:/``, ``models:/``, ``mlflow-artifacts:/``, or an object store.
        run_id, logged_model_id: what made it, "" where not said.
    """

    name: str
    source: str
    run_id: str = ""
    logged_model_id: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class Releasing:
    """Makes versions from tracked files."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self._registration = Registration(means)

    def release(self, caller: Caller, wanted: NewRelease) -> Version:
        """Register a version; its number is the next of the model.

        Raises:
            BadInputError: the source breaks a rule, or holds no file.
            ConflictError: its files go on changing while they are read.
            DeniedError, NotFoundError: the caller may not, or model, run, version or files are not there.
        """
        for _ in range(_ATTEMPTS - 1):
            with suppress(ConflictError):
                return self._release(caller, wanted)
        return self._release(caller, wanted)

    def _release(self, caller: Caller, wanted: NewRelease) -> Version:
        with self._means.database.read() as records:
            model = known_model(records, caller, wanted.name)
            require(caller, Action.REGISTER, model.name)
            # The text of a prompt stands for files only where the model itself was made to hold prompts.
            tags = wanted.tags if is_prompt(model.tags) else {}
            found = SourceFinder(records, caller).find(
                wanted.source, wanted.run_id, wanted.logged_model_id, tags
            )
        if found.provenance is not None:
            # Clients copy a version with all the tags that they were shown; of the copy the registry
            # says its own.
            wanted = replace(wanted, tags=without_own(wanted.tags))
        return self.release_found(caller, model.name, wanted, found)

    def release_found(
        self,
        caller: Caller,
        model: ModelName,
        wanted: NewRelease,
        found: FoundFiles,
        past: Past | None = None,
    ) -> Version:
        """Register a version from files that were found already.

        Args:
            caller: who asks.
            model: whose version it becomes.
            wanted: what it is made from, and what is said of it.
            found: the files.
            past: for one that moves in from elsewhere.

        Raises:
            BadInputError: what is said breaks a rule.
            ConflictError: its number was given before, or a file changed since it was found.
            DeniedError, NotFoundError: the caller may not.
        """
        with self._means.database.read() as records:
            run = next(iter(records.runs.logged([found.run_id])), None) if found.run_id else None
        files = found.files or self._write(found)
        packed, freeze = self._read(files)
        asked = NewVersion(
            files=files,
            signature=found.signature or packed.signature,
            provenance=found.provenance or provenance_of(run, packed, freeze),
            entrypoint=packed.entrypoint if any(each.path == packed.entrypoint for each in files) else "",
            description=wanted.description,
            tags=wanted.tags,
            source=Source(wanted.source, found.run_id, found.logged_model_id),
            external=found.external,
            repeat=True,
        )

        def kept(act: Act, version: Version) -> None:
            _check_unchanged(act.records, found)
            self._keep(act, caller, version, found)

        version, _ = self._registration.register(caller, model, asked, Found(kept, past))
        return version

    def _read(self, files: tuple[FileEntry, ...]) -> tuple[PackedModel, Mapping[str, bytes]]:
        """Read what lies beside the model and describes it; what cannot be read says nothing."""
        by_path = {each.path: each for each in files}
        packed = PackedModel()
        if NAME in by_path:
            try:
                packed = read_mlmodel(self._bytes(by_path[NAME]))
            except BadInputError:
                packed = PackedModel()
        freeze: dict[str, bytes] = {name: self._bytes(by_path[name]) for name in NAMES if name in by_path}
        return packed, freeze

    def _bytes(self, entry: FileEntry, limit: int = 4 * 1024 * 1024) -> bytes:
        return b"".join(self._means.blobs.read(entry.digest)) if entry.size_bytes <= limit else b""

    def _write(self, found: FoundFiles) -> tuple[FileEntry, ...]:
        """Store the text that stands for the version: a prompt, or the name of bytes elsewhere."""
        digest, size = store(self._means, [found.text.encode()])
        return (FileEntry(found.text_name, Digest(digest), size),)

    def keep(self, caller: Caller, version: Version, found: FoundFiles) -> None:
        """Keep the tracked names from changing, and file what the run reported as evidence.

        Doing it again changes nothing.
        """
        with self._means.database.write() as records:
            self._keep(Act(records, caller.name, self._means.clock.now()), caller, version, found)

    def _keep(self, act: Act, caller: Caller, version: Version, found: FoundFiles) -> None:
        act.records.kept_files.freeze(found.tracked, version.address)
        report_logged(act, self._means.chance, caller, version, registered=True)


def _check_unchanged(records: Records, found: FoundFiles) -> None:
    """Let nothing be registered and kept that the tracked names do not name any more.

    Raises:
        ConflictError: a file was replaced or taken away since it was found.
    """
    if not found.tracked:
        return
    lone = [records.files.get(path) for path in found.tracked] if len(found.tracked) == 1 else ()
    here = (each for each in lone or records.files.under(commonpath(found.tracked)) if each is not None)
    digests = {each.path: each.digest for each in here}
    changed = [path for path, digest in found.tracked.items() if digests.get(path) != digest]
    if changed:
        rule = "must not change while a version is made from it"
        raise ConflictError(
            f"{len(changed)} files changed while they were read: register again",
            [Reason(f"files[{path[:300]}]", rule) for path in changed[:100]],
        )
