"""The job of a CI service that was let in by what its provider signed about it, not by a stored secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Among the environment of reported evidence: the job that reported. The registry writes it, nobody else.
REPORTED_IN: Final = "trusted_publisher"


@dataclass(frozen=True, slots=True)
class CiRun:
    """What a provider signed about a job; nobody typed it.

    Attributes:
        issuer: of the identity token.
        publisher: id of the trusted publisher that it matched.
        repository: e.g. ``acme/fraud``; "" where the provider does not say.
        workflow: file that ran, with the ref that it was taken from.
        commit: that the job ran on.
        ref: e.g. ``refs/heads/main``.
        run: number of the run.
        subject: the token's ``sub``.
    """

    issuer: str
    publisher: str
    repository: str = ""
    workflow: str = ""
    commit: str = ""
    ref: str = ""
    run: str = ""
    subject: str = ""

    def facts(self) -> Mapping[str, str]:
        """Return what is known of it, as a document of texts."""
        known = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in known.items() if value}
