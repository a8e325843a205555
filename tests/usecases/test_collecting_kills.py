"""A collection that is killed at any step is finished, or undone, by whatever comes next."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("collecting_kills.py")


def killed(folder, *words):
    """Run the script; return how many points there were, and what was broken."""
    paths = os.pathsep.join([str(SCRIPT.parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    points, _, broken = done.stdout.partition("\n")
    return int(points), broken.split("\n") if broken.strip() else []


def test_nothing_is_lost_wherever_a_collection_is_killed(tmp_path):
    points, broken = killed(tmp_path)
    assert points >= 20
    assert broken == []


def test_to_remove_bytes_before_that_was_committed_would_be_found(tmp_path):
    _, broken = killed(tmp_path, "one_step")
    assert any("said to be there and gone" in each for each in broken)
