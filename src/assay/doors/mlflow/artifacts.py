"""Artifacts, as MLflow's protocol has them: the proxied tree of files, and the older routes by run."""

import mimetypes
from collections.abc import Iterable, Iterator
from typing import Any, Final

from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.tracking.files import Entry, StoredFile, check_path, version_path
from assay.doors.mlflow.errors import ForeignError
from assay.doors.mlflow.model_names import asked_name
from assay.doors.mlflow.route import Call, Download, Plain, Route
from assay.usecases.tracking.artifacts import Place


def put(call: Call, chunks: Iterable[bytes]) -> Plain:
    """Store a file; the answer has no body."""
    call.use.artifacts.store(call.caller, call.path["path"], chunks)
    return Plain()


def get(call: Call) -> Download:
    """Send a file."""
    return download(call, call.use.artifacts.file(call.caller, call.path["path"]))


def listing(call: Call) -> dict[str, Any]:
    """List a folder of the tree; paths are relative to it."""
    folder = call.fields.text("path").rstrip("/") or call.fields.text("path")
    return shown(call.use.artifacts.listing(call.caller, folder), folder)


def delete(call: Call) -> dict[str, Any]:
    """Remove a file or a folder."""
    call.use.artifacts.remove(call.caller, call.path["path"])
    return {}


def list_of_run(call: Call) -> dict[str, Any]:
    """List a folder of a run; paths are relative to the run's files."""
    fields = call.fields
    run_id = fields.text("run_id") or fields.text("run_uuid") or fields.needed("run_id")
    return _list_at(call, call.use.artifacts.of_run(call.caller, run_id), fields.text("path"))


def get_of_run(call: Call) -> Download:
    """Send a file of a run."""
    run_id = call.fields.text("run_id") or call.fields.needed("run_uuid")
    return _get_at(call, call.use.artifacts.of_run(call.caller, run_id), call.fields.needed("path"))


def put_of_run(call: Call, chunks: Iterable[bytes]) -> Plain:
    """Store a file of a run; the answer has no body.

    Raises:
        BadInputError: run, path or bytes are missing, or the path breaks a rule.
    """
    run_id = call.fields.text("run_id") or call.fields.text("run_uuid")
    path = call.fields.text("path")
    for name, value in (("run_uuid", run_id), ("path", path)):
        if not value:
            raise BadInputError(f"Request must specify {name}.", [Reason(name, "must be given")])
    place = call.use.artifacts.of_run(call.caller, run_id)
    call.use.artifacts.store(call.caller, _below(place, path), _some(chunks))
    return Plain()


def list_of_logged_model(call: Call) -> dict[str, Any]:
    """List a folder of a logged model; paths are relative to the model's files."""
    place = call.use.artifacts.of_logged_model(call.caller, call.path["model_id"])
    return _list_at(call, place, call.fields.text("artifact_directory_path"))


def get_of_logged_model(call: Call) -> Download:
    """Send a file of a logged model."""
    place = call.use.artifacts.of_logged_model(call.caller, call.path["model_id"])
    return _get_at(call, place, call.fields.needed("artifact_file_path"))


def get_of_version(call: Call) -> Download:
    """Send a file of a version."""
    name = asked_name(call)
    found = call.use.outside.version(call.caller, name, call.fields.needed("version"))
    root = version_path(found.model, found.number)
    path = check_path(call.fields.needed("path"))
    return download(call, call.use.artifacts.file(call.caller, f"{root}/{path}"))


def no_direct_store(_call: Call) -> dict[str, Any]:
    """Say that files are not reached past this server; clients then come here.

    Raises:
        ForeignError: always.
    """
    message = (
        "Presigned upload and download by run are for object stores that clients reach by themselves; "
        "the files of this registry are at mlflow-artifacts:/ (/api/2.0/mlflow-artifacts/presigned/...)"
    )
    raise ForeignError(400, "INVALID_PARAMETER_VALUE", message)


def download(call: Call, file: StoredFile) -> Download:
    """Return what sends a file; its type is told by its name alone."""
    name = file.path.rpartition("/")[2]

    def read(start: int, stop: int) -> Iterator[bytes]:
        return call.use.artifacts.read(file, start, stop)

    return Download(
        name=name,
        tag=file.digest,
        size_bytes=file.size_bytes,
        media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        modified_ms=file.written_at_ms,
        read=read,
        address=lambda: call.use.artifacts.address(file),
    )


def shown(entries: Iterable[Entry], folder: str) -> dict[str, Any]:
    """Return entries as the protocol shows them, their paths relative to ``folder``.

    Folders and empty files have no size there: protobuf's JSON leaves a nought out.
    """
    files = []
    for each in entries:
        path = each.path.removeprefix(folder).lstrip("/")
        size = {"file_size": each.size_bytes} if each.size_bytes else {}
        files.append({"path": path, "is_dir": each.is_folder, **size})
    return {"files": files} if files else {}


def _list_at(call: Call, place: Place, path: str) -> dict[str, Any]:
    folder = _below(place, path)
    listed = shown(call.use.artifacts.listing(call.caller, folder), place.path)
    return {"root_uri": place.root, **listed}


def _get_at(call: Call, place: Place, path: str) -> Download:
    return download(call, call.use.artifacts.file(call.caller, _below(place, path)))


def _below(place: Place, path: str) -> str:
    """Return a path in the tree.

    Raises:
        NotFoundError: the files lie in a store that this server does not read.
        BadInputError: the path breaks a rule.
    """
    if not place.path:
        raise NotFoundError(f"the files at {place.root[:300]} are not kept here")
    inside = check_path(path.rstrip("/"), empty=True)
    return f"{place.path}/{inside}".rstrip("/")


def _some(chunks: Iterable[bytes]) -> Iterator[bytes]:
    came = False
    for chunk in chunks:
        came = True
        yield chunk
    if not came:
        raise BadInputError("Request must specify data.", [Reason("body", "must not be empty")])


_TREE: Final = "2.0/mlflow-artifacts/artifacts"
_LOGGED: Final = "2.0/mlflow/logged-models/{model_id}/artifacts"
ROUTES: Final = (
    Route("PUT", _TREE + "/{path:path}", put, stores=True),
    Route("GET", _TREE + "/{path:path}", get),
    Route("GET", _TREE, listing),
    Route("DELETE", _TREE + "/{path:path}", delete),
    Route("GET", "2.0/mlflow/artifacts/list", list_of_run),
    Route("POST", "2.0/mlflow/artifacts/presigned-download-url", no_direct_store),
    Route("POST", "2.0/mlflow/artifacts/presigned-upload-url", no_direct_store),
    Route("GET", "/get-artifact", get_of_run),
    Route("GET", "/model-versions/get-artifact", get_of_version),
    Route("POST", "2.0/mlflow/upload-artifact", put_of_run, stores=True),
    Route("GET", _LOGGED + "/directories", list_of_logged_model),
    Route("GET", _LOGGED + "/files", get_of_logged_model),
)
