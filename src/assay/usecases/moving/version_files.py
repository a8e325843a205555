"""The bytes of versions that move in: found among what was moved already, or read where they lie.

The same finder decides as at every door. What another registry calls a source is first put into this
one's words; what cannot be found is not registered: no version stands for nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from assay.core.digests import FileEntry
from assay.core.errors import BadInputError, NotFoundError
from assay.core.moving import ForeignPlace, ForeignVersion, mark_of
from assay.core.names import ModelName
from assay.core.outside_names import known_as
from assay.core.ports import Records
from assay.core.prompts import is_prompt
from assay.core.tracking.files import SCHEME
from assay.usecases.moving.files import PLACE, FilesIn
from assay.usecases.moving.ledger import Move
from assay.usecases.sources import FoundFiles, SourceFinder
from assay.usecases.tracking.experiments import EXTERNAL

_DEEPEST: Final = 64


class VersionFiles:
    """Finds the files of versions."""

    def __init__(self, move: Move, files: FilesIn) -> None:
        """Keep the import and its files."""
        self._move = move
        self._files = files

    def find(self, version: ForeignVersion, models: dict[str, ModelName]) -> FoundFiles:
        """Return what a version was made from.

        Args:
            version: as it is there.
            models: what each registered model there is called here.

        Raises:
            NotFoundError: nothing can be found under what the source says; the message says what was tried.
            BadInputError: what it says breaks a rule.
        """
        tried: list[str] = []
        with self._move.means.database.read() as records:
            run_id = version.run_id if records.runs.find(version.run_id) else ""
            finder = SourceFinder(records, self._move.caller)
            tags = _prompt_tags(records, version, models)
            for text in self._texts(records, version, models):
                try:
                    found = finder.find(text, "", version.model_id, tags)
                except (NotFoundError, BadInputError) as error:
                    tried.append(error.message)
                    continue
                if not found.external:
                    return _with_run(found, run_id, version)
        for root in _places(version):
            found_here = self._read(root, tried)
            if found_here is not None:
                return _with_run(found_here, run_id, version)
        for text in _places(version):
            if text.partition(":")[0] in EXTERNAL:
                with self._move.means.database.read() as records:
                    found = SourceFinder(records, self._move.caller).find(text, "", "", {})
                return _with_run(found, run_id, version)
        raise NotFoundError("; ".join(dict.fromkeys(tried)) or "the source says of no place")

    def _texts(
        self, records: Records, version: ForeignVersion, models: dict[str, ModelName]
    ) -> Iterator[str]:
        """Yield what the source says of the place of the files, in this registry's words."""
        for said in _places(version):
            yield self._version_elsewhere(records, said, models) or self._place_here(records, said) or said

    def _version_elsewhere(self, records: Records, said: str, models: dict[str, ModelName]) -> str:
        """Return ``models:/<name>/<number>`` with the name that the model has here."""
        name, _, number = said.removeprefix("models:/").rpartition("/")
        if not said.startswith("models:/") or name not in models or not number.isdigit():
            return ""
        model = records.models.get(models[name])
        return f"models:/{known_as(models[name]) if model is None else model.known_as}/{number}"

    def _place_here(self, records: Records, said: str) -> str:
        """Return where files lie here that came from the place named, or from a folder above it."""
        above, below = said.rstrip("/"), ""
        for _ in range(_DEEPEST):
            known = self._move.known(records, PLACE, mark_of(above))
            if known is not None:
                return f"{SCHEME}{known.here}{below}"
            above, slash, name = above.rpartition("/")
            if not slash or not above:
                return ""
            below = f"/{name}{below}"
        return ""

    def _read(self, root: str, tried: list[str]) -> FoundFiles | None:
        """Read and digest files that belong to no run or logged model that was moved."""
        place = ForeignPlace(root)
        problem = self._move.source.files.reach(place)
        if problem:
            tried.append(problem)
            return None
        try:
            files = self._files.digested(place)
        except (NotFoundError, BadInputError) as error:
            tried.append(error.message)
            return None
        if not files:
            tried.append(f"there are no files at {root[:300]}")
            return None
        return FoundFiles(tuple(FileEntry(path, digest, size) for path, (digest, size) in files.items()))


def _prompt_tags(
    records: Records, version: ForeignVersion, models: dict[str, ModelName]
) -> Mapping[str, str]:
    """Return the tags that hold a prompt's text, as at every door only where the model is for prompts."""
    model = records.models.get(models[version.name])
    return version.tags if model is not None and is_prompt(model.tags) else {}


def _places(version: ForeignVersion) -> list[str]:
    return [each for each in dict.fromkeys((version.source, version.place)) if each]


def _with_run(found: FoundFiles, run_id: str, version: ForeignVersion) -> FoundFiles:
    """Return the files with the run that the source names; a copy that names none keeps none.

    A copy has its provenance already; any other version gets it from the run that is known to have made
    its files.
    """
    made_by = run_id if found.provenance is not None else run_id or found.run_id
    return replace(found, run_id=made_by, logged_model_id=found.logged_model_id or version.model_id)
