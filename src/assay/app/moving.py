"""Moving in from another registry: the source that an address names, over the registry in a data folder."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.access import Caller
from assay.core.errors import BadInputError
from assay.core.ports.moving import ForeignFiles, ForeignSource
from assay.storage.moving.folder_files import FolderFiles
from assay.storage.moving.mlflow_calls import Login, MlflowCalls
from assay.storage.moving.mlflow_database import DatabaseTracking
from assay.storage.moving.mlflow_database_registry import DatabaseRegistry
from assay.storage.moving.mlflow_server import ServerRegistry, ServerTracking
from assay.storage.moving.mlflow_server_files import ServerFiles
from assay.storage.moving.mlflow_tables import MlflowTables
from assay.usecases.access import Access
from assay.usecases.moving.importing import MovingIn

NO_FILES: Final = "none"
_WEB: Final = ("http://", "https://")


@contextmanager
def open_moving(settings: Settings) -> Iterator[tuple[MovingIn, Caller]]:
    """Open the use case for the length of a block, for whoever sits at this machine.

    Raises:
        DeniedError: the principal ``local`` was disabled.
        UnavailableError: the folder cannot be used, or holds a newer schema.
    """
    means = open_means(settings)
    try:
        yield MovingIn(means), Access(means).local()
    finally:
        means.database.close()


@contextmanager
def open_mlflow(
    address: str, artifacts: Sequence[str], environ: Mapping[str, str]
) -> Iterator[ForeignSource]:
    """Open a MLflow server or its database for the length of a block.

    Args:
        address: ``http(s)://...``, ``sqlite:///...``, ``postgresql://...`` or ``mysql://...``.
        artifacts: where files are: a folder or a server's address, and ``PLACE=DIR`` for what lies
            elsewhere; ``none`` to leave them out.
        environ: where MLflow's own variables say what to log in with.

    Raises:
        BadInputError: the address or a place of files cannot be used.
        DeniedError: the login is refused.
        UnavailableError: it cannot be reached.
    """
    if address.startswith(_WEB):
        calls = MlflowCalls(address, Login.read(address, environ))
        try:
            files = _files(artifacts, {}, environ) if artifacts else ServerFiles(calls)
            tracking = ServerTracking(calls, files)
            yield ForeignSource(calls.name, tracking, ServerRegistry(calls), files)
        finally:
            calls.close()
        return
    if not artifacts:
        rule = "must name the artifact root of a database (a folder, or the server's address), or be none"
        raise BadInputError.of("artifacts", rule)
    tables = MlflowTables(address)
    try:
        rows = tables.rows(tables.select("experiments", "experiment_id", "artifact_location"))
        roots = {str(row["experiment_id"]): str(row["artifact_location"] or "") for row in rows}
        files = _files(artifacts, roots, environ)
        yield ForeignSource(tables.name, DatabaseTracking(tables, files), DatabaseRegistry(tables), files)
    finally:
        tables.close()


def _files(
    artifacts: Sequence[str], experiment_roots: Mapping[str, str], environ: Mapping[str, str]
) -> ForeignFiles:
    roots = [each for each in artifacts if "=" not in each]
    if len(roots) > 1:
        raise BadInputError.of("artifacts", "must name one root; write further ones as PLACE=DIR", roots[1])
    root = roots[0] if roots else NO_FILES
    if root.startswith(_WEB):
        return ServerFiles(MlflowCalls(root, Login.read(root, environ)))
    pairs = [each.partition("=") for each in artifacts if "=" in each]
    mapped = {place: Path(folder) for place, _, folder in pairs}
    return FolderFiles(None if root == NO_FILES else Path(root), mapped, experiment_roots)
