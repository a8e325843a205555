"""Every error the registry raises on purpose, named by what the caller can do about it.

::

    AssayError
    +-- BadInputError      mend the input                      exit 2, HTTP 400
    +-- RefusedError       satisfy the gates named in reasons   exit 3, HTTP 422
    +-- ConflictError      look again, somebody was faster      exit 4, HTTP 409
    +-- NotFoundError      ask for something that exists        exit 5, HTTP 404
    +-- DeniedError        get the right that is named          exit 6, HTTP 403 (401 without a login)
    +-- UnavailableError   try again later                      exit 7, HTTP 503

Doors own one table from these leaves to their protocol; a test holds every table complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong: where (``field``), which ``rule`` it breaks, and the ``detail``."""

    field: str
    rule: str
    detail: str = ""

    def __str__(self) -> str:
        text = f"{self.field}: {self.rule}" if self.field else self.rule
        return f"{text} ({self.detail})" if self.detail else text


class AssayError(Exception):
    """The root; carries a sentence for people and ``reasons`` for programs."""

    kind = "error"

    def __init__(self, message: str, reasons: Sequence[Reason] = (), *, hint: str = "") -> None:
        """Keep the parts.

        Args:
            message: one sentence that says what happened.
            reasons: all that is wrong, not only the first.
            hint: what the caller can do next.
        """
        super().__init__(message)
        self.message = message
        self.reasons = tuple(reasons)
        self.hint = hint

    def __str__(self) -> str:
        return "; ".join([self.message, *map(str, self.reasons)])


class BadInputError(AssayError, ValueError):
    """The input breaks a rule; ``reasons`` name each field and its rule."""

    kind = "bad_input"

    @classmethod
    def of(cls, field: str, rule: str, detail: str = "") -> "BadInputError":
        """Build the error for one field that breaks one rule."""
        reason = Reason(field, rule, detail)
        return cls(str(reason), [reason])

    def __str__(self) -> str:
        return self.message


class RefusedError(AssayError):
    """The request is well formed and permitted, but gates or laws forbid it now."""

    kind = "refused"


class ConflictError(AssayError):
    """The state has moved on since the caller looked."""

    kind = "conflict"

    def __init__(
        self,
        message: str,
        reasons: Sequence[Reason] = (),
        *,
        hint: str = "",
        retry_after_s: int = 0,
        precondition: bool = False,
    ) -> None:
        """Keep the parts.

        Args:
            message: one sentence that says what happened.
            reasons: all that is wrong, not only the first.
            hint: what the caller can do next.
            retry_after_s: the same request may be sent again after so many seconds; 0 if that is no use.
            precondition: the caller had said on which state it built.
        """
        super().__init__(message, reasons, hint=hint)
        self.retry_after_s = retry_after_s
        self.precondition = precondition


class NotFoundError(AssayError):
    """There is no such thing, or the caller may not know of it."""

    kind = "not_found"


class DeniedError(AssayError):
    """The caller lacks a right; the message names it."""

    kind = "denied"

    def __init__(
        self,
        message: str,
        reasons: Sequence[Reason] = (),
        *,
        hint: str = "",
        authenticate: bool = False,
        teams: Sequence[str] = (),
    ) -> None:
        """Keep the parts.

        Args:
            message: one sentence that says what happened.
            reasons: all that is wrong, not only the first.
            hint: what the caller can do next.
            authenticate: a (valid) token would be the first step.
            teams: where the caller may do the same, if it was asked of the default team.
        """
        super().__init__(message, reasons, hint=hint)
        self.authenticate = authenticate
        self.teams = tuple(teams)


class UnavailableError(AssayError):
    """The registry cannot answer right now; the same request may succeed later."""

    kind = "unavailable"

    def __init__(
        self,
        message: str,
        reasons: Sequence[Reason] = (),
        *,
        hint: str = "",
        retry_after_s: int = 0,
        too_many: bool = False,
        damaged: bool = False,
    ) -> None:
        """Keep the parts.

        Args:
            message: one sentence that says what happened.
            reasons: all that is wrong, not only the first.
            hint: what the caller can do next.
            retry_after_s: it may succeed after so many seconds; 0 when that is not known.
            too_many: it is the caller who asks for too much.
            damaged: stored bytes were read, and are not those of their digest.
        """
        super().__init__(message, reasons, hint=hint)
        self.retry_after_s = retry_after_s
        self.too_many = too_many
        self.damaged = damaged


LEAVES: frozenset[type[AssayError]] = frozenset(
    {BadInputError, RefusedError, ConflictError, NotFoundError, DeniedError, UnavailableError}
)
