"""The story on a disk that fails: at system calls all along the way, one at a time."""

import pytest

from crashes.calls import CALLS, check_story, copied

FAULTS = {"openat": ("ENOSPC",), "write": ("ENOSPC", "EIO"), "mkdir": ("ENOSPC",), "fallocate": ("ENOSPC",)}
# The database writes many pages alike.
EVERY = {"pwrite64": 7}


@pytest.mark.parametrize("call", CALLS)
def test_no_error_of_the_disk_is_acknowledged_as_success(call, tellers, beginning, counts):
    for place in range(1, counts[call] + 1, EVERY.get(call, 1)):
        for error in FAULTS.get(call, ("EIO",)):
            folder = copied(beginning, f"{call}-{place}-{error}")
            tellers.tell(folder, call, f"error={error}:when={place}")
            check_story(tellers, folder)
