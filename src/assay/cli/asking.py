"""Asking for passwords: never an argument, which process lists and histories of shells would show."""

import getpass
import sys
from collections.abc import Callable

from assay.core.errors import BadInputError


class Passwords:
    """Asks on the terminal, where nothing is shown, or reads lines of standard input where there is none."""

    def use(self, set_password: Callable[[str, str], None]) -> None:
        """Ask for a new password and hand it on; ask for the one so far only when that is wanted.

        Args:
            set_password: takes the new one and the one so far, "" for the first try.

        Raises:
            AssayError: of ``set_password``; or BadInputError for two that differ, or none.
        """
        new = self._new()
        try:
            set_password(new, "")
        except BadInputError as error:
            if all(each.field != "current_password" for each in error.reasons):
                raise
            current = self._line("Password so far: ")
            if not current:
                raise
            set_password(new, current)

    def _new(self) -> str:
        new = self._line("New password: ")
        if not new:
            raise BadInputError.of("password", "must not be empty: give it on the first line")
        if sys.stdin.isatty() and self._line("The same again: ") != new:
            raise BadInputError.of("password", "must be the same both times; nothing was changed")
        return new

    def _line(self, prompt: str) -> str:
        """Return one line; "" at the end.

        Raises:
            BadInputError: it cannot be read.
        """
        try:
            if sys.stdin.isatty():
                return getpass.getpass(prompt)
            return sys.stdin.readline().rstrip("\r\n")
        except EOFError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise BadInputError.of("password", "must be readable text", type(error).__name__) from error
