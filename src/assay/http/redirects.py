"""Downloads that go past this server: to whom the store's own address of a file is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OFF: Final = "off"
ASKED: Final = "asked"
ALL: Final = "all"
# By it a client says FOLLOW: it follows the redirect without its credentials, and compares the digest itself;
# or NEVER: it wants the bytes from here, where they are compared with their digest.
ASKING: Final = "assay-redirect"
FOLLOW: Final = "follow"
NEVER: Final = "never"


@dataclass(frozen=True, slots=True)
class Redirects:
    """What the operator allows: ``off``, ``asked`` (clients that ask for it) or ``all``."""

    allowed: str = OFF

    @property
    def to_all(self) -> bool:
        """Clients are sent to the store whether they ask or not, unless they ask not to be."""
        return self.allowed == ALL

    def wanted(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the sender of a request is to be sent to the store.

        Args:
            headers: by lower-case name.
        """
        said = headers.get(ASKING, "")
        return said != NEVER if self.to_all else self.allowed == ASKED and said == FOLLOW


def leading_to(address: str) -> dict[str, str]:
    """Return the headers of an answer 307 (RFC 9110, section 15.4.8) to a presigned address.

    The address carries a right: nobody may keep it, and it goes to nobody as a referrer.
    """
    return {"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
