"""The program as it is typed: a registry of its own, from the operator's first steps to a promotion."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest

from assay.cli.connection import CONNECTION, Connection
from assay.cli.main import run

POLICY = """
applies_to: fraud/*
gates:
  staging: [size_budget]
  production: [size_budget, approval]
"""


class Program:
    """Runs ``assay`` in one folder, with one environment."""

    def __init__(self, folder, port):
        self.folder = folder
        self.port = port
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        self.environment = {**kept, "ASSAY_URL": f"http://127.0.0.1:{port}"}
        self.environment["ASSAY_CONFIG_DIR"] = str(folder / "config")

    def __call__(self, *words, token="", code=0):
        """Run a command in this process; return its output."""
        CONNECTION.set(Connection())
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            for name in [name for name in os.environ if name.startswith("ASSAY_")]:
                patch.delenv(name)
            for name in ("ASSAY_URL", "ASSAY_CONFIG_DIR"):
                patch.setenv(name, self.environment[name])
            patch.setenv("ASSAY_TOKEN", token)
            with pytest.raises(SystemExit) as ended:
                run([*map(str, words)])
        assert (ended.value.code or 0) == code, out.getvalue() + err.getvalue()
        return out.getvalue()

    def process(self, *words, code=0):
        """Run a command in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "assay.cli", *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr

    def json(self, *words, token="", code=0):
        """Run a command with ``--json``; return the document."""
        return json.loads(self(*words, "--json", token=token, code=code))

    def start(self, *words):
        """Start a server and wait until it answers."""
        with (self.folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "assay.cli",
                    "serve",
                    "--port",
                    str(self.port),
                    "--workers",
                    "0",
                    *words,
                ],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return server
            assert server.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError("the server does not listen")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def program(tmp_path):
    return Program(tmp_path, free_port())


def stop(server):
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0


def test_an_operator_founds_a_registry_and_people_take_a_model_to_production(program):
    migrated = json.loads(program("migrate", "--data", "d", "--json"))
    assert migrated["database"] == "d/assay.db"
    assert migrated["applied"]
    assert program("migrate", "--data", "d") == "d/assay.db: nothing to do\n"
    program("principal", "create", "ann", "--data", "d")
    program("principal", "create", "bob", "--data", "d")
    program("grant", "add", "ann", "maintainer", "fraud/*", "--data", "d")
    program("grant", "add", "bob", "approver", "fraud/*", "--data", "d")
    ann = program(
        "token", "create", "--principal", "ann", "--scope", "read", "--scope", "write", "--data", "d"
    ).strip()
    bob = program(
        "token", "create", "--principal", "bob", "--scope", "read", "--scope", "approve", "--data", "d"
    ).strip()
    root = program.json("token", "create", "--scope", "admin", "--scope", "read", "--data", "d")["text"]
    server = program.start("--data", "d", "--auth", "required")
    try:
        program("list", code=6)
        (program.folder / "policy.yaml").write_text(POLICY)
        program("policy", "set", "policy.yaml", token=ann, code=6)
        program("policy", "set", "policy.yaml", token=root)
        (program.folder / "model.bin").write_bytes(b"weights")
        version = program.json("register", "fraud/transactions", "model.bin", token=ann)
        assert version["semver"] == "v1.0.0"
        program("promote", "fraud/transactions/v1.0.0", "--stage", "production", token=ann, code=3)
        program(
            "promote", "--model", "fraud/transactions", "--version", "v1.0.0", "--stage", "staging", token=ann
        )
        out = program("promote", "fraud/transactions/1", "--stage", "production", "--wait", token=ann)
        (promotion,) = program.json("promotions", "list", "fraud/transactions", "--open", token=ann)
        assert f"assay approve {promotion['id']}" in out
        program("approve", promotion["id"], token=ann, code=6)
        assert "promoted" in program("approve", promotion["id"], "-m", "fine", token=bob)
        assert program.json("resolve", "fraud/transactions@production", token=bob)["number"] == 1
        program("show", "fraud/nothing", token=bob, code=5)
        program("download", "fraud/transactions@production", "-o", "out", token=bob)
        assert (program.folder / "out/model.bin").read_bytes() == b"weights"
        program("audit", "export", "log.jsonl", token=root)
        head = program("audit", "verify", token=root).split("\nhead ")[1].split()[0]
        program("audit", "head", "--save", "kept", token=bob)
        program("audit", "prove", "fraud/transactions@production", "--save", "proof", token=bob)
    finally:
        stop(server)
    key = json.loads((program.folder / "log.jsonl").read_text().splitlines()[0])["key"]
    program("audit", "verify", "log.jsonl", "--head", head, "--key", key)
    assert "fraud/transactions/v1.0.0" in program("audit", "verify-proof", "proof", "--key", key)
    assert (program.folder / "kept").read_text().startswith("assay/log_")
    program.process("list", code=7)


def test_a_laptop_needs_no_set_up(program):
    server = program.start()
    try:
        assert program.json("whoami")["principal"]["name"] == "local"
        assert program.json("doctor")
        (program.folder / "model.bin").write_bytes(b"weights")
        program("register", "a/b", "model.bin")
        program("check", "run", "a/b/1", "scan")
        program.process("worker", "--once")
        (job,) = program.json("check", "list", "a/b/1")
        assert job["state"] == "done", job
    finally:
        stop(server)
    assert (program.folder / "assay-data").is_dir()


def test_a_port_that_is_taken_is_said(program):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", program.port))
        taken.listen()
        program.process("serve", "--port", program.port, "--data", "d", code=7)


def test_others_can_only_reach_a_registry_that_asks_who_they_are(program):
    program.process("serve", "--host", "0.0.0.0", "--port", program.port, "--data", "d", code=2)


def test_a_folder_that_cannot_be_used_is_said(program):
    (program.folder / "file").write_text("")
    program("scrub", "--data", "file/under", code=5)
    program.process("serve", "--port", program.port, "--data", "file", code=7)
