"""What the client can ask about signing in, roles of groups and trusted publishers."""

from typing import Final

from assay.client.routes import part
from assay.client.transport import Transport
from assay.core.errors import BadInputError, DeniedError, Reason
from assay.core.publishers import Publisher
from assay.core.sign_in import GroupRole, Identity
from assay.wire import codec
from assay.wire.sign_in import (
    Audience,
    CodeForToken,
    EndedSessions,
    MintedToken,
    MintRefusal,
    MintRequest,
    NewGroupRole,
    NewIdentity,
    NewPublisher,
    SignedInToken,
    SignInOffer,
)

AUTH: Final = "/auth"


class SignInCalls:
    """Signing in. Every method raises any leaf of ``AssayError``."""

    _transport: Transport

    def sign_in_offer(self) -> SignInOffer:
        """Say whether people sign in with an identity provider here, and whether jobs may come.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(f"{AUTH}/offer", SignInOffer)

    def redeem_code(self, code: str, verifier: str) -> SignedInToken:
        """Return the token that a browser's sign-in gave this command line.

        Raises:
            AssayError: DeniedError where the code is not good any more, or another leaf.
        """
        return self._transport.post(f"{AUTH}/token", SignedInToken, CodeForToken(code, verifier))

    def ci_audience(self) -> str:
        """Return what the identity token of a job has to be for.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(f"{AUTH}/ci/audience", Audience).audience

    def mint_token(self, identity_token: str, pattern: str = "") -> MintedToken:
        """Exchange the identity token of a job for a token of this registry.

        Raises:
            DeniedError: the registry does not take it; its code is the reason's field.
            AssayError: any other leaf.
        """
        body = codec.encode(MintRequest(identity_token, pattern))
        answer = self._transport.send_passing("POST", f"{AUTH}/ci/mint-token", body, 422)
        if answer.status_code != 422:
            return self._transport.read(answer, MintedToken)
        try:
            refusal = codec.decode(answer.content, MintRefusal)
        except BadInputError:
            refusal = MintRefusal("Token request failed", ())
        reasons = [Reason(each.code, each.description) for each in refusal.errors]
        raise DeniedError(
            refusal.message, reasons, hint="look at the trusted publishers: assay publisher list"
        )

    def link_identity(self, name: str, issuer: str, subject: str) -> Identity:
        """Say who somebody at the identity provider is here.

        Raises:
            AssayError: any leaf.
        """
        route = f"/principals/{part(name)}/identities"
        return self._transport.post(route, Identity, NewIdentity(issuer, subject))

    def unlink_identity(self, name: str, issuer: str, subject: str) -> None:
        """Forget it.

        Raises:
            AssayError: any leaf.
        """
        params = [("issuer", issuer), ("subject", subject)]
        self._transport.delete(f"/principals/{part(name)}/identities", params)

    def identities(self, name: str) -> tuple[Identity, ...]:
        """List the identities of somebody.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(f"/principals/{part(name)}/identities", tuple[Identity, ...])

    def end_sessions(self, name: str) -> int:
        """End every session of somebody's browsers; return how many there were.

        Raises:
            AssayError: any leaf.
        """
        answer = self._transport.send("DELETE", f"/principals/{part(name)}/sessions")
        return self._transport.read(answer, EndedSessions).count

    def map_group(self, group: str, pattern: str, role: str) -> GroupRole:
        """Give a role to a group at the identity provider.

        Raises:
            AssayError: any leaf.
        """
        wanted = NewGroupRole(group, pattern, role)
        return self._transport.change("PUT", "/sign-in/groups", GroupRole, wanted)

    def unmap_group(self, group: str, pattern: str) -> None:
        """Take it away.

        Raises:
            AssayError: any leaf.
        """
        self._transport.delete("/sign-in/groups", [("group", group), ("pattern", pattern)])

    def group_roles(self) -> tuple[GroupRole, ...]:
        """List what groups give.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/sign-in/groups", tuple[GroupRole, ...])

    def add_publisher(self, wanted: NewPublisher) -> Publisher:
        """Trust the jobs of a CI service.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.post("/publishers", Publisher, wanted)

    def publishers(self) -> tuple[Publisher, ...]:
        """List trusted publishers.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/publishers", tuple[Publisher, ...])

    def remove_publisher(self, publisher_id: str) -> None:
        """Trust these jobs no more.

        Raises:
            AssayError: any leaf.
        """
        self._transport.delete(f"/publishers/{part(publisher_id)}")
