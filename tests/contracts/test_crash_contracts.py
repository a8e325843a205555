"""SIGKILL in the middle: nothing acknowledged is lost, nothing half done is seen."""

import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import UTC, datetime

import obstore
import pytest

from assay.core.audit import verify_chain
from assay.core.digests import Digest, digest_of
from contracts.samples import MODEL, model
from contracts.stores import BLOBS, DATABASES, LATER, OBJECTS, listed, open_objects, place_of

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


LARGE = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from assay.core.digests import Digest, digest_of
from contracts.stores import BLOBS
blobs = BLOBS[{name!r}](Path({root!r}))

def chunks():
    for number in range(200):
        if number == 60:
            print(number, flush=True)
        time.sleep(0.002)
        yield bytes([number]) * (1 << 20)

blobs.put(chunks(), digest_of(b"".join(chunks())) if {expected!r} else None)
print(200, flush=True)
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
    BLOBS[name](tmp_path)  # starts what it needs here: the process that is killed could not end it
    tests = str(__import__("pathlib").Path(__file__).resolve().parents[1])
    last = run_until_killed(UPLOADER.format(tests=tests, root=str(tmp_path), name=name), acknowledged)
    blobs = BLOBS[name](tmp_path)
    for number in range(last + 1):
        content = str(number).encode() * 50_000
        assert b"".join(blobs.read(digest_of(content))) == content
    names = [name for name in listed(blobs) if not name.startswith(".tmp/")]
    assert len(names) >= last + 1
    for each in names:  # what is visible is whole: reading says so
        assert b"".join(blobs.read(Digest(f"sha256:{each[-64:]}")))
    if name == "local":
        assert len(names) == len(listed(blobs)), "leftovers were cleared away"


@pytest.mark.parametrize("expected", [True, False], ids=["announced", "unannounced"])
@pytest.mark.parametrize("name", sorted(BLOBS))
def test_a_large_upload_that_is_killed_shows_no_blob(name, expected, tmp_path):
    BLOBS[name](tmp_path)
    tests = str(__import__("pathlib").Path(__file__).resolve().parents[1])
    script = LARGE.format(tests=tests, root=str(tmp_path), name=name, expected=expected)
    assert run_until_killed(script, 1) == 60
    assert [each for each in listed(BLOBS[name](tmp_path)) if not each.startswith(".")] == []


@pytest.mark.parametrize("kind", sorted(OBJECTS))
def test_what_dead_writers_left_in_a_store_goes_when_it_is_old_and_not_before(kind, tmp_path):
    blobs = OBJECTS[kind](tmp_path)
    left = f"{place_of(kind, tmp_path).prefix}/.tmp/0123"
    obstore.put(blobs._store, left, b"half")
    OBJECTS[kind](tmp_path)
    assert list(listed(blobs)) == [".tmp/0123"]
    open_objects(kind, tmp_path, now=lambda: datetime.now(UTC) + LATER)
    assert listed(blobs) == {}
