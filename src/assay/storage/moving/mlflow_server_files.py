"""The files of a MLflow server, read through the server: it reaches its stores with its own credentials."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from assay.core.errors import BadInputError, NotFoundError
from assay.core.moving import ForeignFile, ForeignPlace
from assay.core.tracking.files import check_path, path_of
from assay.storage.moving.mlflow_calls import MlflowCalls, quoted

PROXY: Final = "api/2.0/mlflow-artifacts/artifacts"
MAX_DEPTH: Final = 64
_Listing = Callable[[str], Iterator[dict[str, Any]]]


class ServerFiles:
    """Implements ``core.ports.moving.ForeignFiles`` over a server."""

    def __init__(self, calls: MlflowCalls) -> None:
        """Keep the way to the server."""
        self._calls = calls

    def reach(self, place: ForeignPlace) -> str:
        """Return "" when the server can be asked for files of that place, else why not."""
        if path_of(place.root) is not None or place.run_id or place.model_id:
            return ""
        return f"{place.root.partition('?')[0][:300] or 'a place without a name'} is not the server's to give"

    def files(self, place: ForeignPlace) -> Iterator[ForeignFile]:
        """Yield every file below a place, folder by folder; nothing when there is none.

        Raises:
            NotFoundError: the server cannot read its store.
        """
        inside = path_of(place.root)
        listing: _Listing
        if inside is not None:

            def listing(folder: str) -> Iterator[dict[str, Any]]:
                return self._proxied(f"{inside}/{folder}".rstrip("/"), folder)

        elif place.run_id:

            def listing(folder: str) -> Iterator[dict[str, Any]]:
                asked = {"run_id": place.run_id, "path": folder or None}
                return self._listed("api/2.0/mlflow/artifacts/list", asked)

        else:

            def listing(folder: str) -> Iterator[dict[str, Any]]:
                path = f"api/2.0/mlflow/logged-models/{quoted(place.model_id)}/artifacts/directories"
                return self._listed(path, {"artifact_directory_path": folder or None})

        yield from self._below(listing, "", 0)

    def read(self, place: ForeignPlace, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file.

        A server may be unable to send a file on one of its two roads (names outside of ASCII, stores that
        it reaches only as one of them): then it is asked on the other.

        Raises:
            NotFoundError: there is no such file, or the server cannot read or send it.
        """
        try:
            check_path(path, moved=True)
        except BadInputError as error:
            raise NotFoundError(f"there is no file {path[:300]!r}: {error.message}") from error
        roads, done = self._roads(place, path), 0
        for last, (road, query) in zip((*[False] * (len(roads) - 1), True), roads, strict=True):
            try:
                for chunk in self._calls.stream(road, **query):
                    done += len(chunk)
                    yield chunk
            except NotFoundError:
                if last or done:
                    raise
            else:
                return

    def _roads(self, place: ForeignPlace, path: str) -> list[tuple[str, dict[str, str]]]:
        """Return where a file can be asked for, the best road first."""
        roads: list[tuple[str, dict[str, str]]] = []
        inside = path_of(place.root)
        if inside is not None:
            roads.append((f"{PROXY}/{quoted(f'{inside}/{path}'.lstrip('/'))}", {}))
        if place.run_id:
            roads.append(("get-artifact", {"run_id": place.run_id, "path": path}))
        if place.model_id:
            files = f"ajax-api/2.0/mlflow/logged-models/{quoted(place.model_id)}/artifacts/files"
            roads.append((files, {"artifact_file_path": path}))
        return roads

    def _below(self, listing: _Listing, folder: str, depth: int) -> Iterator[ForeignFile]:
        for each in sorted(listing(folder), key=lambda said: str(said.get("path"))):
            path = str(each.get("path", ""))
            before, _, name = path.rpartition("/")
            if before != folder or not name or name in (".", ".."):
                yield ForeignFile(path, problem=f"is listed in {folder[:200]!r}, where it does not belong")
            elif not each.get("is_dir"):
                size = each.get("file_size")
                yield ForeignFile(path, None if size is None else int(size))
            elif depth == MAX_DEPTH:
                yield ForeignFile(path, problem=f"lies deeper than {MAX_DEPTH} folders")
            else:
                yield from self._below(listing, path, depth + 1)

    def _proxied(self, path: str, folder: str) -> Iterator[dict[str, Any]]:
        """Yield what lies in a folder; the server names it from that folder on."""
        for each in self._calls.folder(PROXY, path=path).get("files") or ():
            name = str(each.get("path", ""))
            yield {**each, "path": f"{folder}/{name}" if folder else name}

    def _listed(self, path: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for page in self._calls.pages("LIST", path, "files", **asked):
            yield from page
