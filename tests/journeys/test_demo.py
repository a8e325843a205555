"""The demo is a promise: it tells its story on a bare machine and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_tells_its_story_and_leaves_nothing_running():
    before = set(assay_processes())
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo" / "run.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    for told in ("refused by 1 gates", "whole:", "Done in"):
        assert told in done.stdout
    assert set(assay_processes()) <= before


def assay_processes():
    """Ids of processes that work in the demo's folder."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b".demo/" in words:
            yield int(path.parent.name)
