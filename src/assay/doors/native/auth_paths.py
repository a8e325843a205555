"""What the OpenAPI document says of the routes below ``/auth``, which are no JSON routes like the others."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from assay.wire.sign_in import (
    Audience,
    CodeForToken,
    MintedToken,
    MintRefusal,
    MintRequest,
    SignedInToken,
    SignInOffer,
)

AUTH_KINDS: Final = (
    Audience,
    CodeForToken,
    MintedToken,
    MintRefusal,
    MintRequest,
    SignedInToken,
    SignInOffer,
)
_LOGIN: Final = {
    "next": "path on this server to go to",
    "redirect_uri": "loopback address at which a command line waits",
    "code_challenge": "S256 challenge of a command line (RFC 7636)",
    "state": "given back to the command line",
}
_CALLBACK: Final = {
    "code": "of the provider",
    "state": "as it was sent",
    "iss": "who answers (RFC 9207)",
    "error": "why there is no code",
}


def auth_paths(
    by_kind: Mapping[str, Any], operation: Callable[..., dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the paths below ``/auth``; none of them needs a token.

    Args:
        by_kind: the schema of each kind of document, by its ``repr``.
        operation: makes an operation of summary, schema and extra words.
    """

    def body(kind: type) -> dict[str, Any]:
        content = {"application/json": {"schema": by_kind[repr(kind)]}}
        return {"requestBody": {"required": True, "content": content}}

    def read(summary: str, kind: type) -> dict[str, Any]:
        return operation(summary, by_kind[repr(kind)], {}, secured=False)

    def write(summary: str, takes: type, gives: type) -> dict[str, Any]:
        made = operation(summary, by_kind[repr(gives)], body(takes), secured=False)
        made["responses"]["413"] = made["responses"]["400"]
        return made

    def page(summary: str, query: Mapping[str, str]) -> dict[str, Any]:
        text = {"type": "string"}
        parameters = [
            {"name": name, "in": "query", "description": words, "schema": text}
            for name, words in query.items()
        ]
        made = operation(summary, None, {"parameters": parameters}, secured=False)
        made["responses"]["303"] = {"description": "The browser goes on."}
        return made

    mint = write("Exchange the identity token of a CI job", MintRequest, MintedToken)
    schema = {"schema": by_kind[repr(MintRefusal)]}
    mint["responses"]["422"] = {"description": "No token.", "content": {"application/json": schema}}
    logout = operation("End the session of the browser", None, {}, status=204, secured=False)
    return {
        "/auth/offer": {"get": read("How people can sign in here", SignInOffer)},
        "/auth/login": {"get": page("Send a browser to the identity provider", _LOGIN)},
        "/auth/callback": {"get": page("Receive a browser from the identity provider", _CALLBACK)},
        "/auth/token": {"post": write("Redeem the code of a command line", CodeForToken, SignedInToken)},
        "/auth/logout": {"post": logout},
        "/auth/ci/audience": {"get": read("For whom a job's identity token has to be", Audience)},
        "/auth/ci/mint-token": {"post": mint},
    }
