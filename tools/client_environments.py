"""Make the environments of the real clients: one per ``tests/clients/requirements-*.txt``.

Each goes to ``.venv-clients/<client>/`` and is made once: a stamp in it holds the digest of its pins, and
other pins make it anew. Every package is pinned and installed without resolving, so that the same file
gives the same client on every machine. Tests call `environment`; from the command line, all are made.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "tests" / "clients"
PLACE = ROOT / ".venv-clients"
PREFIX, SUFFIX = "requirements-", ".txt"


def clients() -> list[str]:
    """Return the name of every client, as in ``mlflow-3.17.2``."""
    names = (path.name for path in PINS.glob(f"{PREFIX}*{SUFFIX}"))
    return sorted(name.removeprefix(PREFIX).removesuffix(SUFFIX) for name in names)


def environment(client: str, folder_of_pins: Path = PINS) -> Path:
    """Return the Python of a client's environment, which is made if it is not there yet.

    What is no client, such as an identity provider for tests, has its pins in a folder of its own.

    Two processes that ask at once wait for each other.

    Raises:
        subprocess.CalledProcessError: a package could not be installed.
        FileNotFoundError: no such client.
    """
    pins = folder_of_pins / f"{PREFIX}{client}{SUFFIX}"
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    PLACE.mkdir(exist_ok=True)
    folder = PLACE / client
    python, stamp = folder / "bin" / "python", folder / "pins.sha256"
    with (PLACE / f"{client}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go by the end of the process too
        if not (stamp.exists() and stamp.read_text() == wanted):
            shutil.rmtree(folder, ignore_errors=True)
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
            install = [*uv, "pip", "install", "--quiet", "--no-deps", "--compile-bytecode"]
            subprocess.run([*install, "--python", str(python), "-r", str(pins)], check=True)
            stamp.write_text(wanted)
    return python


def main() -> None:
    """Make every environment."""
    for client in clients():
        sys.stdout.write(f"{environment(client)}\n")


if __name__ == "__main__":
    main()
