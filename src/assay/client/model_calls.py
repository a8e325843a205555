"""What the client can ask about models and versions."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path

from assay.client.downloading import Wanted, download, place_inside
from assay.client.routes import (
    file_route,
    model_params,
    model_route,
    part,
    version_params,
    version_route,
)
from assay.client.transport import Transport
from assay.client.uploading import Progress, no_progress
from assay.core.comparison import VersionDiff
from assay.core.digests import FileEntry
from assay.core.errors import NotFoundError
from assay.core.names import Address
from assay.core.promotions import StageMove
from assay.core.search import ModelQuery, ModelSummary, Page, VersionQuery, VersionSummary
from assay.core.versions import Model, Version
from assay.wire.requests import AliasTarget, Annotation, NewModel, NewVersion


class ModelCalls:
    """Models, versions, aliases, files. Every method raises any leaf of ``AssayError``."""

    _transport: Transport

    def create_model(self, wanted: NewModel) -> Model:
        """Create an empty model.

        Raises:
            AssayError: ConflictError when the name is taken, or another leaf.
        """
        return self._transport.post("/models", Model, wanted)

    def models(self, query: ModelQuery | None = None) -> Page[ModelSummary]:
        """List one page of models by name; ``next_cursor`` of the answer asks for the next.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/models", Page[ModelSummary], model_params(query or ModelQuery()))

    def all_models(self, query: ModelQuery | None = None) -> Iterator[ModelSummary]:
        """Yield all models, asking for pages as they are needed.

        Raises:
            AssayError: any leaf.
        """
        query = query or ModelQuery()
        while True:
            page = self.models(query)
            yield from page.items
            if not page.next_cursor:
                return
            query = replace(query, cursor=page.next_cursor)

    def model(self, name: str) -> Model:
        """Show one model.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(model_route(name), Model)

    def model_tag(self, name: str) -> str:
        """Return the ETag that a model has now: before it is read, so that what follows builds on that.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.tag(model_route(name))

    def annotate_model(self, name: str, change: Annotation, *, if_match: str = "") -> Model:
        """Describe, tag, label a model; what ``change`` does not name stays.

        Args:
            name: of the model.
            change: what to change.
            if_match: the ETag that it must still have (:meth:`model_tag`); "" for any.

        Raises:
            AssayError: ConflictError when it has another ETag now; or another leaf.
        """
        return self._transport.change("PATCH", model_route(name), Model, change, if_match)

    def history(self, name: str) -> tuple[StageMove, ...]:
        """Tell every change of stage of a model, oldest first.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(f"{model_route(name)}/history", tuple[StageMove, ...])

    def alias_tag(self, name: str, alias: str) -> str:
        """Return the ETag that an alias has as long as it points where it does now.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.tag(f"{model_route(name)}/aliases/{part(alias)}")

    def set_alias(self, name: str, alias: str, version: str, *, if_match: str = "") -> Address:
        """Point an alias at ``v1.2.0``, a number, or ``@other``.

        Args:
            name: of the model.
            alias: the name that moves.
            version: where to.
            if_match: the ETag that the alias must still have (:meth:`alias_tag`); "" for any.

        Returns:
            The address of the version it points at now.

        Raises:
            AssayError: BadInputError for a stage name: moving a stage is a promotion; or another leaf.
        """
        route = f"{model_route(name)}/aliases/{part(alias)}"
        answer = self._transport.change("PUT", route, dict[str, str], AliasTarget(version), if_match)
        return Address.parse(answer["address"])

    def remove_alias(self, name: str, alias: str) -> None:
        """Take an alias away.

        Raises:
            AssayError: any leaf.
        """
        self._transport.delete(f"{model_route(name)}/aliases/{part(alias)}")

    def register_version(self, name: str, wanted: NewVersion) -> tuple[Version, bool]:
        """Register a version whose blobs are uploaded; :meth:`Client.register` does it all at once.

        Returns:
            The version, and whether it is new; the same again returns the one that is there.

        Raises:
            AssayError: RefusedError for too small a step of the version, or another leaf.
        """
        response = self._transport.send("POST", f"{model_route(name)}/versions", body=wanted)
        return self._transport.read(response, Version), response.status_code == 201

    def version(self, address: str | Address) -> Version:
        """Show all of one version.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(version_route(address), Version)

    def version_tag(self, address: str | Address) -> str:
        """Return the ETag that a version has now.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.tag(version_route(address))

    def annotate_version(self, address: str | Address, change: Annotation, *, if_match: str = "") -> Version:
        """Describe, tag, label a version; nothing else of it can change.

        Args:
            address: of the version.
            change: what to change.
            if_match: the ETag that it must still have (:meth:`version_tag`); "" for any.

        Raises:
            AssayError: ConflictError when it has another ETag now; or another leaf.
        """
        return self._transport.change("PATCH", version_route(address), Version, change, if_match)

    def delete_version(self, address: str | Address) -> None:
        """Delete a version; its number is never given again.

        Raises:
            AssayError: RefusedError while it is in use, or another leaf.
        """
        self._transport.delete(version_route(address))

    def versions(self, query: VersionQuery | None = None) -> Page[VersionSummary]:
        """Search one page of versions, newest first; ``next_cursor`` asks for the next.

        Raises:
            AssayError: any leaf.
        """
        params = version_params(query or VersionQuery())
        return self._transport.get("/versions", Page[VersionSummary], params)

    def all_versions(self, query: VersionQuery | None = None) -> Iterator[VersionSummary]:
        """Yield all versions found, asking for pages as they are needed.

        Raises:
            AssayError: any leaf.
        """
        query = query or VersionQuery()
        while True:
            page = self.versions(query)
            yield from page.items
            if not page.next_cursor:
                return
            query = replace(query, cursor=page.next_cursor)

    def resolve(self, address: str | Address) -> VersionSummary:
        """Say which version ``team/task@production`` (or any address) means, with its digest.

        Raises:
            AssayError: any leaf.
        """
        found = address if isinstance(address, Address) else Address.parse(address)
        return self._transport.get("/resolve", VersionSummary, [("address", str(found))])

    def diff(self, left: str | Address, right: str | Address) -> VersionDiff:
        """Say what changed from one version to another.

        Raises:
            AssayError: any leaf.
        """
        params = [("left", str(left)), ("right", str(right))]
        return self._transport.get("/diff", VersionDiff, params)

    def download_file(
        self,
        address: str | Address,
        path: str,
        destination: str | PathLike[str],
        *,
        overwrite: bool = False,
        progress: Progress = no_progress,
    ) -> Path:
        """Fetch one file of a version to ``destination``: resumed, verified, put in place at the end.

        Args:
            address: of the version.
            path: of the file in it.
            destination: the new file's own name.
            overwrite: replace another file that is there.
            progress: called with (bytes done, bytes in all, path).

        Raises:
            AssayError: NotFoundError when the version has no such file, or another leaf.
        """
        version = self.version(address)
        entry = version.manifest.find(path)
        if entry is None:
            have = ", ".join(each.path for each in version.files[:10])
            raise NotFoundError(f"{version.address} has no file {path!r}", hint=f"it has {have}")
        target = Path(destination)
        wanted = _wanted(version, entry)
        download(self._transport, wanted, target, overwrite=overwrite, progress=progress)
        return target

    def download(
        self,
        address: str | Address,
        directory: str | PathLike[str],
        *,
        overwrite: bool = False,
        progress: Progress = no_progress,
    ) -> Version:
        """Fetch every file of a version below ``directory``, and none outside it.

        Returns:
            The version that the address meant.

        Raises:
            AssayError: any leaf.
        """
        version = self.version(address)
        places: Mapping[str, Path] = {
            entry.path: place_inside(Path(directory), entry.path) for entry in version.files
        }
        for entry in version.files:
            wanted = _wanted(version, entry)
            download(self._transport, wanted, places[entry.path], overwrite=overwrite, progress=progress)
        return version


def _wanted(version: Version, entry: FileEntry) -> Wanted:
    # By number, so that an alias that moves meanwhile cannot mix two versions.
    address = Address(version.model, number=version.number)
    return Wanted(file_route(address, entry.path), entry.path, entry.digest, entry.size_bytes)
