"""Routes as data: what the door answers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.core.access import Caller
from assay.doors.mlflow.fields import Fields
from assay.http.threads import Work, usual_work
from assay.usecases.bundle import UseCases


@dataclass(frozen=True, slots=True)
class Call:
    """One request, taken apart.

    Attributes:
        use: the use cases.
        caller: who asks.
        fields: of the JSON body or, for GET, of the query.
        path: the path's parameters, decoded.
        team: the team meant by the workspace header; the default team without one.
        headers: by lower-case name.
        body: as sent, for what is no JSON.
        address: how the client reaches this server, e.g. ``http://127.0.0.1:8640``.
        to_store: every client is sent to the store for files, where it has an address.
    """

    use: UseCases
    caller: Caller
    fields: Fields
    path: Mapping[str, str]
    team: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""
    to_store: bool = False


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer that is no JSON object: a text, or nothing."""

    content: bytes = b""
    media_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be streamed, whole or in part.

    Attributes:
        name: for the one who saves it.
        tag: entity tag, unquoted.
        modified_ms: when it was written.
        read: yields the bytes [start, stop).
        address: returns where the store gives them out by itself, None where it does not.
    """

    name: str
    tag: str
    size_bytes: int
    media_type: str
    modified_ms: int
    read: Callable[[int, int], Iterator[bytes]]
    address: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An answer that takes a while: ``look`` is asked again until it returns something or time is up.

    Attributes:
        look: returns the answer or None; may raise a refusal.
        at_last: gives the answer when ``limit_s`` has passed; may raise.
    """

    look: Callable[[], dict[str, Any] | None]
    at_last: Callable[[], dict[str, Any]]
    limit_s: float


Answer = dict[str, Any] | Plain | Download | Waiting


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    Attributes:
        path: below ``/api/``, e.g. ``2.0/mlflow/runs/create``; with a leading slash, the whole path.
            ``{name}`` stands for one part, ``{name:path}`` at the end for all that follow.
        answer: a function of the call.
        ajax: the browser's twin under ``/ajax-api/`` is answered too.
        public: answered to anybody: says nothing of what the registry holds.
        stores: the body is streamed: ``answer`` gets an iterable of chunks as a second argument.
        raw: the body is read whole, but not as JSON: ``answer`` takes it from the call.
        does: what kind of work an answer is, where the method does not tell.
        at_once: nothing is looked up, so that no thread is waited for.
    """

    method: str
    path: str
    answer: Callable[..., Answer]
    ajax: bool = True
    public: bool = False
    stores: bool = False
    raw: bool = False
    does: Work | None = None
    at_once: bool = False

    @property
    def work(self) -> Work:
        """What kind of work an answer is."""
        return self.does or usual_work(self.method)
