"""The story, killed before each system call that changes the disk.

SIGKILL leaves what the kernel has; what a power loss takes is in ``test_power_loss``.
"""

import pytest

from crashes.calls import CALLS, check_story, copied

SHARDS = 4


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_kill_before_any_system_call_loses_nothing_acknowledged(shard, tellers, beginning, counts):
    points = [(call, place) for call in CALLS for place in range(1, counts[call] + 1)][shard::SHARDS]
    killed = 0
    for call, place in points:
        folder = copied(beginning, f"{call}-{place}")
        killed += tellers.tell(folder, call, f"signal=KILL:when={place}") == -9
        check_story(tellers, folder)
    # A thread may make a call more or less from one time to the next; nearly all have to be reached.
    assert killed >= len(points) * 0.9
