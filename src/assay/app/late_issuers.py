"""Identity providers for servers of which most have none: what speaks to them is loaded when one is asked."""

import importlib
import threading
from collections.abc import Collection, Mapping
from typing import Any, Final

from assay.core.ports.sign_in import Endpoints, Issuers

_HOME: Final = "assay.app.identity_providers"


class LateIssuers:
    """Implements ``core.ports.sign_in.Issuers``; passes every question on."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._lock = threading.Lock()
        self._made: Issuers | None = None

    def endpoints(self, issuer: str) -> Endpoints:
        """Return what a provider says of itself."""
        return self._issuers().endpoints(issuer)

    def claims(self, issuer: str, token: str, algorithms: Collection[str]) -> Mapping[str, Any]:
        """Return the claims of a token that was signed with one of the issuer's published keys."""
        return self._issuers().claims(issuer, token, algorithms)

    def redeem(self, issuer: str, client: tuple[str, str], form: Mapping[str, str]) -> str:
        """Redeem a code for the ID token that goes with it."""
        return self._issuers().redeem(issuer, client, form)

    def _issuers(self) -> Issuers:
        with self._lock:
            if self._made is None:
                made: Issuers = importlib.import_module(_HOME).HttpIssuers()
                self._made = made
            return self._made
