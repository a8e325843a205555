"""Processes that tell the story, forked from one that has imported everything: ``python tellers.py``.

For each line ``FOLDER`` on standard input a child is forked; its number is printed, it waits until a tracer
is attached (or for a line with ``now``: not), tells the story and writes every acknowledgement as a line of
its own to ``FOLDER.told``. Its exit status is printed when it has ended; negative: the signal that ended it.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from assay.core.errors import AssayError
from crashes.story import opened, tell


def main():
    """Fork for each line."""
    for line in sys.stdin:
        folder, _, now = line.strip().partition(" ")
        child = os.fork()
        if not child:
            os._exit(told(folder, waits=not now))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def told(folder, *, waits):
    """Tell the story in a folder; 0 when it came to its end, 3 when it said that something failed."""
    descriptor = os.open(f"{folder}.told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while waits and "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        time.sleep(0.002)  # a poll until the tracer is there
    try:
        tell(opened(folder), lambda words: os.write(descriptor, f"{words}\n".encode()))
    except AssayError as error:
        os.write(2, f"{error}\n".encode())
        return 3
    except OSError as error:  # the tracer's fault came where the program has no answer but to end
        os.write(2, f"{error!r}\n".encode())
        return 4
    return 0


if __name__ == "__main__":
    main()
