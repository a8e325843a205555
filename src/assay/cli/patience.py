# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""Asking until a wait is over: a server or a database that is restarted meanwhile ends no wait."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from assay.cli.terminal import tell

T = TypeVar("T")
POLL_S: Final = 0.5
# Between questions to a registry that cannot answer: longer each time, so that it is not asked to death.
LONGEST_S: Final = 5.0


def ask_until(deadline: float, question: Callable[[], T], hint: str) -> T:
    """Ask, and anew while the registry cannot answer; return the first answer.

    Args:
        deadline: when to give up, by ``time.monotonic``.
        question: changes nothing at the registry.
        hint: what to do when the time is up.

    Raises:
        UnavailableError: it still cannot answer when the time is up; says why.
        AssayError: the registry did answer, by another leaf.
    """
    from assay.core.errors import UnavailableError

    pause_s = POLL_S
    while True:
        try:
            return question()
        except UnavailableError as error:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise UnavailableError(error.message, error.reasons, hint=hint) from error
            if pause_s == POLL_S:
                tell(f"{error.message}; asking again for {left_s:.0f} s", style="yellow")
            time.sleep(min(pause_s, left_s))  # nobody tells when the registry can be reached again
            pause_s = min(2 * pause_s, LONGEST_S)
