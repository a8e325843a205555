"""An identity provider without a network: real keys and signatures, real HTTP messages, no socket."""

import json
import time
from urllib.parse import parse_qs

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from assay.app.identity_providers import HttpIssuers

ISSUER = "https://login.example.org/realm"
CLIENT = "registry"
MAKERS = {
    "RS256": (lambda: rsa.generate_private_key(65537, 2048), RSAAlgorithm),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
}


class Key:
    """A key pair of one algorithm, with the public half as it is published."""

    def __init__(self, kid, algorithm="RS256", private=None):
        make, kind = MAKERS[algorithm]
        self.kid, self.algorithm = kid, algorithm
        self.private = private or make()
        published = json.loads(kind.to_jwk(self.private.public_key()))
        self.public = published | {"kid": kid, "alg": algorithm, "use": "sig"}


FIRST = Key("first")


class PaperProvider:
    """Answers what a provider answers.

    ``down`` breaks the line, ``failing`` holds paths that answer 500, ``asked`` counts questions by path.
    """

    def __init__(self, issuer=ISSUER, keys=(FIRST,)):
        self.issuer, self.keys = issuer, list(keys)
        self.down, self.asked, self.more = False, [], {}
        self.failing = set()
        self.codes = {}
        self.forms = []
        self.seconds = 1000.0
        self.issuers = HttpIssuers(transport=httpx.MockTransport(self.answer), now=lambda: self.seconds)

    @property
    def document(self):
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return found | self.more

    def answer(self, request):
        """Answer one request."""
        if self.down:
            raise httpx.ConnectError("down")
        url = str(request.url)
        self.asked.append(url.removeprefix(self.issuer))
        if self.asked[-1] in self.failing:
            return httpx.Response(500, json={"error": "server_error"})
        if url == f"{self.issuer}/.well-known/openid-configuration":
            return httpx.Response(200, json=self.document)
        if url == f"{self.issuer}/keys":
            return httpx.Response(200, json={"keys": [key.public for key in self.keys]})
        if url == f"{self.issuer}/token":
            form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            self.forms.append((form, request.headers.get("authorization", "")))
            token = self.codes.pop(form.get("code"), None)
            if token is None:
                return httpx.Response(400, json={"error": "invalid_grant"})
            return httpx.Response(200, json={"id_token": token, "access_token": "x", "token_type": "Bearer"})
        return httpx.Response(404)

    def claims(self, now=None, **changes):
        """Return good claims, some of them changed; a value of None takes one away."""
        now = int(time.time()) if now is None else now
        good = {"iss": self.issuer, "aud": CLIENT, "sub": "u-1", "iat": now, "exp": now + 300}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def sign(self, claims, key=None, **headers):
        """Sign claims as the provider, or whoever has ``key``, would."""
        key = key or self.keys[0]
        return jwt.encode(claims, key.private, key.algorithm, headers={"kid": key.kid, **headers})
