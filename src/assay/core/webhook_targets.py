"""Where a webhook may lead: the rules against requests forged through the registry (SSRF).

A URL is taken apart once, by one strict form; the parts are what is connected to, so that no second
reader can see another host in it. Whether its addresses are public is asked of what the name means now.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from assay.core.errors import BadInputError, Reason

MAX_URL_LENGTH: Final = 2048
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#@\\:\[\]]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:[/?][^#\\]*)?)"
)
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
# What a resolver may read as a number (WHATWG URL, "ends in a number"): 2130706433, 0x7f.1, 0177.0.0.1.
_NUMBERED: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_PORTS: Final = {"https": 443, "http": 80}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Set apart by IANA; not every Python says so: protocol assignments, 6to4 relays, documentation, segment
# routing.
_SET_APART: Final = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "5f00::/16"))
)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart.

    Attributes:
        host: in lower case, ASCII, without brackets: a name, or an address in its one form.
        path: with the query, percent-encoded; may hold a secret.
        trusted: the operator named the host: it may be private, and plain http.
    """

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    trusted: bool = False

    @property
    def authority(self) -> str:
        """Host and port as the header ``Host`` has them; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def check_trusted_host(text: str) -> str:
    """Return a host that an operator trusts, in its one form; an IPv6 address may stand in brackets or not.

    Raises:
        BadInputError: it is no name and no address.
    """
    try:
        return _host(f"[{text}]" if ":" in text and not text.startswith("[") else text)
    except BadInputError as error:
        raise BadInputError.of("webhook_hosts", "must be host names or addresses", repr(text)[:80]) from error


def parse_target(url: str, allowed_hosts: Collection[str] = ()) -> Target:
    """Take a URL apart.

    Args:
        url: as given.
        allowed_hosts: hosts that may be private, and be reached by plain http.

    Raises:
        BadInputError: it is no URL of the one form, not https, or names its host in an odd way.
    """
    if not isinstance(url, str) or not url.strip():
        raise _bad(f"Webhook URL cannot be empty or just whitespace: {url!r:.60}", "must not be empty")
    if len(url) > MAX_URL_LENGTH:
        raise _bad("Invalid webhook URL: it is too long", f"must be at most {MAX_URL_LENGTH} characters")
    match = _URL.fullmatch(url)
    scheme = (match["scheme"] if match else url.rpartition("://")[0]).lower()
    host = _host(match["host"]) if match else ""
    trusted = host in allowed_hosts
    schemes = ("https", "http") if trusted else ("https",)
    if scheme not in schemes:
        message = f"Invalid webhook URL scheme: {scheme[:60]!r}. Allowed schemes are: {', '.join(schemes)}."
        raise _bad(message, "must begin with https://")
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        raise _bad("Invalid webhook URL: it has white space or control characters", "must be one word")
    if match is None and url.partition("://")[2][:1] in ("", "/", "?", "#"):
        raise _bad(f"Webhook URL must include a hostname: {url[:200]!r}", "must have a host")
    if match is None:
        form = "must be https://HOST[:PORT][/PATH], without user name, fragment or backslash"
        raise _bad("Webhook URL must include a hostname, and nothing but host, port, path and query", form)
    port = int(match["port"]) if match["port"] else _PORTS[scheme]
    if not 1 <= port <= 65535:
        raise _bad("Invalid webhook URL: there is no such port", "must have a port from 1 to 65535")
    path = match["path"] if match["path"].startswith("/") else "/" + match["path"]
    return Target(scheme, host, port, _encoded(path), trusted)


def check_addresses(target: Target, addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses of a target when every one of them may be connected to.

    Raises:
        BadInputError: there is none, or one is not public.
    """
    found = tuple(addresses)
    if not found:
        raise _bad(f"Cannot resolve Webhook URL hostname {target.host!r}", "must have a host that resolves")
    for each in found:
        if not target.trusted and not is_public(each):
            rule = "Webhook URL must not resolve to a non-public IP address."
            message = f"{rule} {target.host!r} resolves to {_spelled(each)}."
            raise _bad(message, "must lead to a public address", "the setting webhook_hosts allows others")
    return found


def is_public(text: str) -> bool:
    """Tell whether an address is one of the open internet; what wraps another counts as that one."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return False
    inner = _wrapped(address)
    if inner is not None:
        return is_public(str(inner))
    if any(address.version == each.version and address in each for each in _SET_APART):
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    if isinstance(address, ipaddress.IPv6Address):
        special = special or address.is_site_local or address.teredo is not None or bool(address.scope_id)
    return address.is_global and not special


def _wrapped(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside a mapped, 6to4 or NAT64 one."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _host(text: str) -> str:
    """Return a host in its one form."""
    if text.startswith("["):
        try:
            address = ipaddress.IPv6Address(text[1:-1])
        except ValueError as error:
            raise _bad(
                f"Invalid webhook URL: {text[:80]} is no address", "must name its host plainly"
            ) from error
        # RFC 5952, section 5: the IPv4 address inside is written as one.
        return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped else str(address)
    try:
        name = text.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError as error:
        raise _bad("Invalid webhook URL: its host is no name", "must name its host plainly") from error
    if _NUMBERED.fullmatch(name):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError as error:
            message = f"Webhook URL host {name[:80]!r} is not a canonical IP address literal."
            raise _bad(message, "must write an address as four decimal numbers") from error
    if not _HOST.fullmatch(name):
        raise _bad(f"Invalid webhook URL: {name[:80]!r} is no host name", "must name its host plainly")
    return name


def _spelled(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _encoded(path: str) -> str:
    """Return ``path`` in ASCII: other letters percent-encoded (RFC 3986, 2.5)."""
    return "".join(
        letter if letter.isascii() else "".join(f"%{byte:02X}" for byte in letter.encode()) for letter in path
    )


def _bad(message: str, rule: str, detail: str = "") -> BadInputError:
    return BadInputError(message, [Reason("url", rule, detail)])
