"""Exports of the audit log: what their documentation says of them is so."""

import hashlib
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from assay.core.audit import GENESIS, chain, entry_of
from assay.core.audit_files import Header
from assay.wire import codec
from assay.wire.audit_lines import read_export, split_lines, write_lines
from doors.native.native_world import NativeWorld
from house.source_tree import ROOT

PAGE = ROOT / "docs" / "reference" / "audit-log.md"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STATES = [
    None,
    {},
    {"small": 1e-05, "large": 1e16, "half": 0.5, "one": 1.0, "whole": 2**70, "minus": -0.0, "yes": True},
    {"\U0001f600": "模型", "\uffff": '\u2028\x7f\x1f\n"\\/', "z": {"b": [1, {"d": 2, "c": None}], "a": "ü"}},
    {"hash": "sha256:" + "0" * 64, "at": "2026-01-01T00:00:00Z", "seq": 7},
]


def events():
    """Yield one event for each state before and after, at instants of every form."""
    last, seq = GENESIS, 0
    for before in STATES:
        for after in STATES:
            at = AT + timedelta(microseconds=[0, 1, 100_000, 999_999][seq % 4])
            entry = {"at": at, "actor": "Zoë", "verb": "x.y", "subject": "team/task"}
            event = chain({**entry, "before": before, "after": after}, seq, last)
            last, seq = event.hash, seq + 1
            yield event


def run(file):
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(program.splitlines()) <= 12
    done = subprocess.run([sys.executable, "-I", "-c", program, file], capture_output=True, text=True)
    return done.returncode, done.stdout.strip(), done.stderr


def test_an_auditor_with_ten_lines_of_python_gets_the_same_hashes(tmp_path):
    written = list(events())
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(write_lines([Header("key"), *written])))
    assert run(file) == (0, written[-1].hash, "")
    text = file.read_text("utf-8")
    file.write_text(text.replace("Zoë", "Eve", 1), "utf-8")
    code, _, said = run(file)
    assert code == 1
    assert "event 1 is not what was written" in said


def test_what_a_registry_exports_and_what_its_routes_show_has_these_hashes(tmp_path):
    world = NativeWorld(tmp_path)
    world.version()
    exported, shown = tmp_path / "export.jsonl", tmp_path / "shown.jsonl"
    exported.write_bytes(world.send("GET", "/audit/export").content)
    found = world.send("GET", "/audit?limit=1000").json()
    shown.write_text("".join(json.dumps(each) + "\n" for each in found), "utf-8")
    world.close()
    assert run(exported)[:2] == (0, found[-1]["hash"])
    assert run(shown)[:2] == (0, found[-1]["hash"])


def test_a_line_without_its_hash_is_what_was_hashed():
    for event, line in zip(events(), split_lines(write_lines(events())), strict=True):
        bare = line.replace(f'"hash":"{event.hash}",'.encode(), b"", 1)
        assert bare == entry_of(event)
        assert event.hash == "sha256:" + hashlib.sha256(bare).hexdigest()


def test_exports_of_before_are_read_as_ever():
    lines = [codec.encode(event) for event in events()]
    assert b'Z"' in lines[0]
    assert list(read_export(lines, "x").events) == list(events())
