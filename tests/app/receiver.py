"""A receiver of webhooks on loopback: keeps what comes and answers what a test wants; with or without TLS."""

import inspect
import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Receiver:
    """What came, and what is answered.

    Attributes:
        came: (path, headers, body) of each request.
        answers: (status, headers, body) for the next requests; 200 when there is none left.
    """

    def __init__(self):
        self.came = []
        self.answers = []
        self.arrived = threading.Condition()
        self.url = ""

    def wait_for(self, count, seconds=60):
        """Wait until so many have come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.came) >= count, seconds), self.came
        return self.came


@contextmanager
def receiving(context=None, host="127.0.0.1", port=0):
    """Receive; ``context`` makes it speak TLS."""
    one = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, answer = one.answers.pop(0) if one.answers else (200, {}, b"thanks")
            with one.arrived:
                one.came.append((self.path, dict(self.headers), body.decode()))
                one.arrived.notify_all()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            pass  # a peer that breaks off is what some tests want

    with Server((host, port), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        one.url = f"{'https' if context else 'http'}://{host}:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield one
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def speaking(act):
    """Accept connections, each handed to ``act`` in a thread; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()
        threads = []

        def serve():
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=handle, args=(peer,)))
                threads[-1].start()

        def handle(peer):
            with peer, suppress(OSError):  # the client may have gone
                act(peer, stop)

        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


class Authority:
    """Makes certificates that a client of its own trusts."""

    def __init__(self, folder):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self._name = name
        uses = dict.fromkeys(inspect.signature(x509.KeyUsage).parameters, False)
        made = (
            self._builder(name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**uses | {"key_cert_sign": True}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        )
        self._certificate = made.sign(self._key, hashes.SHA256())

    def client(self):
        """Return what trusts this authority and no other."""
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, *names, past=False):
        """Return what speaks for these names; ``past`` makes a certificate that has run out."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = [x509.DNSName(name) for name in names if not name[0].isdigit()]
        alternative += [x509.IPAddress(ipaddress.ip_address(name)) for name in names if name[0].isdigit()]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = self._builder(subject, key, past=past)
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        file = self._folder / f"{names[0]}{'-past' if past else ''}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, subject, key, *, past=False):
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * DAY)
            .not_valid_after(now - DAY if past else now + DAY)
        )
