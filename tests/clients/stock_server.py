"""An unmodified ``mlflow server``: SQLite, proxied artifacts, one worker, on a free loopback port."""

import os
import signal
import socket
import subprocess
import time

import httpx

# No telemetry leaves a test; background jobs (of the parts that are not offered here) are not started.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
LONGEST_START_S = 180


class StockServer:
    """Starts at once; `wait_until_up` waits for it.

    Attributes:
        url: its address.
        database: its SQLite file.
    """

    def __init__(self, folder, python):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.database = folder / "mlflow.db"
        self._log_file = folder / "stock.log"
        self._log = self._log_file.open("wb")
        command = [str(python.with_name("mlflow")), "server", "--workers", "1", "--host", "127.0.0.1"]
        command += ["--port", str(port), "--backend-store-uri", f"sqlite:///{self.database}"]
        command += ["--artifacts-destination", str(folder / "artifacts")]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **QUIET},
            cwd=folder,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def wait_until_up(self):
        """Wait for the first answer; return itself."""
        deadline = time.monotonic() + LONGEST_START_S
        while True:
            try:
                if httpx.get(f"{self.url}/health", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                assert self._process.poll() is None, self._log_file.read_text()
            assert time.monotonic() < deadline, self._log_file.read_text()
            time.sleep(0.1)  # a poll, bounded above

    def stop(self):
        """End it and everything it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                break
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()
        self._log.close()
