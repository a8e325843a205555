"""Finding the files that a source names, in the words of tracking clients.

Known forms: ``runs:/<run>/<path>``, ``models:/m-<id>``, ``models:/<name>/<version>``,
``models:/<name>@<alias>``, ``mlflow-artifacts:/<path>``, and object stores, whose bytes nobody here has
read. Nothing on this machine's disk, and no host, is ever reached because of a source.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

from assay.core.access import Action, Caller
from assay.core.digests import Digest, FileEntry
from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.names import Address
from assay.core.outside_names import separated
from assay.core.ports import Records
from assay.core.prompts import PROMPT_FILE, PROMPT_SOURCES, PROMPT_TAG, PROMPT_TEXT_TAG, is_prompt
from assay.core.provenance import Provenance
from assay.core.signatures import Signature
from assay.core.tracking.files import REGISTRY, SCHEME, StoredFile, check_path, experiment_of, path_of
from assay.core.tracking.logged_models import LoggedModel, is_model_id
from assay.core.tracking.runs import Run
from assay.core.tracking.uris import climbs, is_unclear
from assay.usecases.means import load
from assay.usecases.outside import known_model
from assay.usecases.tracking.experiments import EXTERNAL
from assay.usecases.tracking.places import find_experiment, find_logged_model, find_run

_HINT: Final = "log the model first (log_model, log_artifact), then register what was logged"


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """What a source stands for.

    Attributes:
        files: of the version, paths relative to the source; empty where ``text`` stands for them.
        tracked: the names in the tree of tracked files -> digest, to be kept from changing.
        signature, provenance: where the source is a version, which had them already.
        external: URI of bytes that nobody has read.
        text, text_name: what is stored where the version is no file that was tracked.
    """

    files: tuple[FileEntry, ...] = ()
    tracked: Mapping[str, Digest] = field(default_factory=dict)
    run_id: str = ""
    logged_model_id: str = ""
    signature: Signature | None = None
    provenance: Provenance | None = None
    external: str = ""
    text: str = ""
    text_name: str = ""


class SourceFinder:
    """Finds files for a caller, within a view of the records."""

    def __init__(self, records: Records, caller: Caller) -> None:
        """Keep the view and who asks."""
        self._records = records
        self._caller = caller

    def find(self, source: str, run_id: str, model_id: str, tags: Mapping[str, str]) -> FoundFiles:
        """Return what ``source`` stands for.

        Raises:
            BadInputError: the source breaks a rule, or contradicts the run named.
            NotFoundError: run, logged model, version or files are not there.
        """
        if source in PROMPT_SOURCES:
            return self._prompt(source, tags)
        scheme, colon, rest = source.partition(":")
        if climbs(source):
            raise _climbing(source)
        if not colon or _is_unsafe(source):
            raise _bad(source, "must be runs:/, models:/, mlflow-artifacts:/ or an object store")
        if run_id and scheme != "runs":
            find_run(self._records, self._caller, run_id, Action.READ)
        if scheme == "models":
            return self._model(source, rest, run_id, model_id)
        if scheme in ("runs", SCHEME[:-2]):
            return self._tracked(source, scheme, rest, run_id, model_id)
        if scheme in EXTERNAL and (scheme == "dbfs" or urlsplit(source).netloc) and rest.startswith("/"):
            if model_id:
                find_logged_model(self._records, self._caller, model_id, Action.READ)
            return FoundFiles(
                external=source, run_id=run_id, logged_model_id=model_id, text=source, text_name="EXTERNAL"
            )
        known = ", ".join(f"{each}://" for each in EXTERNAL)
        raise _bad(source, f"must be runs:/, models:/, mlflow-artifacts:/ or one of {known}")

    def _prompt(self, source: str, tags: Mapping[str, str]) -> FoundFiles:
        if not is_prompt(tags) or PROMPT_TEXT_TAG not in tags:
            raise _bad(
                source,
                f"is for prompts only: versions with the tags {PROMPT_TAG} and {PROMPT_TEXT_TAG} of a model "
                f"with the tag {PROMPT_TAG}",
            )
        return FoundFiles(text=tags[PROMPT_TEXT_TAG], text_name=PROMPT_FILE)

    def _model(self, source: str, rest: str, run_id: str, model_id: str) -> FoundFiles:
        name = rest.lstrip("/")
        if is_model_id(name):
            if model_id and model_id != name:
                raise _foreign(source, "model_id")
            model = find_logged_model(self._records, self._caller, name, Action.READ)
            made_by = self._run_of(model.source_run_id) if model.source_run_id else run_id
            return self._folder(source, path_of(model.artifact_root), made_by, model.id)
        name, at, alias = separated(name).rpartition("@")
        if at:
            where = Address.of(known_model(self._records, self._caller, name).name, "@" + alias)
        else:
            name, _, version = alias.rpartition("/")
            model_name = known_model(self._records, self._caller, name).name
            where = Address.of(model_name, _version_or_alias(version))
        try:
            found = load(self._records, self._caller, where, Action.READ)
        except NotFoundError as error:
            place = f"alias={alias}" if at else f"version={version}"
            raise NotFoundError(f"Model Version (name={name[:300]}, {place[:100]}) not found") from error
        made = found.source
        if run_id and made.run_id and run_id != made.run_id:
            raise _foreign(source, "run_id")
        return FoundFiles(
            found.files,
            run_id=run_id or self._run_of(made.run_id),
            logged_model_id=next((each.id for each in self._readable([made.logged_model_id])), ""),
            signature=found.signature,
            provenance=found.provenance,
            external=found.external,
        )

    def _tracked(self, source: str, scheme: str, rest: str, run_id: str, model_id: str) -> FoundFiles:
        if scheme == "runs":
            return self._of_run(source, rest, run_id)
        inside = path_of(source)
        if inside is None:
            raise _bad(source, "must not name a host")
        check_path(inside)
        if inside.partition("/")[0] == REGISTRY:
            raise _bad(source, "is a version's own place; write models:/<name>/<version>")
        number = experiment_of(inside)
        if number is None:
            raise NotFoundError(f"there are no files at {source[:300]}", hint=_HINT)
        find_experiment(self._records, self._caller, number, Action.READ)
        if model_id:
            logged = find_logged_model(self._records, self._caller, model_id, Action.READ)
            if not _lies_in(inside, logged.artifact_root):
                raise _foreign(source, "model_id")
        elif run_id:
            if not _lies_in(inside, find_run(self._records, self._caller, run_id, Action.READ).artifact_root):
                raise _foreign(source, "run_id")
        else:
            run_id, model_id = self._owner(source, inside)
        return self._folder(source, inside, run_id, model_id)

    def _owner(self, source: str, inside: str) -> tuple[str, str]:
        """Return the run and the logged model in whose files a place lies: a version is of one thing.

        Else whoever may register could keep every file of an experiment from changing.
        """
        parts = inside.split("/")
        for named in (before for before, part in pairwise(parts) if part == "artifacts"):
            run = self._records.runs.find(self._run_of(named))
            if run is not None and _lies_in(inside, run.artifact_root):
                return run.id, ""
            for model in self._readable([named]):
                if _lies_in(inside, model.artifact_root):
                    return self._run_of(model.source_run_id), model.id
        if not self._records.files.under(inside) and self._records.files.get(inside) is None:
            raise NotFoundError(f"there are no files at {source[:300]}", hint=_HINT)
        raise _bad(source, "must lie in the files of one run or of one logged model")

    def _run_of(self, text: str) -> str:
        """Return the id when it is that of a run that the caller may read, else "": it says nothing then."""
        try:
            return find_run(self._records, self._caller, text, Action.READ).id
        except NotFoundError:
            return ""

    def _of_run(self, source: str, rest: str, run_id: str) -> FoundFiles:
        named, _, path = rest.strip("/").partition("/")
        if not rest.startswith("/"):
            raise _bad(source, "must be runs:/<run id>/<path>")
        if rest.startswith("//") or (run_id and run_id != named):
            raise _foreign(source, "run_id")
        run = find_run(self._records, self._caller, named, Action.READ)
        if path:
            check_path(path)
        root = path_of(run.artifact_root)
        if root is not None and self._records.files.under(f"{root}/{path}".rstrip("/")):
            return self._folder(source, f"{root}/{path}".rstrip("/"), run.id, "")
        return self._output(source, run, path)

    def _output(self, source: str, run: Run, path: str) -> FoundFiles:
        """Find the logged model that the run wrote under this name: its files never lie under the run.

        A run only notes the ids of its outputs, whatever they are of. A model of another team is none
        of them, even for who may read both: it would come to those who named it and may not.
        """
        logged = self._records.runs.logged([run.id])[0]
        team = find_experiment(self._records, self._caller, run.experiment_id, Action.READ).team
        named = [
            each
            for each in self._readable([each.model_id for each in logged.model_outputs], team)
            if each.name == path
        ]
        if not named:
            raise NotFoundError(f"the run {run.id} has no files at {path[:200]!r}", hint=_HINT)
        newest = max(named, key=lambda each: each.created_at_ms)
        return self._folder(source, path_of(newest.artifact_root), run.id, newest.id)

    def _readable(self, model_ids: Sequence[str], team: str = "") -> tuple[LoggedModel, ...]:
        """Return which of the ids are logged models that the caller may read, where said of one team."""
        found = []
        for model_id in filter(None, model_ids):
            try:
                model = find_logged_model(self._records, self._caller, model_id, Action.READ)
            except NotFoundError:
                continue
            experiment = self._records.experiments.get(model.experiment_id)
            if not team or (experiment is not None and experiment.team == team):
                found.append(model)
        return tuple(found)

    def _folder(self, source: str, folder: str | None, run_id: str, model_id: str) -> FoundFiles:
        stored = self._records.files.under(folder) if folder else ()
        if not stored and folder:
            lone = self._records.files.get(folder)
            stored = (lone,) if lone is not None else ()
        if not stored or folder is None:
            raise NotFoundError(f"there are no files at {source[:300]}", hint=_HINT)
        entries = tuple(FileEntry(_below(each, folder), each.digest, each.size_bytes) for each in stored)
        return FoundFiles(entries, {each.path: each.digest for each in stored}, run_id, model_id)


def _below(file: StoredFile, folder: str) -> str:
    return file.path.removeprefix(folder).lstrip("/") or file.path.rpartition("/")[2]


def _version_or_alias(text: str) -> str:
    """``latest`` and stage names are computed aliases; everything else is a version."""
    return text if text[:1].isdigit() or re.fullmatch(r"v\d+(\.\d+)*", text) else f"@{text.lower()}"


def _lies_in(inside: str, root: str) -> bool:
    place = path_of(root)
    return place is not None and f"{inside}/".startswith(f"{place}/")


def _is_unsafe(source: str) -> bool:
    return is_unclear(source) or "#" in source or "?" in source


def _foreign(source: str, field: str) -> BadInputError:
    rule = "must identify the resource that contains the source"
    message = f"Invalid model version source: '{source[:300]}'. The {field} request parameter {rule}."
    return BadInputError(message, [Reason(field, rule)])


def _climbing(source: str) -> BadInputError:
    message = (
        f"Invalid model version source: '{source[:300]}'. If supplying a source as an http, https, local "
        "file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without "
        "relative path references present. Please provide an absolute path."
    )
    return BadInputError(message, [Reason("source", "must not contain '..'")])


def _bad(source: str, rule: str) -> BadInputError:
    message = f"Invalid model version source: '{source[:300]}'. It {rule}."
    return BadInputError(message, [Reason("source", rule)])
