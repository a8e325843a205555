"""What the client can ask about policies, people and their rights."""

from assay.client.routes import part
from assay.client.transport import Transport, if_match_header
from assay.core.access import Grant, Principal, Token
from assay.core.names import ModelName
from assay.wire.requests import (
    NewGrant,
    NewPassword,
    NewPrincipal,
    NewToken,
    PolicySwitch,
    PrincipalChange,
)
from assay.wire.views import CreatedToken, Identity, PolicyView


class GovernanceCalls:
    """Policies, access. Every method raises any leaf of ``AssayError``."""

    _transport: Transport

    def whoami(self) -> Identity:
        """Say who the caller is and what it may do.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/whoami", Identity)

    def policies(self) -> tuple[PolicyView, ...]:
        """List the policies in force, one per pattern.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/policies", tuple[PolicyView, ...])

    def applying_policy(self, model: str) -> PolicyView:
        """Show the policy that guards a model.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/policies/applying", PolicyView, [("model", ModelName(model))])

    def policy_history(self, pattern: str) -> tuple[PolicyView, ...]:
        """Show every revision of the policy for ``*``, ``team/*`` or ``team/task``.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/policies/history", tuple[PolicyView, ...], [("pattern", pattern)])

    def policy_tag(self, pattern: str) -> str:
        """Return the ETag of the policy that is set for exactly this pattern now.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.tag("/policies/current", [("pattern", pattern)])

    def set_policy(
        self, source: str, *, media_type: str = "application/yaml", if_match: str = ""
    ) -> PolicyView:
        """Put a policy in force, written as YAML (or JSON with ``application/json``).

        Args:
            source: the policy.
            media_type: how it is written.
            if_match: the ETag that the policy for its pattern must still have (:meth:`policy_tag`).

        Raises:
            AssayError: BadInputError with every broken rule, ConflictError when the policy has another
                ETag now, or another leaf.
        """
        headers = {"Content-Type": media_type, **if_match_header(if_match)}
        response = self._transport.send_raw("PUT", "/policies", content=source.encode(), headers=headers)
        return self._transport.read(response, PolicyView)

    def switch_policy(self, pattern: str, mode: str) -> PolicyView:
        """Put the policy for ``pattern`` into mode ``enforce`` or ``observe``, as its next revision.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.post("/policies/switch", PolicyView, PolicySwitch(pattern, mode))

    def create_principal(self, wanted: NewPrincipal) -> Principal:
        """Make a person or service account known.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.post("/principals", Principal, wanted)

    def principals(self) -> tuple[Principal, ...]:
        """List everybody known.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/principals", tuple[Principal, ...])

    def change_principal(self, name: str, change: PrincipalChange) -> Principal:
        """Disable or enable a principal.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.change("PATCH", f"/principals/{part(name)}", Principal, change)

    def set_password(self, name: str, password: str, current: str = "") -> None:
        """Set somebody's password; one's own needs the ``current`` one.

        Raises:
            AssayError: any leaf.
        """
        wanted = NewPassword(password, current)
        self._transport.send("PUT", f"/principals/{part(name)}/password", body=wanted)

    def grants(self, principal: str = "") -> tuple[Grant, ...]:
        """List grants, of one principal if named.

        Raises:
            AssayError: any leaf.
        """
        params = [("principal", principal)] if principal else []
        return self._transport.get("/grants", tuple[Grant, ...], params)

    def grant(self, wanted: NewGrant) -> Grant:
        """Give a role on ``*``, ``team/*`` or ``team/task``.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.change("PUT", "/grants", Grant, wanted)

    def revoke_grant(self, principal: str, pattern: str) -> None:
        """Take a role away.

        Raises:
            AssayError: any leaf.
        """
        self._transport.delete("/grants", [("principal", principal), ("pattern", pattern)])

    def create_token(self, wanted: NewToken) -> CreatedToken:
        """Make a token; its text is in the answer and never shown again.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.post("/tokens", CreatedToken, wanted)

    def tokens(self, principal: str = "") -> tuple[Token, ...]:
        """List tokens, without their secrets.

        Raises:
            AssayError: any leaf.
        """
        params = [("principal", principal)] if principal else []
        return self._transport.get("/tokens", tuple[Token, ...], params)

    def revoke_token(self, token_id: str) -> None:
        """Make a token invalid.

        Raises:
            AssayError: any leaf.
        """
        self._transport.delete(f"/tokens/{part(token_id)}")
