"""SIGKILL in the middle: nothing acknowledged is lost, nothing half done is seen."""

import signal
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest

from assay.core.audit import verify_chain
from assay.core.digests import digest_of
from contracts.samples import MODEL, model
from contracts.stores import BLOBS, DATABASES

WRITER = """
import sys, os
from pathlib import Path
sys.path.insert(0, {tests!r})
from contracts.samples import entry, version
from contracts.stores import BLOBS, DATABASES
root = Path({root!r})
database = DATABASES[{name!r}](root)
for number in range(1, 10_000):
    with database.write() as records:
        records.versions.add(version(number))
        records.audit.append(entry(after={{"number": number}}))
    print(number, flush=True)
"""
UPLOADER = """
import sys, os
from pathlib import Path
sys.path.insert(0, {tests!r})
from contracts.stores import BLOBS
blobs = BLOBS[{name!r}](Path({root!r}))
for number in range(10_000):
    content = str(number).encode() * 50_000
    blobs.put(content[i : i + 4096] for i in range(0, len(content), 4096))
    print(number, flush=True)
"""


def run_until_killed(script, acknowledged):
    """Run a script, kill it after so many acknowledgements, return the last one that was read."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    last = ""
    for _ in range(acknowledged):
        last = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    return int(rest[-1] if rest else last)


@pytest.mark.parametrize("acknowledged", [1, 7, 30])
@pytest.mark.parametrize("name", sorted(DATABASES))
def test_a_killed_writer_loses_no_version_and_leaves_no_half(name, acknowledged, tmp_path):
    with closing(DATABASES[name](tmp_path)) as database, database.write() as records:
        records.models.add(model())
    tests = str(__import__("pathlib").Path(__file__).resolve().parents[1])
    last = run_until_killed(WRITER.format(tests=tests, root=str(tmp_path), name=name), acknowledged)
    with closing(DATABASES[name](tmp_path)) as database, database.read() as records:
        events = records.audit.read(limit=100_000)
        highest, _ = records.versions.highest(MODEL)
    assert highest >= last
    assert len(events) == highest
    assert verify_chain(events).whole


@pytest.mark.parametrize("acknowledged", [1, 5, 12])
@pytest.mark.parametrize("name", sorted(BLOBS))
def test_a_killed_upload_loses_nothing_acknowledged_and_leaves_no_false_blob(name, acknowledged, tmp_path):
    tests = str(__import__("pathlib").Path(__file__).resolve().parents[1])
    last = run_until_killed(UPLOADER.format(tests=tests, root=str(tmp_path), name=name), acknowledged)
    blobs = BLOBS[name](tmp_path)
    for number in range(last + 1):
        content = str(number).encode() * 50_000
        assert b"".join(blobs.read(digest_of(content))) == content
    files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert all(digest_of(path.read_bytes()).hex == path.name for path in files), "leftovers were cleared away"
