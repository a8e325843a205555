"""Make the emulators of object stores: moto's server for S3 and Azurite for Azure Blob Storage.

They go to ``.venv-emulators/`` and are made once: a stamp holds the digest of their pins, and other pins
make them anew. They need environments of their own: moto wants other packages than we do, and Azurite is
written for Node. Tests call `moto` and `azurite`; from the command line, both are made.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "tests" / "emulators"
PLACE = ROOT / ".venv-emulators"


def moto() -> list[str]:
    """Return the command of the S3 emulator, which is made if it is not there yet.

    Raises:
        subprocess.CalledProcessError: a package could not be installed.
    """
    pins = PINS / "requirements-moto.txt"
    folder = PLACE / "moto"
    python = folder / "bin" / "python"
    with _made_anew(folder, [pins]) as needed:
        if needed:
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
            install = [*uv, "pip", "install", "--quiet", "--no-deps", "--compile-bytecode"]
            subprocess.run([*install, "--python", str(python), "-r", str(pins)], check=True)
    return [str(python), "-m", "moto.server"]


def azurite() -> list[str]:
    """Return the command of the Azure emulator, which is made if it is not there yet.

    Raises:
        FileNotFoundError: there is no Node on this machine.
        subprocess.CalledProcessError: a package could not be installed.
    """
    pins = [PINS / "azurite" / name for name in ("package.json", "package-lock.json")]
    folder = PLACE / "azurite"
    node, npm = _program("node"), _program("npm")
    with _made_anew(folder, pins) as needed:
        if needed:
            folder.mkdir(parents=True)
            for each in pins:
                shutil.copy(each, folder)
            install = [npm, "ci", "--silent", "--no-fund", "--no-audit", "--ignore-scripts"]
            subprocess.run(install, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return [node, str(folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js")]


def main() -> None:
    """Make both."""
    for command in (moto(), azurite()):
        sys.stdout.write(" ".join(command) + "\n")


@contextmanager
def _made_anew(folder: Path, pins: list[Path]) -> Iterator[bool]:
    """Tell whether a folder has to be made anew; two processes that ask at once wait for each other."""
    content = b"".join(each.read_bytes() for each in pins) + sys.version.encode()
    wanted = hashlib.sha256(content).hexdigest()
    PLACE.mkdir(exist_ok=True)
    stamp = folder / "pins.sha256"
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go by the end of the process too
        needed = not (stamp.exists() and stamp.read_text() == wanted)
        if needed:
            shutil.rmtree(folder, ignore_errors=True)
        yield needed
        if needed:
            stamp.write_text(wanted)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is needed for the Azure emulator: apt-get install nodejs npm")
    return found


if __name__ == "__main__":
    main()
