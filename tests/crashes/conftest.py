"""What the tests of crashes share."""

import subprocess

import pytest

from crashes.calls import Tellers, copied, counted
from crashes.story import prepare


@pytest.fixture(scope="module")
def tellers():
    if subprocess.run(["strace", "-o", "/dev/null", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets no process be traced (ptrace), so none can be killed at a call")
    one = Tellers()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    """A registry in which the story can begin."""
    folder = tmp_path_factory.mktemp("crash") / "beginning"
    prepare(folder)
    return folder


@pytest.fixture(scope="module")
def counts(tellers, beginning):
    """How often each call is made while the story is told."""
    return counted(tellers, copied(beginning, "counted"))
