"""The native door over a real store, with an identity provider on paper, and a browser to visit both."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from app.paper_provider import CLIENT, ISSUER, PaperProvider
from assay.core.publishers import GITHUB
from assay.core.sign_in import SignInRules
from assay.doors.native import native_app
from assay.usecases.bundle import UseCases
from doors.native.asgi import ask
from usecases.fresh_means import fresh_means
from usecases.registry_world import CountedChance, HandClock

URL = "https://models.example.org"
NAVIGATION = (
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
)


class SignInWorld:
    """``rules`` change what the operator set."""

    def __init__(self, root, **rules):
        self.provider = PaperProvider()
        self.ci = PaperProvider(issuer=GITHUB)
        self.clock = HandClock()
        set_rules = {"issuer": ISSUER, "client_id": CLIENT, "client_secret": "s", "ci_audience": URL}
        self.rules = SignInRules(**(set_rules | rules))
        means = fresh_means(root, self.clock, CountedChance())
        self.means = replace(means, issuers=self, sign_in=self.rules)
        self.use = UseCases.over(self.means)
        self.local = self.use.access.local()
        self.app = native_app(self.use, self.clock, loopback=False, anonymous=False, public_url=URL)

    def _at(self, issuer):
        return (self.ci if issuer == GITHUB else self.provider).issuers

    def endpoints(self, issuer):
        return self._at(issuer).endpoints(issuer)

    def claims(self, issuer, token, algorithms):
        return self._at(issuer).claims(issuer, token, algorithms)

    def redeem(self, issuer, client, form):
        return self._at(issuer).redeem(issuer, client, form)

    @property
    def seconds(self):
        return int(self.clock.at.timestamp())

    def pass_time(self, **words):
        self.clock.at += timedelta(**words)

    def person(self, **claims):
        """Return claims of somebody at the provider, at this moment."""
        good = {"preferred_username": "ada", "groups": []}
        return self.provider.claims(self.seconds, **(good | claims))

    def events(self, verb):
        with self.means.database.read() as records:
            return [each for each in records.audit.read(0) if each.verb == verb]

    def close(self):
        self.means.database.close()


class Browser:
    """Keeps cookies, and says where it is sent; follows nothing by itself."""

    def __init__(self, world):
        self.world = world
        self.cookies = {}

    def go(self, method, path, *headers, body=b""):
        sent = [("Host", "models.example.org"), *headers]
        if self.cookies:
            sent.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        answer = ask(self.world.app, method, path, sent, chunks=(body,))
        for line in set_cookies(answer):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def leave(self, query=""):
        """Begin to sign in; return what the provider was asked."""
        answer = self.go("GET", f"/auth/login{query}", *NAVIGATION)
        assert answer.status == 303, answer.body
        parts = urlsplit(answer.headers["location"])
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
        return {name: values[0] for name, values in parse_qs(parts.query).items()}

    def come_back(self, asked, claims=None, **answer):
        """Come back with a code for an ID token of these claims."""
        given = {"code": "code-1", "state": asked["state"], **answer}
        if claims is not None:
            signed = self.world.provider.sign({"nonce": asked["nonce"], **claims})
            self.world.provider.codes[given["code"]] = signed
        query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
        return self.go("GET", f"/auth/callback?{query}", *NAVIGATION)

    def sign_in(self, query="", **claims):
        """Do all of it; return the last answer."""
        return self.come_back(self.leave(query), self.world.person(**claims))

    def whoami(self):
        return self.go("GET", "/api/v1/whoami")


def set_cookies(answer):
    return answer.cookies


def sent_json(value):
    return json.dumps(value).encode()
