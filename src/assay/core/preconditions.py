"""What a writer says about the state it builds on, to be held against it where it is written.

Source: RFC 9110, section 13: If-Match compares strongly, If-None-Match weakly; ``*`` is any state at all.
"""

from dataclasses import dataclass
from typing import Final

from assay.core.errors import ConflictError, Reason

ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Tag:
    """An entity tag (RFC 9110, section 8.8.3): what stands between the quotes, and whether it is weak."""

    text: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must hold before something is changed.

    Attributes:
        match: one of these must be the state; ``("*",)``: there must be one; None: whatever.
        none_match: none of these may be the state; ``("*",)``: there may be none; None: whatever.
    """

    match: tuple[Tag, ...] | None = None
    none_match: tuple[Tag, ...] | None = None

    def __bool__(self) -> bool:
        """Whether anything is demanded."""
        return self.match is not None or self.none_match is not None

    def problem(self, tag: str | None) -> Reason | None:
        """Return what does not hold of the state ``tag`` (None: there is nothing), if anything."""
        if self.match is not None and not _matches(self.match, tag):
            return Reason("If-Match", _mismatch(self.match, tag))
        if self.none_match is not None and tag is not None and self.is_known(tag):
            return Reason("If-None-Match", f'it is there already, as "{tag}"')
        return None

    def is_known(self, tag: str) -> bool:
        """Tell whether a reader has the state ``tag`` already (If-None-Match, weak comparison)."""
        known = self.none_match or ()
        return self.none_match == ANY_STATE or any(each.text == tag for each in known)

    def check(self, tag: str | None, what: str) -> None:
        """Let a write pass only over the state that was expected.

        Args:
            tag: of the state there is; None for none.
            what: names it.

        Raises:
            ConflictError: it is another one.
        """
        problem = self.problem(tag)
        if problem is not None:
            hint = "read it again, see what somebody else has changed, and send your change with its new ETag"
            if tag is not None and _is_weakly(self.match, tag):
                hint = "send the ETag as it is answered here, without W/; a proxy may have put that before it"
            if problem.field == "If-None-Match":
                hint = "send the change with If-Match and the ETag that it has, if it is to be replaced"
            message = f"{what} is not as you expected: {problem.rule}"
            raise ConflictError(message, [problem], hint=hint, precondition=True)


_ANY: Final = Tag(ANY)
ANYTHING: Final = Precondition()
ANY_STATE: Final = (_ANY,)


def _matches(wanted: tuple[Tag, ...], tag: str | None) -> bool:
    if tag is None:
        return False
    return wanted == ANY_STATE or any(each.text == tag and not each.weak for each in wanted)


def _mismatch(wanted: tuple[Tag, ...], tag: str | None) -> str:
    if tag is None:
        return "there is nothing of that name"
    if _is_weakly(wanted, tag):
        return f'a weak tag never holds here (RFC 9110, 13.1.1): it is still "{tag}"'
    return f'it has changed: it is "{tag}" now'


def _is_weakly(wanted: tuple[Tag, ...] | None, tag: str) -> bool:
    return any(each.text == tag and each.weak for each in wanted or ())
