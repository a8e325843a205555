"""One HTTP connection pool to one registry; every failure leaves it as one of core's errors.

::

    httpx.InvalidURL, UnsupportedProtocol            -> BadInputError      mend the address
    every other httpx error (a test walks them all)  -> UnavailableError   start, reach or wait for the server
    an ErrorDocument                                 -> the leaf that it names
    an answer that is not of this protocol           -> UnavailableError   something else answers there
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpx

from assay.client.answered_errors import error_from
from assay.client.elsewhere import ASKING, STAYING, Elsewhere
from assay.client.repeating import KEY, Repeater, fresh_key
from assay.core.errors import AssayError, BadInputError, Reason, UnavailableError
from assay.wire import codec

T = TypeVar("T")
Params = Sequence[tuple[str, str]]
DEFAULT_URL: Final = "http://127.0.0.1:8640"
API: Final = "/api/v1"
HEALTH: Final = "/healthz"
AUTH: Final = "/auth/"
JSON: Final = "application/json"
MAX_ERROR_BYTES: Final = 1024 * 1024
_IDEMPOTENT: Final = frozenset({"GET", "HEAD"})


class Transport:
    """Sends requests to ``url`` and gives back checked answers."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare the pool; nothing is sent yet.

        Args:
            url: ``http(s)://host[:port]`` of the registry.
            token: ``assay_...``; empty for none.
            timeout_s: how long to wait for each answer to begin or go on.
            transport: replaces the network, for tests.

        Raises:
            BadInputError: the address or the token cannot be used.
        """
        parsed = check_url(url)
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise BadInputError.of("token", "must be printable ASCII without blanks")
        self.url = str(parsed).rstrip("/")
        headers = {"User-Agent": "assay-client", "Accept": JSON}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        timeout = httpx.Timeout(timeout_s, connect=min(10.0, timeout_s))
        self._elsewhere = Elsewhere(timeout, transport, plain=parsed.scheme == "http")
        self._http = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=timeout,
            # Loading the certificate store costs tens of milliseconds; plain http never uses it.
            verify=parsed.scheme == "https",
            # A proxy set for the internet cannot reach this machine's own loopback.
            trust_env=not is_loopback(parsed.host),
            transport=transport,
        )
        self._repeater = Repeater(self._http)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()
        self._elsewhere.close()

    def get(self, path: str, kind: type[T], params: Params = ()) -> T:
        """Ask, and read the answer as ``kind``.

        Raises:
            AssayError: any leaf.
        """
        return self.read(self.send("GET", path, params=params), kind)

    def post(self, path: str, kind: type[T], body: Any = None, params: Params = ()) -> T:
        """Send ``body`` as JSON and read the answer as ``kind``.

        Raises:
            AssayError: any leaf.
        """
        return self.read(self.send("POST", path, body=body, params=params), kind)

    def tag(self, path: str, params: Params = ()) -> str:
        """Return the ETag that something has now, for :meth:`change` to build on.

        Raises:
            AssayError: any leaf.
        """
        return str(self.send("HEAD", path, params=params).headers.get("etag", ""))

    def change(self, method: str, path: str, kind: type[T], body: Any, if_match: str = "") -> T:
        """Do as :meth:`post` with PUT or PATCH.

        Args:
            method: PUT or PATCH.
            path: below the API.
            kind: of the answer.
            body: sent as JSON.
            if_match: the ETag that the thing must still have; "" for any.

        Raises:
            AssayError: any leaf; ConflictError when it has another ETag now.
        """
        return self.read(self.send(method, path, body=body, more=if_match_header(if_match)), kind)

    def delete(self, path: str, params: Params = ()) -> None:
        """Take away.

        Raises:
            AssayError: any leaf.
        """
        self.send("DELETE", path, params=params)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Params = (),
        more: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request with a JSON body, if any, and return its good answer.

        A POST carries a fresh key, so that it takes effect once however often it has to be sent.

        Raises:
            AssayError: any leaf.
        """
        content = None if body is None else codec.encode(body)
        headers = {} if content is None else {"Content-Type": JSON}
        if method == "POST":
            headers[KEY] = fresh_key()
        headers |= more or {}
        return self.send_raw(method, path, content=content, headers=headers, params=params)

    def send_raw(
        self,
        method: str,
        path: str,
        *,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Params = (),
    ) -> httpx.Response:
        """Do as :meth:`send` with bytes that are sent as they are.

        Raises:
            AssayError: any leaf.
        """
        with self._stream(method, path, content=content, headers=headers, params=params) as response:
            with self.translated():
                response.read()
            return response

    def send_passing(self, method: str, path: str, content: bytes, passing: int) -> httpx.Response:
        """Send JSON as it is; an answer of status ``passing`` is handed out too.

        Raises:
            AssayError: any leaf.
        """
        headers = {"Content-Type": JSON}
        with self._stream(method, path, content=content, headers=headers, passing=(passing,)) as response:
            with self.translated():
                response.read()
            return response

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open a GET whose body the caller reads piece by piece, inside :meth:`translated`.

        The registry is asked to send the bytes itself, whomever else it sends to a store for them. A 416
        is handed out, because only the caller knows what it asked for.

        Raises:
            AssayError: any leaf.
        """
        with self._stream("GET", path, headers={**headers, **STAYING}, passing=(416,)) as response:
            yield response

    @contextmanager
    def stream_from_anywhere(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Do as :meth:`stream`, and go where the registry sends to: the store that has the bytes.

        The token does not go there. Where the store cannot be reached the registry is asked for the bytes.
        What comes from a store is not what the registry vouches for: compare its digest.

        Raises:
            AssayError: any leaf.
        """
        asking = {**headers, **ASKING}
        with self._stream("GET", path, headers=asking, passing=(307, 416)) as response:
            if response.status_code != 307:
                yield response
                return
            location = response.headers.get("location", "")
        with self._elsewhere.opened(location, headers) as found:
            if found is not None:
                yield found
                return
        with self.stream(path, headers) as response:
            yield response

    @contextmanager
    def _stream(
        self,
        method: str,
        path: str,
        *,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Params = (),
        passing: tuple[int, ...] = (),
    ) -> Iterator[httpx.Response]:
        with self.translated():
            route = path if path == HEALTH or path.startswith(AUTH) else API + path
            request = self._http.build_request(
                method, route, content=content, headers=headers, params=list(params) or None
            )
        response = self._open(request)
        try:
            if not response.is_success and response.status_code not in passing:
                raise self._error(response)
            yield response
        finally:
            response.close()

    def _open(self, request: httpx.Request) -> httpx.Response:
        """Send; once more where a kept connection was closed under a question that changes nothing."""
        with self.translated():
            if KEY in request.headers:
                return self._repeater.send(request)
            try:
                return self._http.send(request, stream=True)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if request.method not in _IDEMPOTENT:
                    raise
                return self._http.send(request, stream=True)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn every error of httpx into one of core's.

        Raises:
            BadInputError: the address cannot be used.
            UnavailableError: the server cannot be reached, or broke off.
        """
        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise BadInputError.of("url", "must be http(s)://host[:port]", str(error)) from error
        except httpx.ConnectTimeout as error:
            raise self._unavailable("does not answer in time", error, "is this the right address?") from error
        except httpx.TimeoutException as error:
            raise self._unavailable("took too long", error, "try again, or allow a longer timeout") from error
        except (httpx.ConnectError, httpx.ProxyError) as error:
            hint = "start one with: assay serve, or set ASSAY_URL to where it is"
            raise self._unavailable("cannot be reached", error, hint) from error
        except (httpx.HTTPError, httpx.StreamError, httpx.CookieConflict) as error:
            raise self._unavailable("broke off", error, "try again") from error

    def _unavailable(self, what: str, error: Exception, hint: str) -> UnavailableError:
        detail = str(error) or type(error).__name__
        return UnavailableError(
            f"the registry at {self.url} {what}", [Reason("", type(error).__name__, detail)], hint=hint
        )

    def read(self, response: httpx.Response, kind: type[T]) -> T:
        """Read the answer as ``kind``.

        Raises:
            UnavailableError: it is not of that kind, so something else answers there.
        """
        try:
            return codec.decode(response.content, kind)
        except BadInputError as error:
            # Not the caller's input: whatever answered there does not speak this protocol.
            raise UnavailableError(
                f"{self.url} does not answer as this registry does",
                error.reasons,
                hint="check ASSAY_URL; client and server may be of versions too far apart",
            ) from error

    def _error(self, response: httpx.Response) -> AssayError:
        with self.translated():
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ERROR_BYTES:
                    break
        before = httpx.URL(self.url).path.rstrip("/")
        moved = response.headers.get("location", ""), response.request.url.path.removeprefix(before)
        return error_from(response.status_code, body, self.url, moved)


def if_match_header(tag: str) -> dict[str, str]:
    """Return the header that lets a change pass only over the state with this ETag; none for "".

    Raises:
        BadInputError: the tag cannot stand in a header.
    """
    if not tag:
        return {}
    if not (tag.isascii() and tag.isprintable()):
        raise BadInputError.of("if_match", "must be the ETag as it was answered")
    return {"If-Match": tag if tag == "*" or tag.endswith('"') else f'"{tag}"'}


def check_url(url: str) -> httpx.URL:
    """Return ``url`` parsed.

    Raises:
        BadInputError: not ``http(s)://host[:port]``, or with a name, password or query in it.
    """
    rule = "must be http(s)://host[:port]"
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise BadInputError.of("url", rule, str(error)[:200]) from error
    if parsed.scheme not in ("http", "https") or not parsed.raw_host or b"%" in parsed.raw_host:
        raise BadInputError.of("url", rule, repr(url)[:200])
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise BadInputError.of("url", rule, "a login belongs into ASSAY_TOKEN")
    return parsed


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` names this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
