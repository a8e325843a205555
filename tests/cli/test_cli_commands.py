"""Every command: what it prints for people, its document for programs, its exit code."""

import io
import json
import os
import subprocess
import sys

import pytest

from assay.core.digests import digest_of
from assay.core.errors import LEAVES, Reason
from assay.wire import codec
from assay.wire.views import ErrorDocument

M = "fraud/transactions"
A = f"{M}/v1.2.0"
D = digest_of(b"weights")

# command line -> (method, path) of the document it shows; None where the answer has no document
CASES = [
    (["list"], ("GET", "/models")),
    (["list", M], ("GET", "/versions")),
    (["show", M], ("GET", f"/models/{M}")),
    (["show", A], ("GET", f"/models/{M}/versions/v1.2.0")),
    (
        ["search", "fraud", "--metric", "accuracy>=0.9", "--tag", "owner", "--stage", "staging"],
        ("GET", "/versions"),
    ),
    (["resolve", f"{M}@production"], ("GET", "/resolve")),
    (["diff", f"{M}/v1.1.0", A], ("GET", "/diff")),
    (["history", M], ("GET", f"/models/{M}/history")),
    (["delete", A, "--yes"], None),
    (["alias", "set", A, "champion"], ("PUT", f"/models/{M}/aliases/champion")),
    (["alias", "remove", M, "champion"], None),
    (["alias", "list", M], None),
    (["tag", M, "owner=ann", "--remove", "old"], ("PATCH", f"/models/{M}")),
    (["tag", A, "--label", "gold", "--description", "d"], ("PATCH", f"/models/{M}/versions/v1.2.0")),
    (["check", "run", A, "metrics"], None),
    (["check", "list", A], ("GET", f"/models/{M}/versions/v1.2.0/checks")),
    (["promote", A, "--stage", "production"], ("POST", f"/models/{M}/versions/v1.2.0/promotions")),
    (["approve", "prm_1"], ("POST", "/promotions/prm_1/approve")),
    (["reject", "prm_1", "-m", "no"], ("POST", "/promotions/prm_1/reject")),
    (["cancel", "prm_1"], ("POST", "/promotions/prm_1/cancel")),
    (["promotions", "list"], ("GET", "/promotions")),
    (["promotions", "show", "prm_1"], ("GET", "/promotions/prm_1")),
    (["demote", A], ("POST", f"/models/{M}/versions/v1.2.0/demote")),
    (["archive", A], ("POST", f"/models/{M}/versions/v1.2.0/archive")),
    (["restore", A], ("POST", f"/models/{M}/versions/v1.2.0/restore")),
    (["rollback", M, "--to", "v1.1.0"], ("POST", f"/models/{M}/rollback")),
    (["policy", "show", M], ("GET", "/policies/applying")),
    (["policy", "list"], ("GET", "/policies")),
    (["policy", "enforce"], ("POST", "/policies/switch")),
    (["policy", "observe", "fraud/*"], ("POST", "/policies/switch")),
    (["policy", "history", "*"], ("GET", "/policies/history")),
    (["whoami"], ("GET", "/whoami")),
    (["token", "create", "--scope", "read"], ("POST", "/tokens")),
    (["token", "list"], ("GET", "/tokens")),
    (["token", "revoke", "0123456789abcdef"], None),
    (["principal", "create", "ann"], ("POST", "/principals")),
    (["principal", "list"], ("GET", "/principals")),
    (["principal", "disable", "ann"], ("PATCH", "/principals/ann")),
    (["principal", "enable", "ann"], ("PATCH", "/principals/ann")),
    (["grant", "add", "ann", "maintainer", "fraud/*", "--stage", "staging"], ("PUT", "/grants")),
    (["grant", "remove", "ann", "fraud/*"], None),
    (["grant", "list"], ("GET", "/grants")),
    (["sign-in", "map", "ml", "fraud", "reader"], ("PUT", "/sign-in/groups")),
    (["sign-in", "list"], ("GET", "/sign-in/groups")),
    (["sign-in", "remove", "ml", "fraud"], None),
    (["publisher", "add", "fraud", "--provider", "github"], ("POST", "/publishers")),
    (["publisher", "list"], ("GET", "/publishers")),
    (["publisher", "remove", "0123456789abcdef"], None),
    (
        ["principal", "link", "ann", "--issuer", "https://i", "--subject", "s"],
        ("POST", "/principals/ann/identities"),
    ),
    (["principal", "unlink", "ann", "--issuer", "https://i", "--subject", "s"], None),
    (["principal", "identities", "ann"], ("GET", "/principals/ann/identities")),
    (["principal", "sign-out", "ann"], ("DELETE", "/principals/ann/sessions")),
    (
        ["webhook", "add", "chat", "https://hooks.example.org/x", "--on", "promotion.refused"],
        ("POST", "/webhooks"),
    ),
    (["webhook", "list"], None),
    (["webhook", "show", "0123"], ("GET", "/webhooks/0123")),
    (["webhook", "change", "0123", "--disable", "--unsigned"], ("PATCH", "/webhooks/0123")),
    (["webhook", "remove", "0123"], None),
    (["webhook", "test", "0123"], ("POST", "/webhooks/0123/test")),
    (["webhook", "deliveries", "0123"], ("GET", "/webhooks/0123/deliveries")),
    (["quota", "set", "fraud", "2TB"], ("PUT", "/quotas")),
    (["quota", "list"], ("GET", "/quotas")),
    (["quota", "remove", M], None),
    (["quota", "recount"], ("POST", "/quotas/recount")),
    (["audit", "show"], None),
    (["audit", "verify"], None),
    (["audit", "head"], None),
    (["audit", "prove", "2"], ("GET", "/audit/proof")),
    (["doctor"], None),
]
IDS = [" ".join(line[:3]) for line, _ in CASES]
# Tested elsewhere: with files, and with the server's own rooms.
WITH_FILES = {"register", "download", "check report", "policy set", "audit export", "audit verify-proof"}
SIGNING_IN = {"login", "logout"}
WITH_PASSWORDS = {"principal password"}
OPERATING = {"serve", "worker", "migrate", "import mlflow", "gc", "scrub", "backup", "restore-backup"}


@pytest.mark.parametrize(("line", "document"), CASES, ids=IDS)
def test_json_is_the_document_of_the_registry(line, document, stocked, assay):
    expected = (
        None
        if document is None
        else next(body for _, body in stocked.answers[document[0], f"/api/v1{document[1]}"])
    )
    done = assay(*line, "--json")
    assert done.code == 0, done.err
    assert done.json is not None
    if expected is not None:
        assert done.json == json.loads(expected)


@pytest.mark.parametrize(("line", "document"), CASES, ids=IDS)
def test_people_get_words_and_never_control_characters(line, document, stocked, assay):
    done = assay(*line)
    assert done.code == 0, done.err
    assert done.out.strip()
    assert "\x1b" not in done.out + done.err
    assert "Traceback" not in done.err


def test_every_command_is_in_a_table_of_tests(commands):
    tested = {" ".join(word for word in line[:2]) for line, _ in CASES} | {line[0] for line, _ in CASES}
    assert {
        name for name in commands if name not in tested
    } == WITH_FILES | WITH_PASSWORDS | SIGNING_IN | OPERATING


@pytest.mark.parametrize("leaf", sorted(LEAVES, key=lambda leaf: leaf.kind), ids=lambda leaf: leaf.kind)
def test_every_error_has_its_exit_code_and_is_told_whole(leaf, server, assay):
    codes = {"bad_input": 2, "refused": 3, "conflict": 4, "not_found": 5, "denied": 6, "unavailable": 7}
    reasons = (Reason("version", "is too small", "v1.0.1"), Reason("other", "is wrong"))
    document = ErrorDocument(leaf.kind, "it did not work", reasons, "do this")
    server.put("GET", f"/models/{M}/history", document, status=400)
    done = assay("history", M)
    assert done.code == codes[leaf.kind]
    assert done.out == ""
    for text in ("it did not work", "version: is too small (v1.0.1)", "other: is wrong", "hint: do this"):
        assert text in done.err
    assert "Traceback" not in done.err
    as_json = assay("history", M, "--json")
    assert as_json.code == codes[leaf.kind]
    assert codec.decode(as_json.err, ErrorDocument) == document


@pytest.mark.parametrize(
    "line",
    [
        ["history"],
        ["history", "not-a-model"],
        ["show", "a/b/c/d"],
        ["promote", A],
        ["promote", "--stage", "staging"],
        ["promote", A, "--stage", "staging", "--model", M, "--version", "v1.2.0"],
        ["promote", "--model", M, "--stage", "staging"],
        ["check", "run"],
        ["check", "report", A],
        ["check", "report", A, "--check", "unit_tests"],
        ["check", "report", A, "--check", "metrics", "--facts", "missing.json"],
        ["tag", M],
        ["tag", M, "novalue"],
        ["search", "--metric", "accuracy"],
        ["search", "--stage", "nowhere"],
        ["search", "--registered-after", "yesterday"],
        ["search", "--digest", "abc"],
        ["list", "--limit", "0"],
        ["audit", "verify", "missing.jsonl"],
        ["audit", "verify", "--head", "1:abc"],
        ["audit", "verify", "--head", "zero"],
        ["policy", "set", "missing.yaml"],
        ["register", M, "missing.bin"],
        ["register", "fraud", "missing.bin"],
        ["register", M, __file__, "--metric", "accuracy=high"],
        ["register", M, __file__, "--tag", "novalue"],
        ["register", M, __file__, "--requirements", "x.txt"],
        ["register", M, __file__, "--sample", __file__],
        ["nonsense"],
        ["--request-timeout", "soon", "list"],
        ["--url", "ftp://x", "list"],
    ],
    ids=" ".join,
)
def test_bad_input_ends_with_2_and_changes_nothing(line, stocked, assay):
    done = assay(*line)
    assert done.code == 2, done.err
    assert done.err
    assert "Traceback" not in done.err
    assert {method for method, _, _ in stocked.asked} <= {"GET"}


def test_a_server_that_is_not_there_ends_with_7_and_says_how_to_start_one(assay, monkeypatch):
    done = assay("--url", "http://127.0.0.1:9", "list")
    assert done.code == 7
    assert "assay serve" in done.err


def test_both_ways_of_naming_a_version_mean_the_same(stocked, assay):
    assay("promote", A, "--stage", "production")
    assay("promote", "--model", M, "--version", "v1.2.0", "--stage", "production")
    first, second = [request for request in stocked.asked if request[0] == "POST"]
    assert first == second
    assay("check", "run", A, "metrics", "bias")
    assay("check", "run", "--model", M, "--version", "v1.2.0", "metrics", "bias")
    queued = [json.loads(body)["check"] for verb, path, body in stocked.asked if path.endswith("/checks")]
    assert queued == ["metrics", "bias", "metrics", "bias"]


def test_without_names_the_checks_of_the_policy_are_run(stocked, assay):
    done = assay("check", "run", A)
    assert done.code == 0, done.err
    queued = [json.loads(body)["check"] for verb, path, body in stocked.asked if path.endswith("/checks")]
    assert queued == ["unit_tests", "metrics"]


def test_waiting_for_checks_shows_what_they_measured(stocked, assay):
    done = assay("check", "run", A, "metrics", "--wait")
    assert done.code == 0, done.err
    assert "accuracy" in done.out
    assert assay("check", "run", A, "metrics", "--wait", "--json").json[0]["digest"] == D


def test_what_is_listed_without_a_model_is_said_to_be_what_waits(stocked, assay, server):
    assert "only what waits" in assay("promotions", "list").err
    server.put("GET", "/promotions", ())
    empty = assay("promotions", "list")
    assert empty.out.strip() == "no promotion waits"
    assert "assay promotions list MODEL" in empty.err
    of_a_model = assay("promotions", "list", M)
    assert (of_a_model.out.strip(), of_a_model.err) == ("no promotions", "")


def test_a_delete_that_is_not_confirmed_deletes_nothing(stocked, assay, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    done = assay("delete", A)
    assert done.code == 1
    assert "DELETE" not in {method for method, _, _ in stocked.asked}


def test_the_tags_sent_are_those_typed(stocked, assay):
    assay("tag", A, "owner=ann", "note=a=b", "--remove", "old", "--label", "gold", "--remove-label", "tin")
    assert stocked.body_of("PATCH", "v1.2.0") == {
        "description": None,
        "tags": {"old": None, "owner": "ann", "note": "a=b"},
        "add_labels": ["gold"],
        "remove_labels": ["tin"],
    }


def test_a_version_is_shown_with_everything_that_matters(stocked, assay):
    out = assay("show", A).out
    for text in (
        "model.skops", "champion", "training data changed", "age", "float64", "no, yes", "train.csv",
        "a" * 40 + " (dirty)", "Python 3.11.4", "local @ file:///x", "8 x CPU", "0.97", "metrics", "measured",
    ):  # fmt: skip
        assert text in out, text


def test_a_policy_file_is_sent_as_it_is(stocked, assay, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("# ours\napplies_to: 'fraud/*'\n")
    assert assay("policy", "set", path).code == 0
    assert [body for verb, _, body in stocked.asked if verb == "PUT"] == [path.read_bytes()]


def test_the_source_of_a_policy_can_be_set_again(stocked, assay, tmp_path):
    done = assay("policy", "show", M, "--source")
    assert "unit_tests" in done.out
    path = tmp_path / "policy.yaml"
    path.write_text(done.out)
    assert assay("policy", "set", path, "--json").code == 0


def test_a_download_arrives_whole(stocked, assay, tmp_path):
    done = assay("download", A, "-o", tmp_path / "out")
    assert done.code == 0, done.err
    assert (tmp_path / "out/model.skops").read_bytes() == b"weights"
    assert assay("download", A, "--file", "model.skops", "-o", tmp_path, "--json").code == 0
    assert (tmp_path / "model.skops").read_bytes() == b"weights"


def test_a_download_over_another_file_is_a_conflict(stocked, assay, tmp_path):
    (tmp_path / "model.skops").write_bytes(b"precious")
    assert assay("download", A, "-o", tmp_path).code == 4
    assert assay("download", A, "-o", tmp_path, "--overwrite").code == 0


def test_a_junit_report_is_uploaded_and_reported(stocked, assay, tmp_path):
    path = tmp_path / "junit.xml"
    path.write_text("<testsuite/>")
    done = assay("check", "report", A, "--check", "unit_tests", "--junit", path, "--commit", "b" * 40)
    assert done.code == 0, done.err
    sent = stocked.body_of("POST", "/evidence")
    assert (sent["check"], sent["junit"], sent["commit"]) == (
        "unit_tests",
        digest_of(b"<testsuite/>"),
        "b" * 40,
    )


@pytest.mark.parametrize(
    "document", [{"rows": 5}, {"facts": {"rows": 5}, "settings": {"label": "y"}, "data": {"evaluation": D}}]
)
def test_facts_are_reported_bare_or_with_what_they_looked_at(document, stocked, assay, tmp_path):
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(document))
    done = assay(
        "check",
        "report",
        "--model",
        M,
        "--version",
        "v1.2.0",
        "--check",
        "metrics",
        "--facts",
        path,
        "--json",
    )
    assert done.code == 0, done.err
    sent = stocked.body_of("POST", "/evidence")
    assert sent["measurement"]["facts"] == {"rows": 5}
    assert sent["settings"] == document.get("settings", {})
    assert sent["measurement"]["data"] == document.get("data", {})


@pytest.mark.parametrize("text", ["[1]", "{", '{"facts": {}, "unknown": 1}', '{"facts": {"x": NaN}}'])
def test_facts_that_are_none_are_refused(text, stocked, assay, tmp_path):
    path = tmp_path / "facts.json"
    path.write_text(text)
    assert assay("check", "report", A, "--check", "metrics", "--facts", path).code == 2


def test_registering_says_what_was_not_captured(stocked, assay, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    stocked.put("HEAD", f"/blobs/{D}", b"weights")
    done = assay(
        "register",
        M,
        path,
        "--param",
        "c=0.5",
        "--param",
        "kind=rbf",
        "--param",
        "deep=true",
        "--metric",
        "accuracy=0.9",
    )
    assert done.code == 0, done.err
    assert "not captured: signature" in done.err
    sent = stocked.body_of("POST", "/versions")
    assert sent["provenance"]["hyperparameters"] == {"c": 0.5, "kind": "rbf", "deep": True}
    assert sent["provenance"]["metrics"] == {"accuracy": 0.9}
    assert json.loads(assay("register", M, path, "--json").out)["number"] == 12


def test_help_is_quick_because_it_imports_next_to_nothing():
    program = (
        "import sys\nfrom assay.cli.main import run\n"
        "try:\n    run(['--help'])\nexcept SystemExit:\n    print('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.partition("MODULES")[2].split())
    heavy = {
        "granian",
        "sqlalchemy",
        "httpx",
        "rich",
        "msgspec",
        "numpy",
        "yaml",
        "assay.client",
        "assay.app",
    }
    assert not loaded & heavy


def test_the_program_is_installed_under_its_name():
    done = subprocess.run(
        [sys.executable, "-m", "assay.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("assay ")


def test_the_shell_can_complete_commands():
    environment = {
        **os.environ,
        "_ASSAY_COMPLETE": "complete_bash",
        "COMP_WORDS": "assay prom",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "assay.cli"], capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout.split() == ["promote", "promotions"]
