"""The way out: messages to webhooks, over HTTPS, to exactly the address that was checked.

A host is resolved once; its addresses are checked, and one of them is connected to, so that a name that
changes its meaning in between leads nowhere else (DNS rebinding). No proxy of the environment is used and
no redirect is followed. Nothing here logs: a URL may hold a secret.
"""

import io
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from typing import Any, Final

from assay.core.deliveries import TIMEOUT, Attempt, Letter
from assay.core.errors import BadInputError
from assay.core.webhook_targets import Target, check_addresses, parse_target

CONNECT_S: Final = 10.0
MAX_TEXT_BYTES: Final = 16 * 1024
MAX_ANSWER_BYTES: Final = 256 * 1024
Resolver = Callable[[str, int], Iterable[str]]


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that a host means now, each once; none when it does not resolve."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class HttpsPost:
    """Implements ``core.ports.Post``."""

    def __init__(
        self,
        trusted_hosts: Iterable[str] = (),
        *,
        timeout_s: float = TIMEOUT.total_seconds(),
        resolver: Resolver = resolve,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is resolved yet.

        Args:
            trusted_hosts: hosts that may be private, and reached by plain http.
            timeout_s: for one message from the look-up of its host to the end of the answer.
            resolver: gives the addresses of a host.
            context: the authorities that are trusted, the machine's own when left out.
        """
        self._trusted = frozenset(trusted_hosts)
        self._timeout_s = timeout_s
        self._resolve = resolver
        self._context = context

    def check(self, url: str) -> None:
        """Check that a URL may be told, and that its host means public addresses now.

        Raises:
            BadInputError: it may not, or the host does not resolve.
        """
        self._addresses(parse_target(url, self._trusted))

    def send(self, letter: Letter) -> Attempt:
        """Send once: to an address that was checked, without following redirects, within 30 s."""
        deadline = time.monotonic() + self._timeout_s
        try:
            target = parse_target(letter.url, self._trusted)
            addresses = list(self._resolve(target.host, target.port))
            if not addresses:
                return Attempt(problem=f"the host {target.host} does not resolve")
            check_addresses(target, addresses)
        except BadInputError as error:
            return Attempt(problem=error.message, final=True)
        try:
            with self._connected(target, addresses, deadline) as line:
                line.sendall(_request(target, letter))
                return _read_answer(line)
        except TimeoutError:
            return Attempt(problem="no answer in time")
        except ssl.SSLCertVerificationError as error:
            return Attempt(problem=f"the certificate is not good: {error.verify_message}")
        except (OSError, HTTPException) as error:
            return Attempt(problem=f"no answer: {getattr(error, 'strerror', '') or type(error).__name__}")

    def _addresses(self, target: Target) -> tuple[str, ...]:
        return check_addresses(target, self._resolve(target.host, target.port))

    @contextmanager
    def _connected(self, target: Target, addresses: list[str], deadline: float) -> "Iterator[_Line]":
        plain = _connect(addresses, target.port, deadline)
        with closing(plain):
            if target.scheme == "http":
                yield _Line(plain, deadline)
                return
            self._context = self._context or ssl.create_default_context()
            plain.settimeout(_left(deadline))
            # The certificate must be the host's own: the name is checked, whatever the address is.
            with self._context.wrap_socket(plain, server_hostname=target.host) as sealed:
                yield _Line(sealed, deadline)


class _Line:
    """A connection that ends at a deadline, however slowly the other side speaks, and after so many bytes."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            self._connection.settimeout(_left(self._deadline))
            rest = rest[self._connection.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what ``http.client`` reads an answer from."""
        return io.BufferedReader(_Incoming(self._connection, self._deadline))


class _Incoming(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline
        self._rest = MAX_ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._rest]
        if not view:
            return 0
        self._connection.settimeout(_left(self._deadline))
        size = self._connection.recv_into(view)
        self._rest -= size
        return size


def _left(deadline: float) -> float:
    """Return the seconds left.

    Raises:
        TimeoutError: there are none.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connect(addresses: list[str], port: int, deadline: float) -> socket.socket:
    """Connect to the first address that answers."""
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), min(CONNECT_S, _left(deadline)))
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), min(CONNECT_S, _left(deadline)))


def _request(target: Target, letter: Letter) -> bytes:
    body = letter.body.encode()
    fields = {"Host": target.authority, "Connection": "close", "Content-Length": str(len(body))}
    head = [f"POST {target.path} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in (fields | letter.headers).items()]
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _read_answer(line: _Line) -> Attempt:
    stand_in: Any = line  # http.client asks of a socket only ``makefile``
    with closing(HTTPResponse(stand_in, method="POST")) as answer:
        answer.begin()
        try:
            text = answer.read(MAX_TEXT_BYTES).decode("utf-8", "replace")
        except (OSError, HTTPException):
            text = ""  # the status is an answer, whatever becomes of the rest
        return Attempt(answer.status, text, retry_after_s=_retry_after(answer.headers.get("Retry-After", "")))


def _retry_after(text: str) -> int:
    """Read the header (RFC 9110, section 10.2.3): seconds or a date; 0 when it is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return int(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, round((at - datetime.now(UTC)).total_seconds()))
