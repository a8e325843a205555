"""Artifacts: the tree of files of runs, logged models and traces, and the files of versions beside it.

What belongs to an experiment lies below its id (``12/<run>/artifacts/...``) and follows the rights of
its team; what versions are made of lies below ``registry/<team>/<task>/<number>`` and is never written
through the tree. A name that a version was made from does not change any more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from assay.core.access import Action, Caller
from assay.core.digests import Digest
from assay.core.errors import BadInputError, ConflictError, NotFoundError, Reason
from assay.core.instants import milliseconds
from assay.core.names import Address, ModelName
from assay.core.ports import Records
from assay.core.tracking.files import (
    REGISTRY,
    Entry,
    StoredFile,
    as_clients_read,
    check_new_path,
    check_path,
    entries_in,
    experiment_of,
    folders_of,
    path_of,
)
from assay.core.tracking.logged_models import LoggedModel
from assay.core.tracking.runs import Run
from assay.core.versions import Version
from assay.usecases.damage import ADDRESS_S, read_watched
from assay.usecases.means import Act, Means, load
from assay.usecases.storing import receive
from assay.usecases.tracking.places import find_experiment, find_logged_model, find_run

# registry/<team>/<task>/<number>
_VERSION_DEPTH: Final = 4
# <experiment>/<run>/artifacts
_OWNER_DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of a run or logged model lie.

    Attributes:
        root: as clients write it, e.g. ``mlflow-artifacts:/1/<run>/artifacts``.
        path: in the tree, "" when the files lie in a store that clients reach by themselves.
    """

    root: str
    path: str


class Artifacts:
    """Stores, lists, reads and removes files by name."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def store(self, caller: Caller, path: str, chunks: Iterable[bytes]) -> StoredFile:
        """Store a file under a name; returns when bytes and name are durable.

        Raises:
            BadInputError: the name breaks a rule, or the bytes broke off.
            ConflictError: a version was made from the file of that name and these are other bytes, or
                a folder has the name.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
            RefusedError: the quota of the team does not allow so much more.
            UnavailableError: no space, or the disk failed.
        """
        with self._means.database.read() as records:
            check_storable(records, caller, path)
        digest, size_bytes = self._means.blobs.put(chunks)
        return self.name(caller, path, digest, size_bytes)

    def name(self, caller: Caller, path: str, digest: Digest, size_bytes: int) -> StoredFile:
        """Give a name to bytes that have just been stored.

        Raises:
            BadInputError, ConflictError, DeniedError, NotFoundError, RefusedError, UnavailableError: as
                for :meth:`store`.
        """
        with self._means.database.write() as records:
            check_storable(records, caller, path)
            now = self._means.clock.now()
            receive(records, self._means.blobs, digest, size_bytes, now)
            before = records.files.get(path)
            if before is not None and before.digest == digest:
                return before
            _check_free(records, path)
            file = StoredFile(path, digest, size_bytes, milliseconds(now))
            records.files.put(file)
        return file

    def file(self, caller: Caller, path: str) -> StoredFile:
        """Find a file by name.

        Raises:
            BadInputError: the name breaks a rule, or is that of a folder.
            NotFoundError: there is no such file, or the caller may not know of it.
        """
        check_path(path)
        with self._means.database.read() as records:
            found = _of_version(records, caller, path) if _in_registry(path) else None
            if found is None and not _in_registry(path):
                _check_readable(records, caller, path)
                found = records.files.get(path) or _as_listed(records, path)
        if found is not None:
            return found
        if self.listing(caller, path):
            message = f"Artifact path refers to a directory, not a file: '{path[:300]}'"
            raise BadInputError(message, [Reason("path", "must be the name of a file")])
        raise NotFoundError(f"No such artifact: '{path[:300]}'")

    def listing(self, caller: Caller, folder: str) -> tuple[Entry, ...]:
        """Return what lies directly in a folder, by name; nothing when there is no such folder.

        Raises:
            BadInputError: the name breaks a rule.
            NotFoundError: it is of an experiment or version that the caller may not know of.
        """
        check_path(folder, empty=True)
        if not _in_registry(folder) and experiment_of(folder) is None:
            return ()  # what experiments there are is asked of the experiments
        with self._means.database.read() as records:
            if _in_registry(folder):
                return _version_entries(records, caller, folder)
            _check_readable(records, caller, folder)
            return records.files.listing(folder)

    def remove(self, caller: Caller, path: str) -> None:
        """Remove a file, or a folder with all below it; removing what is not there changes nothing.

        Raises:
            BadInputError: the name breaks a rule.
            ConflictError: a version was made from it, or from something below it.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
        """
        with self._means.database.write() as records:
            check_writable(records, caller, path)
            found = [each.path for each in records.files.under(path)]
            lone = records.files.get(path)
            found += [lone.path] if lone is not None else []
            if not found:
                return
            _check_free(records, path)
            records.files.remove(found)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("artifact.remove", f"artifact:{path}", {"files": len(found)})

    def read(self, file: StoredFile, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, stop) of a file found before, verified.

        Raises:
            UnavailableError: the stored bytes are damaged.
        """
        return read_watched(self._means, file.digest, start, stop)

    def address(self, file: StoredFile) -> str | None:
        """Return where the store gives out a file found before, for some minutes; None where it does not."""
        return self._means.blobs.address(file.digest, file.path.rpartition("/")[2], ADDRESS_S)

    def of_run(self, caller: Caller, run_id: str) -> Place:
        """Say where the files of a run lie.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return _place(find_run(records, caller, run_id, Action.READ))

    def of_logged_model(self, caller: Caller, model_id: str) -> Place:
        """Say where the files of a logged model lie.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return _place(find_logged_model(records, caller, model_id, Action.READ))


def check_storable(records: Records, caller: Caller, path: str) -> None:
    """Check that the caller may store a file of that name, and that a version can be made from it.

    Raises:
        BadInputError: the name breaks a rule, or is that of a version's file.
        DeniedError, NotFoundError: the caller may not, or there is no such experiment.
    """
    check_writable(records, caller, path)
    check_new_path(path)


def check_writable(records: Records, caller: Caller, path: str) -> None:
    """Check that the caller may change a file of that name.

    Raises:
        BadInputError: the name breaks a rule, or is that of a version's file.
        DeniedError, NotFoundError: the caller may not, or there is no such experiment.
    """
    check_path(path)
    number = experiment_of(path)
    if _in_registry(path):
        rule = "is of a version, which never changes"
        raise BadInputError(f"Invalid path: {path[:200]} {rule}", [Reason("path", rule)])
    if number is None or not folders_of(path):
        rule = "must be the id of an experiment and a name below it"
        raise BadInputError(f"Invalid path: {path[:200]} {rule}", [Reason("path", rule)])
    find_experiment(records, caller, number, Action.TRACK)


def _check_readable(records: Records, caller: Caller, path: str) -> None:
    number = experiment_of(path)
    if number is None:
        raise NotFoundError(f"No such artifact: '{path[:300]}'")
    find_experiment(records, caller, number, Action.READ)


def _check_free(records: Records, path: str) -> None:
    holder = records.kept_files.frozen(path)
    if holder:
        rule = "must not change: a version was made from it"
        message = f"{path[:300]} cannot change any more: {holder} was made from it"
        raise ConflictError(message, [Reason("path", rule)], hint="log to another path or run")


def _in_registry(path: str) -> bool:
    return path == REGISTRY or path.startswith(f"{REGISTRY}/")


def _as_listed(records: Records, path: str) -> StoredFile | None:
    """Find a file by what clients make of its name when it is listed to them."""
    folder, _, name = path.rpartition("/")
    if len(folders_of(path)) < _OWNER_DEPTH:
        return None
    for each in records.files.listing(folder):
        if not each.is_folder and as_clients_read(each.path.removeprefix(f"{folder}/")) == name:
            return records.files.get(each.path)
    return None


def _of_version(records: Records, caller: Caller, path: str) -> StoredFile | None:
    version, below = _version_at(records, caller, path)
    if version is None:
        return None
    found = version.manifest.find(below)
    if found is None:
        found = next((each for each in version.files if as_clients_read(each.path) == below), None)
    if found is None:
        return None
    return StoredFile(path, found.digest, found.size_bytes, milliseconds(version.registered_at))


def _version_entries(records: Records, caller: Caller, folder: str) -> tuple[Entry, ...]:
    version, below = _version_at(records, caller, folder)
    if version is None:
        return ()
    root = folder.removesuffix(below).rstrip("/")
    return entries_in(folder, {f"{root}/{each.path}": each.size_bytes for each in version.files})


def _version_at(records: Records, caller: Caller, path: str) -> tuple[Version | None, str]:
    """Return the version that a path of the registry lies in, and the path below it."""
    parts = path.split("/", _VERSION_DEPTH)
    if len(parts) < _VERSION_DEPTH or not parts[3].isdecimal():
        return None, ""
    try:
        model = ModelName(f"{parts[1]}/{parts[2]}")
    except BadInputError:
        return None, ""
    below = parts[_VERSION_DEPTH] if len(parts) > _VERSION_DEPTH else ""
    return load(records, caller, Address(model, number=int(parts[3][:18])), Action.READ), below


def _place(owner: Run | LoggedModel) -> Place:
    return Place(owner.artifact_root, path_of(owner.artifact_root) or "")
