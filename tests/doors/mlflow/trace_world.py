"""The MLflow door in process, with a writer of OTLP protobuf that knows nothing of the reader."""

import json
import struct

from assay.app.system import SystemChance, SystemClock
from assay.core.tracking.experiments import Experiment
from assay.doors.mlflow import mlflow_app
from assay.usecases.bundle import UseCases
from doors.native.asgi import ask
from usecases.fresh_means import fresh_means

TRACE = "0123456789abcdef0123456789abcdef"
ROOT, CHILD = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
ID = f"tr-{TRACE}"


class TraceWorld:
    """The door over a real store, and an experiment in it."""

    def __init__(self, root):
        self.means = fresh_means(root, SystemClock(), SystemChance())
        self.use = UseCases.over(self.means)
        self.app = mlflow_app(self.use, loopback=True, anonymous=True)
        self.experiment = self.make("traced")

    def make(self, name):
        """Add an experiment; return its id as this protocol writes it."""
        with self.means.database.write() as records:
            made = records.experiments.add(Experiment(-1, "default", name, "mlflow-artifacts:/x", 0, 0))
        return str(made.id)

    def send(self, method, path, body=None, headers=()):
        """Send JSON (or bytes) below /api/; a path that begins with a slash is whole."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = [] if body is None or isinstance(body, bytes) else [("content-type", "application/json")]
        path = path if path.startswith("/") else f"/api/{path}"
        return ask(self.app, method, path, [*kind, *headers], chunks=(content,))

    def good(self, method, path, body=None):
        """Send what must succeed; return the document."""
        answer = self.send(method, path, body)
        assert answer.status == 200, answer.body
        return answer.json

    def bad(self, method, path, body=None):
        """Send what must fail; return (status, code, message)."""
        answer = self.send(method, path, body)
        assert answer.status >= 400, answer.body
        return answer.status, answer.json["error_code"], answer.json["message"]

    def export(self, body, *headers, kind="application/x-protobuf"):
        """Send OTLP for the experiment."""
        place = [] if any(name == "x-mlflow-experiment-id" for name, _ in headers) else [self.place]
        return self.send("POST", "/v1/traces", body, [("content-type", kind), *place, *headers])

    @property
    def place(self):
        """The header that names the experiment."""
        return "x-mlflow-experiment-id", self.experiment

    def declared(self, trace_id=ID, **more):
        """The summary of a trace, as a client writes it."""
        info = {
            "trace_id": trace_id,
            "trace_location": {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": self.experiment},
            },
            "request_time": "2026-11-24T15:54:32.918Z",
            "execution_duration": "0.068s",
            "state": "OK",
            "trace_metadata": {"mlflow.source.type": "LOCAL"},
            "tags": {"mlflow.traceName": "outer"},
            **more,
        }
        return {"trace": {"trace_info": info}}

    def close(self):
        """Let go of the store."""
        self.means.database.close()


def varint(number):
    """A whole number (protobuf.dev, "Base 128 Varints")."""
    number &= 2**64 - 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    """A field: bytes and texts by length, whole numbers as varint, floats as fixed64."""
    if isinstance(content, float):
        return varint(number << 3 | 1) + struct.pack("<d", content)
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def fixed(number, value):
    """A fixed64 field."""
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def any_value(value):
    """``AnyValue``."""
    if value is None:
        return b""
    if isinstance(value, bool):
        return field(2, int(value))
    if isinstance(value, list):
        return field(5, b"".join(field(1, any_value(each)) for each in value))
    if isinstance(value, dict):
        return field(6, b"".join(field(1, key_value(*each)) for each in value.items()))
    number = {str: 1, int: 3, float: 4, bytes: 7}[type(value)]
    return field(number, value)


def key_value(key, value):
    """``KeyValue``."""
    return field(1, key) + field(2, any_value(value))


def otlp_span(span_id=ROOT, parent="", trace=TRACE, attributes=None, **more):
    """``Span``."""
    parts = [
        field(1, bytes.fromhex(trace)),
        field(2, bytes.fromhex(span_id)),
        field(4, bytes.fromhex(parent)) if parent else b"",
        field(5, more.get("name", "step")),
        field(6, 1),
        fixed(7, more.get("start", 1_795_535_672_918_000_001)),
        fixed(8, more.get("end", 1_795_535_672_986_000_002)),
        *(field(9, key_value(*each)) for each in (attributes or {}).items()),
        *(field(11, event) for event in more.get("events", ())),
        *(field(13, link) for link in more.get("links", ())),
        field(15, field(2, more.get("message", "")) + field(3, more.get("code", 1))),
    ]
    return b"".join(parts)


def otlp(*spans, resource=None):
    """``ExportTraceServiceRequest``."""
    said = b"".join(field(1, key_value(*each)) for each in (resource or {}).items())
    return field(1, field(1, said) + field(2, b"".join(field(2, span) for span in spans)))
