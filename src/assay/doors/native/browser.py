"""``/auth``: browsers sign in and out, command lines redeem codes, jobs exchange identity tokens.

These routes ask for no token: they are where one comes from. What they do waits for identity providers, so
it has threads of its own; when a provider is slow, only those who sign in wait.
"""

import asyncio
import html
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from assay.core.errors import BadInputError, DeniedError, Reason
from assay.doors.native.errors import NO_STORE
from assay.doors.native.serving import Handler
from assay.http.bodies import SHORT_BYTES
from assay.http.callers import from_own_page
from assay.http.cookies import AWAY, SESSION, cookie_in, session_in, set_cookie
from assay.http.exchanges import current
from assay.http.replies import Reply
from assay.http.requests import Request
from assay.usecases.bundle import UseCases
from assay.usecases.ci_exchange import MintError
from assay.usecases.signing_in import AWAY as AWAY_FOR
from assay.usecases.signing_in import CALLBACK, Landing, Wanted
from assay.wire.codec import decode_strict, encode
from assay.wire.sign_in import CodeForToken, MintProblem, MintRefusal, MintRequest

_Answer = Callable[[Request, bytes], Reply]
LOGIN: Final = "/auth/login"
LANDINGS: Final = (LOGIN, CALLBACK)
THREADS: Final = 8
MAX_QUERY_LENGTH: Final = 8 * 1024
_ASKED: Final = ("next", "redirect_uri", "code_challenge", "state")
_PAGE_HEADERS: Final = {
    **NO_STORE,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class Browsers:
    """Makes the handlers below ``/auth``."""

    def __init__(self, use: UseCases, public_url: str = "") -> None:
        """Keep the use cases.

        Args:
            use: what is called.
            public_url: how browsers reach the server; "" when it is by the Host they name, on loopback.
        """
        self._use = use
        self._public_url = public_url
        self._threads = ThreadPoolExecutor(THREADS, "assay-sign-in")

    def handlers(self) -> Iterator[tuple[str, str, Handler]]:
        """Yield method, path and handler of each route."""
        table: tuple[tuple[str, str, _Answer], ...] = (
            ("GET", "/auth/offer", self._offer),
            ("GET", LOGIN, self._login),
            ("GET", CALLBACK, self._callback),
            ("POST", "/auth/token", self._token),
            ("POST", "/auth/logout", self._logout),
            ("GET", "/auth/ci/audience", self._audience),
            ("POST", "/auth/ci/mint-token", self._mint),
        )
        for method, path, answer in table:
            yield method, path, self._handler(method, path, answer)

    def _handler(self, method: str, path: str, answer: _Answer) -> Handler:
        async def handle(request: Request) -> Reply:
            exchange = current()
            exchange.route = path
            exchange.charge(f"address {request.client_host}")  # it is not known whose it is
            body = await request.body(SHORT_BYTES) if method == "POST" else b""
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, copy_context().run, answer, request, body)

        return handle

    def _offer(self, _request: Request, _body: bytes) -> Reply:
        return _json(self._use.signing_in.offer())

    def _login(self, request: Request, _body: bytes) -> Reply:
        asked = _query(request, _ASKED)
        wanted = Wanted(**{name: value for name, value in asked.items() if value})
        departure = self._use.signing_in.begin(wanted, self._address(request))
        # Without its padding a value needs no quotes.
        sealed = departure.sealed.rstrip("=")
        return _sent_to(departure.url, [self._cookie(AWAY, sealed, int(AWAY_FOR.total_seconds()))])

    def _callback(self, request: Request, _body: bytes) -> Reply:
        answer = _query(request)
        sealed = cookie_in(request.headers, AWAY, secure=self.secure)
        sealed += "=" * (-len(sealed) % 4)
        landing = self._use.signing_in.finish(answer, sealed, self._address(request))
        cookies = [self._cookie(AWAY, "", 0)]
        if landing.session:
            lifetime = int(self._use.signing_in.lifetime.total_seconds())
            cookies.append(self._cookie(SESSION, landing.session, lifetime))
        return _sent_to(self._own(landing), cookies) if landing.place else _code_page(landing, cookies)

    def _token(self, _request: Request, body: bytes) -> Reply:
        sent = decode_strict(body or b"{}", CodeForToken)
        return _json(self._use.signing_in.redeem(sent.code, sent.code_verifier))

    def _logout(self, request: Request, _body: bytes) -> Reply:
        cookie = session_in(request.headers, secure=self.secure)
        if not cookie:
            raise DeniedError("there is no session here to end", authenticate=True)
        if not from_own_page(request.headers):
            raise DeniedError("a web page may not reach this server", [Reason("Origin", "must be own")])
        self._use.sessions.leave(cookie)
        return Reply(status=204, headers=NO_STORE, more=(self._cookie(SESSION, "", 0),))

    def _audience(self, _request: Request, _body: bytes) -> Reply:
        return _json(self._use.ci_exchange.audience())

    def _mint(self, _request: Request, body: bytes) -> Reply:
        try:
            try:
                sent = decode_strict(body, MintRequest)
            except BadInputError as error:
                raise MintError("invalid-payload", "; ".join(map(str, error.reasons))) from error
            return _json(self._use.ci_exchange.mint(sent))
        except MintError as error:
            problem = MintProblem(error.code, error.description)
            return _json(MintRefusal("Token request failed", (problem,)), 422)

    def _cookie(self, name: str, value: str, seconds: int) -> tuple[str, str]:
        return "Set-Cookie", set_cookie(name, value, seconds, secure=self.secure)

    @property
    def secure(self) -> bool:
        """Whether browsers reach the server by https."""
        return self._public_url.startswith("https:")

    def _address(self, request: Request) -> str:
        """Return the address to which a browser comes back; on loopback the guard has judged its host."""
        return self._public_url or f"http://{request.headers.get('host', '127.0.0.1')}"

    def _own(self, landing: Landing) -> str:
        """Return where a browser goes: a command line's address, or a path below this server's own."""
        if not landing.session:
            return landing.place
        return urlsplit(self._public_url).path + landing.place


def _query(request: Request, known: tuple[str, ...] = ()) -> Mapping[str, str]:
    """Return the query parameters, each once; a provider may send more than are known here."""
    text = request.query.decode("latin1")
    if len(text) > MAX_QUERY_LENGTH:
        raise BadInputError.of("query", f"must have at most {MAX_QUERY_LENGTH} characters")
    found = parse_qs(text, keep_blank_values=True, max_num_fields=50)
    for name, values in found.items():
        if len(values) > 1:
            raise BadInputError.of(name[:60], "must be given at most once")
        if known and name not in known:
            raise BadInputError.of(name[:60], "unknown query parameter", "known: " + ", ".join(known))
    return {name: values[0] for name, values in found.items()}


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(encode(value), status, headers=NO_STORE)


def _sent_to(url: str, cookies: list[tuple[str, str]]) -> Reply:
    return Reply(status=303, headers={**_PAGE_HEADERS, "Location": url}, more=tuple(cookies))


def _code_page(landing: Landing, cookies: list[tuple[str, str]]) -> Reply:
    code, name = html.escape(landing.code), html.escape(landing.name)
    page = _PAGE.format(name=name, code=code).encode()
    return Reply(page, 200, "text/html; charset=utf-8", _PAGE_HEADERS, tuple(cookies))


_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Assay: sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}
code{{display:block;padding:.75rem;border:1px solid #8886;border-radius:.4rem;word-break:break-all}}
:root{{color-scheme:light dark}}</style></head><body>
<h1>Signed in as {name}</h1>
<p>Paste this code into the terminal in which you typed <b>assay login</b>, and nowhere else. It is good
for five minutes, once, and lets whoever has it act as you. If you did not type that, close this page.</p>
<code>{code}</code></body></html>"""
