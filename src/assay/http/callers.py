"""Who asks: a token, a name with a password, or somebody at this machine."""

import base64
import ipaddress
from collections.abc import Callable, Mapping
from typing import Final

from assay.core.access import Caller
from assay.core.errors import DeniedError, Reason
from assay.core.passwords import may_be_password
from assay.http.cookies import session_in
from assay.http.exchanges import current
from assay.http.limits import Tried
from assay.usecases.access import Access

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_OWN_PAGE: Final = Reason(
    "Origin", "must be there with a session: what changes something comes from own pages"
)
# The public part of a token: "assay_" and 16 digits.
_TOKEN_ID: Final = 22
# What a proxy adds: a request that came through one is not from this machine, whatever its address.
_FORWARDED: Final = ("forwarded", "x-forwarded-", "x-real-ip", "via")


class Callers:
    """Finds the caller of a request."""

    def __init__(
        self,
        access: Access,
        *,
        anonymous: bool,
        login: str,
        session: Callable[[str], Caller] | None = None,
        secure: bool = False,
    ) -> None:
        """Keep the means.

        Args:
            access: what authenticates.
            anonymous: a request without credentials from this machine acts as the principal ``local``.
            login: how the clients of this door are given a token, for those who come without.
            session: finds who comes with a session's cookie; None where the door takes none.
            secure: browsers reach the server by https: only the cookie for that counts.
        """
        self._access = access
        self._anonymous = anonymous
        self._login = login
        self._session = session
        self._secure = secure

    def of(self, headers: Mapping[str, str], client_host: str | None, method: str = "GET") -> Caller:
        """Say who asks.

        Args:
            headers: by lower-case name.
            client_host: the peer's address, None when it is not known.
            method: of the request: what changes something, with a cookie, needs proof of where it is from.

        Raises:
            DeniedError: no credentials where some are needed, or bad ones.
            UnavailableError: too many requests, or too many wrong credentials.
            UnprovenError: a password has to be worked out first, in a thread that may be held for that.
        """
        exchange, header = current(), headers.get("authorization")
        limits, tried = exchange.limits, _tried(header, client_host)
        if limits is not None and tried is not None:
            limits.sign_in(*tried)
        try:
            caller = self._found(headers, client_host, method)
        except DeniedError:
            exchange.sign_in_failed = header is not None
            if limits is not None and tried is not None:
                limits.sign_in_failed(*tried)
            exchange.charge(f"address {client_host}")  # each credential is new to whoever makes them up
            raise
        exchange.principal = caller.name
        if header is not None or self._cookie(headers):
            exchange.charge(caller.name)
        return caller

    def _cookie(self, headers: Mapping[str, str]) -> str:
        return session_in(headers, secure=self._secure) if self._session else ""

    def _found(self, headers: Mapping[str, str], client_host: str | None, method: str) -> Caller:
        header = headers.get("authorization")
        if header is not None:  # also an empty one: somebody wanted to say who they are
            scheme, _, rest = header.partition(" ")
            if scheme.lower() == "bearer":
                return self._access.authenticate(rest.strip())
            if scheme.lower() == "basic":
                return self._access.authenticate_basic(*_basic(rest.strip()), later=True)
            raise DeniedError("send a bearer token, or a name with a password", authenticate=True)
        cookie = self._cookie(headers)
        if cookie and self._session:
            if method not in SAFE_METHODS and not from_own_page(headers):
                raise DeniedError("a web page may not reach this server", [_OWN_PAGE])
            return self._session(cookie)
        if self._anonymous and _is_local(headers, client_host):
            return self._access.local()
        raise DeniedError("this server wants a token", authenticate=True, hint=self._login)


def from_own_page(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser says that a page of this very server sent the request.

    The guard has refused other origins before; here one has to be named. What a browser sends with a
    cookie but without saying from where counts as somebody else's (cross-site request forgery).
    """
    site = headers.get("sec-fetch-site")
    return site == "same-origin" if site is not None else headers.get("origin", "null") != "null"


def _tried(header: str | None, client_host: str | None) -> tuple[Tried, str] | None:
    """Name what is counted when credentials are wrong: where they come from and whose they say to be.

    Whoever guesses somebody's password stops nobody else who comes from the same proxy. A token is counted
    by itself: its owner is told at once when it has expired, and a guess is of no use. So is whatever
    is sent as a password without being one, which costs no more to refuse.
    """
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return (Tried.TOKEN, f"{client_host} {rest.strip()[:_TOKEN_ID]}") if header else None
    try:
        name, password = _basic(rest.strip())
    except DeniedError:
        return Tried.TOKEN, f"{client_host} malformed"
    kind = Tried.PASSWORD if may_be_password(password) else Tried.TOKEN
    return kind, f"{client_host} {name[:100]}"


def _basic(text: str) -> tuple[str, str]:
    """Return (name, password) of RFC 7617."""
    try:
        name, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:  # also of what is no ASCII, or no UTF-8 behind it
        colon = name = password = ""
    if not colon:
        raise DeniedError("the basic credentials are malformed", authenticate=True)
    return name, password


def _is_local(headers: Mapping[str, str], client_host: str | None) -> bool:
    if any(name.lower().startswith(_FORWARDED) for name in headers):
        return False
    try:
        return client_host is not None and ipaddress.ip_address(client_host).is_loopback
    except ValueError:
        return False
