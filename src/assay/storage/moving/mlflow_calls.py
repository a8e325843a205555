"""Asking a MLflow server: logins, repeats, pages, and errors in this registry's words.

Only the server that was named is ever asked: no redirect is followed, and no address that an answer
names is opened. What one logs in with is in no message.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from assay.core.errors import AssayError, BadInputError, DeniedError, NotFoundError, UnavailableError

TIMEOUT_S: Final = 120.0
TRIES: Final = 7
FILE_TRIES: Final = 3
LONGEST_WAIT_S: Final = 30.0
CHUNK_BYTES: Final = 1 << 20
_AGAIN: Final = (408, 429, 500, 502, 503, 504)
_TEXT_LIMIT: Final = 300
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Login:
    """What one logs in with; a name with a password goes before a token.

    Attributes:
        verify: True to check certificates, False not to, or the file of an authority.
    """

    name: str = ""
    password: str = ""
    token: str = ""
    verify: bool | str = True

    @classmethod
    def read(cls, address: str, environ: Mapping[str, str]) -> "Login":
        """Return what the address and MLflow's own variables of the environment say."""
        parts = urlsplit(address)
        insecure = environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
        authority = environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH", "")
        return cls(
            parts.username or environ.get("MLFLOW_TRACKING_USERNAME", ""),
            parts.password or environ.get("MLFLOW_TRACKING_PASSWORD", ""),
            environ.get("MLFLOW_TRACKING_TOKEN", ""),
            authority or not insecure,
        )


class MlflowCalls:
    """One server."""

    def __init__(self, address: str, login: Login, pause_s: float = 0.5) -> None:
        """Keep the address; nothing is asked yet.

        Args:
            address: ``http(s)://HOST[:PORT][/path]``.
            login: what one logs in with.
            pause_s: before the first repeat; every further one waits twice as long.

        Raises:
            BadInputError: the address cannot be used.
        """
        self.name = without_login(address)
        self._pause_s = pause_s
        headers = {"Accept-Encoding": "identity", "User-Agent": "assay"}
        login_pair = (login.name, login.password) if login.name and login.password else None
        if login_pair is None and login.token:
            headers["Authorization"] = f"Bearer {login.token}"
        try:
            self._client = httpx.Client(
                base_url=self.name,
                auth=login_pair,
                headers=headers,
                timeout=TIMEOUT_S,
                follow_redirects=False,
                verify=login.verify,
            )
        except (httpx.InvalidURL, OSError) as error:
            raise BadInputError.of("uri", "must be an address that can be used", str(error)[:200]) from None

    def get(self, path: str, /, **query: Any) -> dict[str, Any]:
        """Return the answer to a question; parameters of None are left out.

        Raises:
            DeniedError, NotFoundError, UnavailableError: see :meth:`_asked`.
        """
        return self._document(self._asked("GET", path, params=_given(query)))

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        """Return the answer to a question that is sent as a document (searches; nothing is changed).

        Raises:
            DeniedError, NotFoundError, UnavailableError: see :meth:`_asked`.
        """
        return self._document(self._asked("POST", path, json=_given(body)))

    def folder(self, path: str, /, **query: Any) -> dict[str, Any]:
        """Return what lies in a folder; a store that the server cannot read is no fault of the server.

        Raises:
            DeniedError, UnavailableError: see :meth:`_asked`.
            NotFoundError: there is no such folder, or none that the server can read.
        """
        return self._document(self._asked("GET", path, NotFoundError, params=_given(query)))

    def pages(self, method: str, path: str, field: str, /, **asked: Any) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of an answer: the lists under ``field``.

        Args:
            method: ``GET``, ``POST``, or ``LIST`` for folders (see :meth:`folder`).
            path: what is asked.
            field: where the list is.
            **asked: as for :meth:`get`.

        Raises:
            DeniedError, NotFoundError, UnavailableError: see :meth:`_asked`; also when pages go in a circle.
        """
        token, seen = "", set[str]()
        while True:
            said = {"GET": self.get, "POST": self.post, "LIST": self.folder}[method](
                path, **asked, page_token=token or None
            )
            items = said.get(field) or []
            if items:
                yield items
            token = said.get("next_page_token") or ""
            if not token or not items:
                return
            if token in seen:
                raise UnavailableError(f"{self.name} pages {path} in a circle")
            seen.add(token)

    def stream(self, path: str, /, **query: Any) -> Iterator[bytes]:
        """Yield the bytes of a file; one that breaks off is asked for again and read on where it broke.

        Raises:
            DeniedError, UnavailableError: see :meth:`_asked`.
            NotFoundError: there is no such file, or none that the server can read.
        """
        done = 0
        for attempt in range(TRIES):
            try:
                with self._client.stream("GET", path, params=_given(query)) as answer:
                    if answer.status_code in _AGAIN and attempt + 1 < TRIES:
                        self._wait(attempt, answer)
                        continue
                    if answer.status_code != 200:
                        answer.read()
                        raise self._error(answer, path, NotFoundError)
                    skip = done
                    for chunk in answer.iter_bytes(CHUNK_BYTES):
                        fresh = chunk[min(skip, len(chunk)) :]
                        skip -= len(chunk) - len(fresh)
                        if fresh:
                            done += len(fresh)
                            yield fresh
                    return
            except httpx.TransportError as error:
                # Some servers cannot send some files, whatever one does: they are there, and break off.
                if attempt + 1 >= FILE_TRIES and self._lives():
                    raise NotFoundError(f"{self.name} breaks off: {error}"[:_TEXT_LIMIT]) from None
                if attempt + 1 == TRIES:
                    raise self._gone(error) from None
                self._wait(attempt)

    def each(self, said: Iterable[Any], read: Callable[[Any], T]) -> Iterator[T]:
        """Yield what ``read`` makes of each part of an answer.

        Raises:
            UnavailableError: a part is not what a MLflow server says.
        """
        for part in said:
            try:
                made = read(part)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                words = f"{type(error).__name__}: {error}"[:200]
                raise UnavailableError(f"an answer of {self.name} cannot be read: {words}") from error
            yield made

    def close(self) -> None:
        """Let go."""
        self._client.close()

    def _lives(self) -> bool:
        """Tell whether the server answers at all."""
        try:
            self._client.get("health")
        except httpx.TransportError:
            return False
        return True

    def _asked(
        self, method: str, path: str, failed: type[AssayError] = UnavailableError, **what: Any
    ) -> httpx.Response:
        """Ask, again where that can help.

        Raises:
            DeniedError: the server wants another login.
            NotFoundError: the server knows of no such thing.
            UnavailableError: it does not answer, or with something else than an answer.
        """
        for attempt in range(TRIES):
            last = attempt + 1 == TRIES
            try:
                answer = self._client.request(method, path, **what)
            except httpx.TransportError as error:
                if last:
                    raise self._gone(error) from None
                self._wait(attempt)
                continue
            if answer.status_code == 200:
                return answer
            if answer.status_code not in _AGAIN or last:
                raise self._error(answer, path, failed)
            self._wait(attempt, answer)
        raise UnavailableError(f"{self.name} does not answer")

    def _document(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise UnavailableError(f"{self.name} does not answer as a MLflow server does")
        return said

    def _error(self, answer: httpx.Response, path: str, failed: type[AssayError]) -> AssayError:
        try:
            said = answer.json().get("message", "")
        except (ValueError, AttributeError):
            said = ""
        words = f"{self.name}/{path.lstrip('/')} answers {answer.status_code}: {str(said)[:_TEXT_LIMIT]}"
        if answer.status_code in (401, 403):
            hint = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            return DeniedError(words, hint=hint)
        if answer.status_code == 404:
            return NotFoundError(words)
        return failed(words)

    def _gone(self, error: httpx.TransportError) -> UnavailableError:
        return UnavailableError(f"{self.name} does not answer: {type(error).__name__}: {error}"[:600])

    def _wait(self, attempt: int, answer: httpx.Response | None = None) -> None:
        asked = answer.headers.get("Retry-After", "") if answer is not None else ""
        wished = float(asked) if asked.isascii() and asked.isdigit() else self._pause_s * 2**attempt
        # The server asked for it, or was not there: to ask again at once would not help it.
        time.sleep(min(wished, LONGEST_WAIT_S))


def without_login(address: str) -> str:
    """Return an address without name and password, query and fragment.

    Raises:
        BadInputError: it is no address of a server.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadInputError.of("uri", "must be an address", str(error)[:100]) from None
    if parts.scheme not in ("http", "https") or not host:
        raise BadInputError.of("uri", "must be http(s)://HOST[:PORT]")
    shown = f"[{host}]" if ":" in host else host
    place = shown if port is None else f"{shown}:{port}"
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))


def quoted(path: str) -> str:
    """Return a path as it stands in an address."""
    return quote(path, safe="/")


def first_page(pages: Iterator[T]) -> Iterator[T] | None:
    """Return the pages once the first was asked for; None where the server knows of no such question.

    Only there an answer of 404 means an older version; when it comes later the server is at fault, and
    what was read until then is not all:

    Raises:
        UnavailableError: the server does not answer; from the iterator also when it knows of no next page.
    """
    try:
        first = next(pages, None)
    except NotFoundError:
        return None
    return iter(()) if first is None else _with_first(first, pages)


def _with_first(first: T, pages: Iterator[T]) -> Iterator[T]:
    yield first
    try:
        yield from pages
    except NotFoundError as error:
        raise UnavailableError(f"the pages of an answer break off: {error.message}") from error


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}
