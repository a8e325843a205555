"""Identity providers over the network: what they say of themselves, their keys, and codes redeemed.

What a provider says is kept for a while, its keys likewise. A key that is not known is asked for at once,
but not more often than every half minute, so that forged tokens do not make this server ask all the time.
An empty set of keys is an error and never kept. A provider that does not answer, or not as it has to, is
left alone for two seconds, whoever asks; what was kept counts until its time is over and never longer.
"""

import ipaddress
import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import jwt

from assay.core.errors import BadInputError, DeniedError, Reason, UnavailableError
from assay.core.id_tokens import MAX_TOKEN_LENGTH, bad_token, checked_header, read_claims
from assay.core.ports.sign_in import Endpoints
from assay.core.sign_in import check_issuer

KEEP_S: Final = 600.0
REFRESH_S: Final = 30.0
DOWN_S: Final = 2.0
TIMEOUT_S: Final = 10.0
MAX_BYTES: Final = 512 * 1024
MAX_KEYS: Final = 100
MIN_RSA_BITS: Final = 2048  # NIST SP 800-131A
_KINDS: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_WELL_KNOWN: Final = "/.well-known/openid-configuration"


@dataclass(slots=True)
class _Kept:
    """What is known of one issuer, until when."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    document: Mapping[str, Any] = field(default_factory=dict)
    document_until: float = 0.0
    keys: tuple[Mapping[str, Any], ...] = ()
    keys_until: float = 0.0
    asked_at: float = float("-inf")
    down_until: float = 0.0


class HttpIssuers:
    """Implements ``core.ports.sign_in.Issuers``."""

    def __init__(
        self, *, transport: httpx.BaseTransport | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            transport: replaces the network, for tests.
            now: seconds that only go on.
        """
        self._transport = transport
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, _Kept] = {}

    def endpoints(self, issuer: str) -> Endpoints:
        """Return what a provider says of itself.

        Raises:
            UnavailableError: it does not answer, or not as a provider has to; it is named.
        """
        document = self._document(issuer)
        return Endpoints(
            issuer,
            _place(issuer, document, "authorization_endpoint", needed=False),
            _place(issuer, document, "token_endpoint", needed=False),
            document.get("authorization_response_iss_parameter_supported") is True,
        )

    def claims(self, issuer: str, token: str, algorithms: Collection[str]) -> Mapping[str, Any]:
        """Return the claims of a token that was signed with one of the issuer's published keys.

        Raises:
            DeniedError: it was not, or is malformed.
            UnavailableError: the issuer's keys cannot be had now; it is named.
        """
        algorithm, key_id = checked_header(token, algorithms)
        for key in self._fitting(issuer, algorithm, key_id):
            try:
                made = jwt.PyJWK(dict(key), algorithm=algorithm)
                if getattr(made.key, "key_size", MIN_RSA_BITS) < MIN_RSA_BITS and key["kty"] == "RSA":
                    continue
                found = jwt.PyJWS().decode_complete(token, made, algorithms=[algorithm])
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
            return read_claims(found["payload"])
        raise bad_token("signature", "must be by a key that the provider publishes")

    def redeem(self, issuer: str, client: tuple[str, str], form: Mapping[str, str]) -> str:
        """Redeem a code for the ID token that goes with it.

        Raises:
            DeniedError: the provider does not take the code.
            UnavailableError: it does not answer, or not as it has to; it is named.
        """
        document = self._document(issuer)
        place = _place(issuer, document, "token_endpoint", needed=True)
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        sent, auth = dict(form), None
        if client[1] and "client_secret_basic" in methods:
            # RFC 6749, 2.3.1: both are form-encoded before they become user name and password.
            auth = httpx.BasicAuth(quote(client[0], safe=""), quote(client[1], safe=""))
        else:
            sent |= {"client_id": client[0]} | ({"client_secret": client[1]} if client[1] else {})
        status, body = self._ask(issuer, "POST", place, data=sent, auth=auth)
        answer = _object(body)
        if 400 <= status < 500:
            said = str(answer.get("error", f"HTTP {status}"))[:60]
            detail = "".join(each for each in said if each.isprintable())
            reason = Reason("code", "must be one that the provider takes", detail)
            raise DeniedError("the provider did not let you in", [reason], hint="begin again")
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str) or len(token) > MAX_TOKEN_LENGTH:
            raise _broken(issuer, "gave no ID token")
        return token

    def _fitting(self, issuer: str, algorithm: str, key_id: str | None) -> list[Mapping[str, Any]]:
        """Return the published keys that a token of this header can be signed with."""
        kept = self._kept(issuer)
        with kept.lock:
            fresh = self._now() < kept.keys_until
            found = _chosen(kept.keys, algorithm, key_id) if fresh else []
            if found:
                return found
            if fresh and self._now() - kept.asked_at < REFRESH_S:
                raise bad_token("kid", "must be a key that the provider publishes", repr(key_id)[:80])
        document = self._document(issuer)
        with kept.lock:
            if self._now() >= kept.keys_until or self._now() - kept.asked_at >= REFRESH_S:
                kept.asked_at = self._now()
                kept.keys = self._keys(issuer, document)
                kept.keys_until = self._now() + KEEP_S
            found = _chosen(kept.keys, algorithm, key_id)
        if not found:
            raise bad_token("kid", "must be a key that the provider publishes", repr(key_id)[:80])
        return found

    def _keys(self, issuer: str, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
        status, body = self._ask(issuer, "GET", _place(issuer, document, "jwks_uri", needed=True))
        listed = _object(body).get("keys")
        keys = tuple(each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
        if status != 200 or not keys or len(keys) > MAX_KEYS:
            raise self._spared(issuer, "publishes no keys")
        return keys

    def _document(self, issuer: str) -> Mapping[str, Any]:
        kept = self._kept(issuer)
        with kept.lock:
            if self._now() < kept.document_until:
                return kept.document
            status, body = self._ask(issuer, "GET", issuer.rstrip("/") + _WELL_KNOWN)
            document = _object(body)
            # Discovery 1.0, 4.3: it must say that it is the one that was asked.
            if status != 200 or document.get("issuer") != issuer:
                raise self._spared(issuer, "does not describe itself under that address")
            kept.document, kept.document_until = document, self._now() + KEEP_S
            return document

    def _kept(self, issuer: str) -> _Kept:
        with self._lock:
            return self._known.setdefault(issuer, _Kept())

    def _ask(self, issuer: str, method: str, url: str, **more: Any) -> tuple[int, bytes]:
        """Send one request and return (status, body); no redirect is followed."""
        if self._now() < self._kept(issuer).down_until:
            raise _broken(issuer, "cannot be reached (it did not answer as it has to a moment ago)")
        local = _is_loopback(urlsplit(url).hostname or "")
        try:
            with (
                httpx.Client(
                    timeout=TIMEOUT_S,
                    follow_redirects=False,
                    trust_env=not local,
                    verify=url.startswith("https:"),
                    transport=self._transport,
                ) as http,
                http.stream(method, url, headers={"Accept": "application/json"}, **more) as response,
            ):
                body = bytearray()
                deadline = self._now() + TIMEOUT_S
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES or self._now() > deadline:
                        raise self._spared(issuer, "says too much, or too slowly")
                return response.status_code, bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self._spared(issuer, f"cannot be reached ({type(error).__name__})") from error

    def _spared(self, issuer: str, what: str) -> UnavailableError:
        """Leave a provider alone for a moment, so that nobody waits for nothing; return what to say."""
        self._kept(issuer).down_until = self._now() + DOWN_S
        return _broken(issuer, what)


def _chosen(
    keys: Collection[Mapping[str, Any]], algorithm: str, key_id: str | None
) -> list[Mapping[str, Any]]:
    """Return the keys of that id, of the kind that the algorithm wants and meant for it.

    A token without a key id may only be of the one key there is (OpenID Connect Core, section 10.1).
    """
    kind, curve = _KINDS[algorithm[:2]], _CURVES.get(algorithm)
    fitting = [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (curve is None or key.get("crv") == curve)
    ]
    if key_id is None:
        return fitting if len(fitting) == 1 else []
    return [key for key in fitting if key.get("kid") == key_id]


def _place(issuer: str, document: Mapping[str, Any], name: str, *, needed: bool) -> str:
    """Return an address that the provider names; https, but where the provider itself is on loopback."""
    url = document.get(name)
    if url is None and not needed:
        return ""
    plain = isinstance(url, str) and url.startswith("http:") and issuer.startswith("http:")
    if not isinstance(url, str) or not (url.startswith("https:") or plain):
        raise _broken(issuer, f"names no {name}")
    try:
        check_issuer(url.partition("?")[0], name)
    except BadInputError as error:
        raise _broken(issuer, f"names no {name}") from error
    return url


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _broken(issuer: str, what: str) -> UnavailableError:
    return UnavailableError(f"the identity provider {issuer} {what}", hint="try again; else ask its operator")
