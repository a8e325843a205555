"""A line to a store that does what lines and stores do on bad days, when it is told to."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Faults:
    """What goes wrong, and how often it will.

    A fault is a function of (method, path) that says whether this request is hit; each is hit ``times``.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.left = {}
        self.hit = 0
        self.seen = []

    def plan(self, kind, times=1, when=lambda _method, _path: True):
        """Let ``kind`` happen to the next so many requests that fit."""
        with self.lock:
            self.left[kind] = [times, when]

    def take(self, kind, method, path):
        """Say whether this request is hit."""
        with self.lock:
            times, when = self.left.get(kind, (0, None))
            if not times or not when(method, path):
                return False
            self.left[kind][0] -= 1
            self.hit += 1
            return True


@contextmanager
def proxy(target):  # noqa: C901 - one fault after the other
    """Stand between a client and ``target``; yields the address and the faults."""
    faults = Faults()
    host = urlsplit(target).netloc

    class Line(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words):
            pass

        def pass_on(self):
            method, path = self.command, self.path
            faults.seen.append((method, path))
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if faults.take("cut before", method, path):
                self.connection.close()
                self.close_connection = True
                return
            for status, code in ((500, "InternalError"), (503, "SlowDown"), (403, "AccessDenied")):
                if faults.take(str(status), method, path):
                    self.answer(status, {}, f"<Error><Code>{code}</Code></Error>".encode())
                    return
            if body and faults.take("damage sent", method, path):
                body = body[:-1] + bytes([body[-1] ^ 1])
            line = http.client.HTTPConnection(host, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            line.request(method, path, body, {**headers, "Host": self.headers["host"]})
            came = line.getresponse()
            content = came.read()
            headers = {name.lower(): value for name, value in came.getheaders()}
            line.close()
            if faults.take("cut after", method, path):
                self.connection.close()
                self.close_connection = True
                return
            if content and faults.take("damage received", method, path):
                middle = len(content) // 2
                content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            if "etag" in headers and faults.take("other tag", method, path):
                headers["etag"] = '"' + "0" * 32 + '"'
            half = faults.take("cut in the middle", method, path)
            self.answer(came.status, headers, content, half=half)

        def answer(self, status, headers, content, half=False):
            self.send_response(status)
            for name, value in headers.items():
                if name not in HOP | {"date", "server"}:
                    self.send_header(name, value)
            size = headers.get("content-length") if self.command == "HEAD" else None
            self.send_header("content-length", size or str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content[: len(content) // 2] if half else content)
            if half:
                self.wfile.flush()
                self.connection.close()
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Line)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", faults
    finally:
        server.shutdown()
        server.server_close()
