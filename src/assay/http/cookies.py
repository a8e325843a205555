"""The cookies of a browser that signs in: how they are named and found (RFC 6265bis).

Behind https their names begin with ``__Host-``: browsers then take them only from this very host, over
https, for all of it. On loopback there is no https, and no such name.
"""

from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Final

SESSION: Final = "assay-session"
AWAY: Final = "assay-sign-in"
_HOST: Final = "__Host-"
MAX_COOKIES_LENGTH: Final = 16 * 1024


def name_of(name: str, *, secure: bool) -> str:
    """Return how a cookie is named on a server that is, or is not, reached by https."""
    return _HOST + name if secure else name


def set_cookie(name: str, value: str, seconds: int, *, secure: bool) -> str:
    """Return a value of Set-Cookie that scripts do not see and other sites' requests do not carry.

    Args:
        name: as :func:`name_of` takes it.
        value: of the cookie.
        seconds: how long it lasts; 0 ends it.
        secure: browsers reach the server by https.
    """
    jar: SimpleCookie = SimpleCookie()
    jar[name_of(name, secure=secure)] = value
    (morsel,) = jar.values()
    morsel.update({"path": "/", "max-age": str(seconds), "samesite": "lax", "httponly": "yes"})
    if secure:
        morsel["secure"] = "yes"
    return morsel.OutputString()


def cookie_in(headers: Mapping[str, str], name: str, *, secure: bool) -> str:
    """Return a cookie's value; "" when it is not there, or there twice, so that nobody knows whose it is."""
    text = headers.get("cookie", "")
    if len(text) > MAX_COOKIES_LENGTH:
        return ""
    wanted = name_of(name, secure=secure)
    pairs = (each.strip().partition("=") for each in text.split(";"))
    found = [value for key, _, value in pairs if key == wanted]
    return found[0] if len(found) == 1 else ""


def session_in(headers: Mapping[str, str], *, secure: bool) -> str:
    """Return the session's cookie; behind https never the plain one, which a sibling host can set."""
    return cookie_in(headers, SESSION, secure=secure)
