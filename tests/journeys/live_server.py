"""A real server in a process of its own, and the real command line against it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ASSAY = str(Path(sys.executable).with_name("assay"))


class LiveServer:
    """``assay serve`` on a free loopback port."""

    def __init__(self, root, *words):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.root = root
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = (root / "server.log").open("ab")
        command = [ASSAY, "serve", "--port", str(self.port), "--data", str(root / "data"), *words]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.wait_until_up()

    def wait_until_up(self):
        """Wait for the first answer."""
        for _ in range(600):
            try:
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                assert self.process.poll() is None, (self.root / "server.log").read_text()
            time.sleep(0.05)  # a poll, bounded above
        raise AssertionError("the server did not come up")

    def children(self):
        """Process ids of what it started."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for each in tasks for pid in each.read_text().split()]

    def run(self, *words, token="", expect=0):
        """Run ``assay``; return what it printed."""
        environment = {**os.environ, "ASSAY_URL": self.url, "ASSAY_TOKEN": token}
        environment["ASSAY_CONFIG_DIR"] = str(self.root / "config")
        done = subprocess.run(
            [ASSAY, *map(str, words)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words, **more):
        """Run ``assay ... --json``; return the document."""
        return json.loads(self.run(*words, "--json", **more))

    def ask(self, method, path, token="", **more):
        """Send a request below /api/v1."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # Plain http: loading the authorities of this machine would take longer than the request.
        url = f"{self.url}/api/v1{path}"
        return httpx.request(method, url, headers=headers, timeout=60, verify=False, **more)

    def person(self, name, pattern="*"):
        """Make an approver; return a token."""
        self.run("principal", "create", name)
        self.run("grant", "add", name, "approver", pattern)
        made = self.json("token", "create", "--principal", name, "--scope", "read", "--scope", "approve")
        return made["text"]

    def stop(self, number=signal.SIGTERM):
        """End it; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        self.log.close()
        return code
