"""A command line that waits for its code on its own machine (RFC 8252), with a challenge (RFC 7636)."""

import base64
import hashlib
import hmac
import secrets
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from assay.core.errors import DeniedError, UnavailableError

PATH: Final = "/signed-in"
_DONE: Final = (
    b"<!doctype html><meta charset=utf-8><title>Assay</title>"
    b"<p>You are signed in. You can close this page and go back to your terminal."
)
_WRONG: Final = b"<!doctype html><meta charset=utf-8><title>Assay</title><p>This is not what was asked for."
_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


class Waiting:
    """One question to a browser: a verifier that stays here, and a loopback port where the code comes back.

    Only an answer with the right ``state`` counts; anything else that reaches the port is turned away, and
    the wait goes on.
    """

    def __init__(self, *, listen: bool = True) -> None:
        """Choose the secrets, and begin to listen if wanted.

        Args:
            listen: False where the code is typed.
        """
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(24)
        self.challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        )
        self._code = ""
        self._came = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) if listen else None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def redirect_uri(self) -> str:
        """Where the code comes back."""
        port = self._server.server_port if self._server else 0
        return f"http://127.0.0.1:{port}{PATH}"

    def code(self, wait_s: float) -> str:
        """Wait for the code and return it.

        Raises:
            DeniedError: nobody signed in in time.
        """
        if not self._came.wait(wait_s):
            raise DeniedError("nobody signed in in time", hint="try again, or use --no-browser")
        return self._code

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._thread.join()

    def _serve(self) -> None:
        if self._server:
            self._server.serve_forever(poll_interval=0.05)

    def _take(self, target: str) -> bool:
        parts = urlsplit(target)
        found = parse_qs(parts.query)
        state, code = found.get("state", []), found.get("code", [])
        if parts.path != PATH or len(state) != 1 or len(code) != 1 or self._came.is_set():
            return False
        if not hmac.compare_digest(state[0].encode(), self.state.encode()):
            return False
        self._code = code[0]
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        waiting = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                good = waiting._take(self.path)
                body = _DONE if good else _WRONG
                self.send_response(200 if good else 400)
                for name, value in _HEADERS.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if good:
                    waiting._came.set()

            def log_message(self, *_: object) -> None:
                """Say nothing: the code stands in the address."""

        return Handler


def open_browser(address: str) -> bool:
    """Open a browser at an address; tell whether there was one.

    Raises:
        UnavailableError: there is one, and it cannot be started.
    """
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError) as error:
        raise UnavailableError(f"the browser cannot be started: {error}", hint="use --no-browser") from error
