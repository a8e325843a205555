"""The story under a tracer that ends it, or lets a call fail, at a system call."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from crashes.story import problems

# Reading is not of interest, but a file is opened to be written, too.
CALLS = (
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "unlink",
    "mkdir",
    "ftruncate",
    "fallocate",
    "openat",
)


class Tellers:
    """The process that forks those who tell the story."""

    def __init__(self):
        words = [sys.executable, str(Path(__file__).with_name("tellers.py"))]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, folder, call="", fault=""):
        """Let one tell the story; ``fault`` (strace's words) happens at a call. Return its exit status."""
        self.process.stdin.write(f"{folder}{'' if call else ' now'}\n")
        self.process.stdin.flush()
        child = self.process.stdout.readline().strip()
        tracer = None
        if call:
            words = ["strace", "-f", "-qq", "-o", f"{folder}.trace", "-p", child, "-e", f"trace={call}"]
            words += ["-e", f"inject={call}:{fault}"] if fault else []
            tracer = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        status = int(self.process.stdout.readline())
        if tracer is not None:
            tracer.wait(60)
        return status

    def stop(self):
        """End it."""
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def counted(tellers, folder):
    """Return how often each call is made while the story is told."""
    assert tellers.tell(folder, ",".join(CALLS)) == 0
    trace = Path(f"{folder}.trace").read_text()
    found = Counter(re.findall(r"^\d+ +(\w+)\(", trace, re.MULTILINE))
    assert {"fsync", "fdatasync", "rename", "pwrite64", "fallocate"} <= set(found), (
        "the story reaches the disk"
    )
    return found


def copied(beginning, name):
    """Return a copy of the registry in which the story begins."""
    folder = beginning.with_name(name)
    shutil.copytree(beginning, folder)
    return folder


def check_story(tellers, folder):
    """Hold that nothing acknowledged is lost and nothing half, and that the story can go on to its end."""
    told = Path(f"{folder}.told")
    acknowledged = told.read_text().splitlines() if told.exists() else []
    assert list(problems(folder, acknowledged)) == []
    assert tellers.tell(folder) == 0
    assert list(problems(folder, told.read_text().splitlines())) == []
    shutil.rmtree(folder)
