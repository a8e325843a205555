"""Ports of models and versions: names, aliases, stages, listings."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from assay.core.digests import Digest
from assay.core.names import Address, ModelName
from assay.core.promotions import StageMove
from assay.core.search import ModelQuery, ModelSummary, Page, VersionQuery, VersionSummary
from assay.core.semver import SemVer
from assay.core.versions import Model, Version


class Models(Protocol):
    """Models by name."""

    def add(self, model: Model) -> None:
        """Store a new model, or the one of that name that was put away: its numbers go on counting.

        Raises:
            ConflictError: the name, or the name it is known as, is taken.
        """
        ...

    def get(self, name: ModelName) -> Model | None:
        """Return the model of that name."""
        ...

    def known(self, outside_name: str) -> Model | None:
        """Return the model known by that name outside."""
        ...

    def taken(self, name: ModelName) -> bool:
        """Tell whether the name was ever given, also to a model that was put away."""
        ...

    def annotate(self, model: Model) -> None:
        """Replace description, tags, labels and the name it is known as.

        Raises:
            ConflictError: another model is known by that name.
        """
        ...

    def touch(self, name: ModelName, at: datetime, number: int | None = None) -> None:
        """Note that the model, or one of its versions, has changed."""
        ...

    def put_away(self, name: ModelName, at: datetime) -> None:
        """Hide a model until one of that name is added again; nobody knows it outside any more."""
        ...


class Versions(Protocol):
    """Versions by address. Deleted ones are found by nothing but :meth:`highest`."""

    def add(self, version: Version) -> None:
        """Store a new version in stage Development.

        Raises:
            ConflictError: number or semantic version was given before, also to a deleted one.
            RefusedError: it is more than a quota allows; the transaction must end.
        """
        ...

    def resolve(self, address: Address) -> VersionSummary | None:
        """Find by semantic version, number, or alias.

        ``@latest`` is the greatest semantic version, ``@production`` the version in Production,
        ``@staging`` (``@development``, ``@archived``) the one that entered that stage last.
        """
        ...

    def get(self, model: ModelName, number: int) -> Version | None:
        """Return everything known of one version."""
        ...

    def newest(self, model: ModelName) -> Version | None:
        """Return the version with the greatest semantic version."""
        ...

    def highest(self, model: ModelName) -> tuple[int, SemVer | None]:
        """Return the greatest number (0 for none) and semantic version ever given, deleted included."""
        ...

    def annotate(self, version: Version) -> None:
        """Replace description, tags and labels."""
        ...

    def delete(self, model: ModelName, number: int, at: datetime) -> None:
        """Hide a version for ever; its number and semantic version stay taken, its aliases go."""
        ...


class Catalogue(Protocol):
    """Listings. ``visible`` are the patterns (``*``, ``team/*``, ``team/task``) the asker may see."""

    def models(self, query: ModelQuery, visible: tuple[str, ...]) -> Page[ModelSummary]:
        """Return a page of models, by name.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def versions(self, query: VersionQuery, visible: tuple[str, ...]) -> Page[VersionSummary]:
        """Return a page of versions, newest registration first.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...


class Aliases(Protocol):
    """Movable names."""

    def set(self, model: ModelName, alias: str, number: int) -> int | None:
        """Point the alias at a version; return the number it pointed at before."""
        ...

    def remove(self, model: ModelName, alias: str) -> int | None:
        """Take the alias away; return the number it pointed at, None when there was none."""
        ...

    def of_model(self, model: ModelName) -> Mapping[str, int]:
        """Return all set aliases of the model with their numbers."""
        ...


class Stages(Protocol):
    """Which version is in which stage, and how it came there."""

    def move(self, move: StageMove) -> None:
        """Change the stage by compare-and-set on ``move.source`` and keep the move in the history.

        The version is marked ungated as ``move.ungated`` says, whatever its mark was before.

        Raises:
            ConflictError: the version is not in ``move.source`` (any more), or Production is held
                by another version; the message names the stage or holder found.
        """
        ...

    def mark(self, model: ModelName, number: int, ungated: tuple[str, ...]) -> None:
        """Replace the mark: the gates that do not hold although the version stands in its stage."""
        ...

    def holder(self, model: ModelName) -> int | None:
        """Return the number of the version in Production."""
        ...

    def history(self, model: ModelName) -> tuple[StageMove, ...]:
        """Return every move of the model's versions, oldest first."""
        ...


class BlobHolders(Protocol):
    """Who may name which stored bytes; the words are those of ``core.holding``."""

    def note(self, digests: Iterable[Digest], holder: str) -> None:
        """Note that ``holder`` has these bytes."""
        ...

    def held(self, digests: Collection[Digest], holders: Sequence[str]) -> frozenset[Digest]:
        """Return those of the digests that one of the holders has.

        Args:
            digests: any number.
            holders: at least one; one that ends with ``*`` stands for all that begin as it does.
        """
        ...
