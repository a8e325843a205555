"""A real identity provider in a process of its own, from an environment of its own, and a browser for it."""

import importlib.util
import json
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urljoin

import httpx

HERE = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location(
    "client_environments", HERE.parent / "tools" / "client_environments.py"
)
environments = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(environments)
PROVIDER = "oidc-provider-mock-0.3.4"


class LiveProvider:
    """``oidc-provider-mock`` on a free loopback port."""

    def __init__(self, root, *people):
        python = environments.environment(PROVIDER, HERE / "providers")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.issuer = f"http://127.0.0.1:{self.port}"
        words = [str(python), "-m", "oidc_provider_mock", "--port", str(self.port), "--require-nonce"]
        words += ["true", *(word for each in people for word in ("--user-claims", json.dumps(each)))]
        self.log = (root / "provider.log").open("ab")
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log)
        for _ in range(600):
            try:
                httpx.get(f"{self.issuer}/.well-known/openid-configuration").raise_for_status()
                return
            except httpx.TransportError:
                assert self.process.poll() is None, (root / "provider.log").read_text()
            time.sleep(0.05)  # a poll, bounded above
        raise AssertionError("the provider did not come up")

    def person(self, sub, **claims):
        """Say anew what the provider says of somebody."""
        httpx.put(f"{self.issuer}/users/{sub}", json=claims).raise_for_status()

    def stop(self):
        """End it."""
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


class Visitor:
    """A browser: follows redirects, keeps cookies, and signs in at the provider when it is asked to."""

    def __init__(self, sub):
        self.sub = sub
        self.http = httpx.Client(follow_redirects=False, timeout=30)
        self.seen = []

    def open(self, address):
        """Open an address and go on to the last page; return it."""
        answer = self.http.get(address)
        for _ in range(10):
            self.seen.append(f"{answer.request.method} {answer.url}")
            if answer.is_redirect:
                answer = self.http.get(urljoin(str(answer.url), answer.headers["location"]))
            elif "Authorize Client" in answer.text:
                answer = self.http.post(answer.url, data={"sub": self.sub})
            else:
                return answer
        raise AssertionError(self.seen)

    def close(self):
        """Let go."""
        self.http.close()
