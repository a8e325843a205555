"""The command line against a server on loopback that answers what a test put down."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.cli.connection import CONNECTION, Connection
from assay.cli.main import app, run
from assay.core.access import Grant, Principal, PrincipalKind, Role, Scope, Token
from assay.core.audit import GENESIS, AuditEvent, ChainReport, chain, event_leaf
from assay.core.audit_files import Header, ProvenEvent, PublicKey
from assay.core.checkpoints import Head, LogKey, head_text, sign_head
from assay.core.comparison import Change, VersionDiff
from assay.core.digests import Digest, FileEntry, Manifest, digest_of
from assay.core.dossier import Decision
from assay.core.evidence import Evidence, Measurement, Origin
from assay.core.jobs import Job, JobState
from assay.core.merkle import completed, inclusion_proof, root_of
from assay.core.names import ModelName
from assay.core.promotions import Promotion, PromotionState, StageMove
from assay.core.provenance import (
    Code,
    DataReference,
    DataRole,
    Environment,
    Hardware,
    Provenance,
    TableFormat,
)
from assay.core.publishers import GITHUB, Provider, Publisher
from assay.core.quotas import Quota
from assay.core.search import ModelSummary, Page, VersionSummary
from assay.core.semver import SemVer
from assay.core.sign_in import GroupRole
from assay.core.sign_in import Identity as Linked
from assay.core.signatures import DType, Field, Signature, diff_signatures
from assay.core.stages import Stage
from assay.core.verdicts import Finding, Outcome, conclude
from assay.core.versions import FileFormat, Model, Version
from assay.wire import codec
from assay.wire.audit_lines import write_lines
from assay.wire.quotas import Recounted
from assay.wire.sign_in import EndedSessions
from assay.wire.views import (
    CreatedToken,
    DeliveryView,
    FiledEvidence,
    Health,
    HookAnswer,
    HookView,
    Identity,
    PolicyView,
)

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
M = ModelName("fraud/transactions")
D = digest_of(b"weights")


@dataclass
class Result:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as a document."""
        return json.loads(self.out)


@dataclass
class FakeServer:
    """Answers by method and path; a list of answers is given one after the other, the last for ever."""

    answers: dict[tuple[str, str], list[tuple[int, bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    url: str = ""

    def put(self, method: str, path: str, *documents: Any, status: int = 200) -> None:
        """Answer with these documents."""
        bodies = [each if isinstance(each, bytes) else codec.encode(each) for each in documents]
        bare = path == "/healthz" or path.startswith("/auth/")
        self.answers[method, path if bare else f"/api/v1{path}"] = [(status, body) for body in bodies]

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Look up what was put down."""
        self.asked.append((method, unquote(target), body))
        found = self.answers.get((method, unquote(target.partition("?")[0])))
        if not found:
            document = {"kind": "not_found", "message": f"nothing at {method} {target}"}
            return 404, json.dumps(document).encode()
        return found.pop(0) if len(found) > 1 else found[0]

    def body_of(self, method: str, part: str) -> Any:
        """Return the body of the last such request."""
        bodies = [body for verb, target, body in self.asked if verb == method and part in target]
        return json.loads(bodies[-1])


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server on loopback."""
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            status, body = fake.answer(self.command, self.path, self.rfile.read(size))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _handle  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        fake.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        http.shutdown()
        thread.join()


@pytest.fixture
def assay(server, capsys, monkeypatch, tmp_path_factory) -> Callable[..., Result]:
    """Run a command in this process against the server."""
    monkeypatch.setenv("ASSAY_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("ASSAY_URL", server.url)
    monkeypatch.delenv("ASSAY_TOKEN", raising=False)

    def call(*arguments: object) -> Result:
        CONNECTION.set(Connection())
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return Result(int(ended.value.code or 0), out, err)

    return call


def make_version() -> Version:
    manifest = Manifest([FileEntry("model.skops", D, 7), FileEntry("tests/test_model.py", D, 7)])
    return Version(
        model=M,
        number=12,
        semver=SemVer(1, 2, 0),
        digest=manifest.digest,
        size_bytes=manifest.size_bytes,
        files=manifest.entries,
        formats=(FileFormat("model.skops", "skops", "data", "names its types"),),
        entrypoint="model.skops",
        signature=Signature(
            (Field("age", DType.FLOAT64, nullable=True),),
            (Field("prediction", DType.STRING, classes=("no", "yes")),),
        ),
        provenance=Provenance(
            data=(DataReference(DataRole.TRAINING, D, 7, "train.csv", TableFormat.CSV, "y", 80),),
            code=Code("a" * 40, dirty=True, repository="https://example.org/r"),
            hyperparameters={"C": 0.5},
            metrics={"accuracy": 0.97},
            environment=Environment("3.11.4", "linux", ("numpy==2.1.0", "local @ file:///x")),
            hardware=Hardware("CPU", 8, 2**34),
            architecture="Pipeline(SVC)",
        ),
        bump_reasons=("training data changed",),
        registered_at=NOON,
        registered_by="ann",
        description="spots \x1b[31mfraud",
        tags={"owner": "ann"},
        labels=("tabular",),
        aliases=("champion",),
    )


def make_promotion(state: PromotionState) -> Promotion:
    measured = Finding("accuracy >= 0.95", Outcome.PASS, "0.97")
    low = Finding("accuracy >= 0.99", Outcome.FAIL, "0.97", "train longer")
    missing = Finding(
        "1 approval", Outcome.INCONCLUSIVE, "0", "an approver of fraud/transactions has to say yes"
    )
    refused = state is PromotionState.REFUSED
    verdicts = (
        conclude("metrics", [measured, *([low] if refused else [])], [D], "measured"),
        conclude("approval", [missing]),
    )
    return Promotion(
        id="prm_1",
        model=M,
        number=12,
        semver=SemVer(1, 2, 0),
        digest=D,
        source=Stage.STAGING,
        target=Stage.PRODUCTION,
        policy_digest=D,
        policy_name="* (revision 1)",
        replaces=11,
        requested_by="ann",
        requested_at=NOON,
        expires_at=NOON + timedelta(days=14),
        comment="ship it",
        state=state,
        verdicts=() if state in (PromotionState.REQUESTED, PromotionState.CHECKING) else verdicts,
        request_digest=digest_of(b"request"),
        decisions=(Decision("eve", approve=True, at=NOON, request_digest=digest_of(b"request")),),
        outcome="" if state.is_open else "as told",
    )


def make_events(count: int) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    for index in range(count):
        entry = {
            "at": NOON + timedelta(seconds=index, microseconds=index),
            "actor": "ann",
            "verb": "model.annotate",
            "subject": M,
            "before": {"tags": {"x": 0.1}} if index else None,
            "after": {"text": "grün", "n": index},
        }
        last = events[-1] if events else None
        events.append(chain(entry, last.seq if last else 0, last.hash if last else GENESIS))
    return events


PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOG_KEY = LogKey("assay/log_1", PRIVATE.public_key().public_bytes_raw())


def make_head(events: list[AuditEvent], key: LogKey = LOG_KEY, private: Ed25519PrivateKey = PRIVATE) -> Head:
    root = root_of(map(event_leaf, events))
    text = head_text(key.name, len(events), Digest(f"sha256:{root.hex()}"), NOON)
    return sign_head(text, key, private.sign(text.encode()))


def make_proof(events: list[AuditEvent], seq: int) -> ProvenEvent:
    nodes: dict[tuple[int, int], bytes] = {}

    def look(level: int, at: int) -> bytes:
        return nodes[level, at]

    for place, event in enumerate(events):
        grown = completed(place, event_leaf(event), look)
        nodes |= {(level, at): found for level, at, found in grown}
    path = inclusion_proof(seq - 1, len(events), look)
    digests = tuple(Digest(f"sha256:{each.hex()}") for each in path)
    return ProvenEvent(events[seq - 1], len(events), digests, make_head(events).note)


def make_export(events: list[AuditEvent], *heads: Head, key: LogKey = LOG_KEY) -> bytes:
    return b"".join(write_lines([Header(str(key)), *heads, *events]))


class LogMaker:
    """What a server would say of logs."""

    key = LOG_KEY
    events = staticmethod(make_events)
    head = staticmethod(make_head)
    proof = staticmethod(make_proof)
    export = staticmethod(make_export)


VERSION = make_version()
SUMMARY = VersionSummary(
    M,
    12,
    SemVer(1, 2, 0),
    D,
    7,
    "skops",
    Stage.STAGING,
    NOON,
    "ann",
    metrics={"accuracy": 0.97},
    aliases=("champion",),
)
MOVE = StageMove(
    M, 12, SemVer(1, 2, 0), Stage.STAGING, Stage.PRODUCTION, "promote", "ann", NOON, comment="ship it"
)
EVIDENCE = FiledEvidence(
    D,
    Evidence(
        M,
        12,
        VERSION.digest,
        "metrics",
        Origin.MEASURED,
        "worker",
        NOON,
        NOON,
        Measurement(facts={"rows": 40, "metrics": {"accuracy": 0.97}}),
    ),
)
JOB = Job("job_1", M, 12, "metrics", {}, NOON, "ann", state=JobState.QUEUED)
DONE = Job("job_1", M, 12, "metrics", {}, NOON, "ann", state=JobState.DONE, attempts=1, evidence=D)
POLICY = PolicyView(
    "*",
    1,
    D,
    NOON,
    "assay",
    {
        "applies_to": "*",
        "description": "the default",
        "gates": {
            "staging": [{"unit_tests": {}}, {"metrics": {"minimum": {"accuracy": 0.95}}}],
            "production": [{"approval": {"count": 1}}],
        },
    },
    "",
)
PERSON = Principal("ann", PrincipalKind.PERSON, NOON, display_name="Ann")
GRANT = Grant("ann", Role.MAINTAINER, "fraud/*", frozenset({Stage.STAGING}))
TOKEN = Token(
    "0123456789abcdef", "ann", "", frozenset({Scope.READ}), "*", NOON, NOON + timedelta(days=90), "ann"
)
DIFF = VersionDiff(
    left=f"{M}/v1.1.0",
    right=f"{M}/v1.2.0",
    signature=diff_signatures(
        Signature((Field("age", DType.INT64),), (Field("y", DType.STRING),)),
        Signature((Field("age", DType.FLOAT64),), (Field("y", DType.STRING),)),
    ),
    signature_note="",
    metrics=(Change("accuracy", 0.9, 0.97),),
    hyperparameters=(),
    environment=(),
    files=(Change("model.skops", D, digest_of(b"other")),),
    data=(),
    provenance=(),
)
HOOK = HookView(
    "0123",
    "chat",
    "https://hooks.example.org/x",
    ("model_version.transitioned",),
    "tells the team",
    "ACTIVE",
    signed=True,
    created_at=NOON,
    changed_at=NOON,
)
DELIVERY = DeliveryView(
    "4567", "model_version.transitioned", 9, "waiting", 1, NOON, NOON, 503, "answered 503", None
)
LINKED = Linked("https://i", "s", "ann", NOON, "root")
PUBLISHER = Publisher(
    "0123456789abcdef", "fraud/*", "publisher.0123456789abcdef", Provider.GITHUB, GITHUB, NOON, "ann"
)
GROUP_ROLE = GroupRole("ml", "fraud/*", Role.READER)
MODEL = Model(M, NOON, "ann", "finds fraud", {"owner": "ann"}, ("tabular",))
MODELS = Page(
    (ModelSummary(M, NOON, "ann", "finds fraud", {}, (), 3, SemVer(1, 2, 0), SemVer(1, 1, 0), None),), "next"
)
V = f"/models/{M}/versions/v1.2.0"


@pytest.fixture
def stocked(server) -> FakeServer:
    """The server with one answer for every route that the commands use."""
    for method, path, document in (
        ("GET", "/healthz", Health("ok", "0.1.0", datetime.now(UTC))),
        ("GET", "/whoami", Identity(PERSON, (GRANT,), ("read",), "*")),
        ("GET", "/models", MODELS),
        ("GET", f"/models/{M}", MODEL),
        ("PATCH", f"/models/{M}", MODEL),
        ("GET", f"/models/{M}/history", (MOVE,)),
        ("PUT", f"/models/{M}/aliases/champion", {"address": f"{M}/v1.2.0"}),
        ("DELETE", f"/models/{M}/aliases/champion", b""),
        ("POST", f"/models/{M}/versions", VERSION),
        ("POST", f"/models/{M}/rollback", MOVE),
        ("GET", V, VERSION),
        ("PATCH", V, VERSION),
        ("DELETE", V, b""),
        ("GET", f"{V}/evidence", (EVIDENCE,)),
        ("POST", f"{V}/evidence", EVIDENCE),
        ("GET", f"{V}/checks", (DONE,)),
        ("POST", f"{V}/checks", JOB),
        ("POST", f"{V}/promotions", make_promotion(PromotionState.AWAITING_APPROVAL)),
        ("POST", f"{V}/demote", MOVE),
        ("POST", f"{V}/archive", MOVE),
        ("POST", f"{V}/restore", MOVE),
        ("GET", "/promotions", (make_promotion(PromotionState.CHECKING),)),
        ("GET", "/promotions/prm_1", make_promotion(PromotionState.AWAITING_APPROVAL)),
        ("POST", "/promotions/prm_1/approve", make_promotion(PromotionState.PROMOTED)),
        ("POST", "/promotions/prm_1/reject", make_promotion(PromotionState.REFUSED)),
        ("POST", "/promotions/prm_1/cancel", make_promotion(PromotionState.CANCELLED)),
        ("GET", "/versions", Page((SUMMARY,))),
        ("GET", "/resolve", SUMMARY),
        ("GET", "/diff", DIFF),
        ("GET", "/policies", (POLICY,)),
        ("GET", "/policies/applying", POLICY),
        ("GET", "/policies/history", (POLICY,)),
        ("PUT", "/policies", POLICY),
        ("POST", "/policies/switch", POLICY),
        ("GET", "/audit/verify", ChainReport(2, D)),
        ("POST", "/principals", PERSON),
        ("GET", "/principals", (PERSON,)),
        ("PATCH", "/principals/ann", PERSON),
        ("PUT", "/principals/ann/password", b""),
        ("GET", "/grants", (GRANT,)),
        ("PUT", "/grants", GRANT),
        ("DELETE", "/grants", b""),
        ("POST", "/tokens", CreatedToken(TOKEN, "assay_secret")),
        ("GET", "/tokens", (TOKEN,)),
        ("DELETE", "/tokens/0123456789abcdef", b""),
        ("POST", "/principals/ann/identities", LINKED),
        ("GET", "/principals/ann/identities", (LINKED,)),
        ("DELETE", "/principals/ann/identities", b""),
        ("DELETE", "/principals/ann/sessions", EndedSessions(2)),
        ("PUT", "/sign-in/groups", GROUP_ROLE),
        ("GET", "/sign-in/groups", (GROUP_ROLE,)),
        ("DELETE", "/sign-in/groups", b""),
        ("POST", "/publishers", PUBLISHER),
        ("GET", "/publishers", (PUBLISHER,)),
        ("DELETE", "/publishers/0123456789abcdef", b""),
        ("PUT", "/quotas", Quota("fraud", 5, 2 * 10**12)),
        ("GET", "/quotas", (Quota("fraud", 5, 2 * 10**12), Quota("other", 7))),
        ("DELETE", "/quotas", b""),
        ("POST", "/quotas/recount", (Recounted("fraud", 4, 5),)),
        ("POST", "/webhooks", HOOK),
        ("GET", "/webhooks", Page((HOOK,))),
        ("GET", "/webhooks/0123", HOOK),
        ("PATCH", "/webhooks/0123", HOOK),
        ("DELETE", "/webhooks/0123", b""),
        ("POST", "/webhooks/0123/test", HookAnswer(delivered=True, status=200, text="ok", problem="")),
        ("GET", "/webhooks/0123/deliveries", (DELIVERY,)),
        ("GET", f"/models/{M}/versions/12/files/model.skops", b"weights"),
        ("GET", f"/models/{M}/versions/12/files/tests/test_model.py", b"weights"),
    ):
        server.put(method, path, document)
    events = make_events(3)
    server.put("GET", "/audit", tuple(events), ())
    server.put("GET", "/audit/head", make_head(events))
    server.put("GET", "/audit/key", PublicKey(str(LOG_KEY)))
    server.put("GET", "/audit/proof", make_proof(events, 2))
    server.put("GET", "/audit/export", make_export(events, make_head(events)))
    server.put("PUT", f"/blobs/{digest_of(b'<testsuite/>')}", {"digest": D, "size_bytes": 7}, status=201)
    server.put("PUT", f"/blobs/{D}", {"digest": D, "size_bytes": 7}, status=201)
    return server


@pytest.fixture
def promotion_in() -> Callable[[PromotionState], Promotion]:
    """Return a maker of promotions in a state."""
    return make_promotion


@pytest.fixture
def log_of() -> LogMaker:
    """Return a maker of logs with heads and proofs."""
    return LogMaker()


@pytest.fixture
def events_of() -> Callable[[int], list[AuditEvent]]:
    """Return a maker of whole chains of so many events."""
    return make_events


@pytest.fixture(scope="session")
def commands() -> dict[str, Any]:
    """Every command by the words that call it."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        below = getattr(command, "commands", None)
        if below is None:
            found[" ".join(words)] = command
            return
        for name, each in below.items():
            walk(each, (*words, name))

    walk(typer.main.get_command(app), ())
    return found
