"""The sandbox: one program under limits, with nothing of the worker's in reach.

What it always has: an empty folder of its own, a clean environment without credentials, limits on time,
memory, file size, descriptors, and a worker that ends it with all its children. What the kernel adds is
tried by :mod:`assay.runner.launcher` and told in :attr:`Sandbox.isolation`: an allow-list of files
(Landlock), namespaces without a network, a filter of system calls. Where one is missing the program runs
without it, and the evidence says so.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from assay.core.measuring import ModelProblem

LAUNCHER: Final = Path(__file__).with_name("launcher.py")
# Programs, libraries and what they read at their start; nothing that belongs to a user or a service.
SYSTEM_READABLE: Final = (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/localtime", "/etc/timezone", "/dev/zero", "/dev/urandom", "/dev/random", "/proc/cpuinfo",
    "/proc/meminfo", "/sys/devices/system/cpu",
)  # fmt: skip
SYSTEM_WRITABLE: Final = ("/dev/null",)
_START_TIMEOUT_S: Final = 30.0
_END_TIMEOUT_S: Final = 10.0
_CPU_GRACE_S: Final = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sandboxed program may use.

    Attributes:
        memory_bytes: address space of each process.
        wall_seconds: life of the program.
        cpu_seconds: processor time of each process.
        file_bytes: size of each file it writes.
        process_count: processes and threads; in force where ``isolation["process_count"]`` says so.
        open_file_count: descriptors of each process.
        output_bytes: what is kept of each output stream: its end.
    """

    memory_bytes: int = 4 * 1024**3
    wall_seconds: float = 1800.0
    cpu_seconds: int = 1800
    file_bytes: int = 1024**3
    process_count: int = 128
    open_file_count: int = 512
    output_bytes: int = 64 * 1024

    def rlimits(self) -> dict[str, tuple[int, int]]:
        """Return them as setrlimit(2) wants them: name -> soft, hard."""
        return {
            "AS": (self.memory_bytes, self.memory_bytes),
            "CPU": (self.cpu_seconds, self.cpu_seconds + _CPU_GRACE_S),
            "FSIZE": (self.file_bytes, self.file_bytes),
            "NPROC": (self.process_count, self.process_count),
            "NOFILE": (self.open_file_count, self.open_file_count),
            "CORE": (0, 0),
        }


@dataclass(frozen=True, slots=True)
class Confined:
    """What to run, and what it may reach.

    Attributes:
        argv: program and arguments; the program by its absolute path.
        scratch: the only folder it may write in; also its HOME and TMPDIR.
        readable: files and folders it may read and execute, besides the system's libraries.
        cwd: where it starts; None for ``scratch``.
        variables: added to its environment.
    """

    argv: tuple[str, ...]
    scratch: Path
    readable: tuple[Path, ...]
    limits: Limits = field(default_factory=Limits)
    cwd: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the program's whole environment."""
        return {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.scratch),
            "TMPDIR": str(self.scratch),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # One thread is what it has; without this joblib looks for shared memory and warns.
            "JOBLIB_MULTIPROCESSING": "0",
            **self.variables,
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: exit code, or signal (else 0), and the limit it ran into, if it was one."""

    exit_code: int
    signal: int
    limit: str
    cpu_seconds: float

    @property
    def text(self) -> str:
        """One phrase for people."""
        if self.limit:
            return f"ran into the limit on {self.limit}"
        if self.signal:
            return f"was ended by {_signal_name(self.signal)}"
        return f"ended with exit code {self.exit_code}"


class Sandbox:
    """A running program. Close it; leaving the ``with`` block ends it with everything it started."""

    def __init__(self, confined: Confined, *, interactive: bool = False) -> None:
        """Start it.

        Args:
            confined: what to run.
            interactive: give it pipes for input and output (:attr:`input_fd`, :attr:`output_fd`);
                otherwise its input is empty and its output is kept like its errors.

        Raises:
            ModelProblem: it cannot be started.
        """
        self._confined = confined
        self._ending: Ending | None = None
        self._closing = threading.Lock()
        status, status_theirs = os.pipe()
        lifeline_theirs, self._lifeline = os.pipe()
        self._status = status
        spec = {
            "argv": list(confined.argv),
            "cwd": str(confined.cwd or confined.scratch),
            "readable": [*SYSTEM_READABLE, *map(str, confined.readable)],
            "writable": [*SYSTEM_WRITABLE, str(confined.scratch)],
            "rlimits": confined.limits.rlimits(),
            "wall_seconds": confined.limits.wall_seconds,
            "status_fd": status_theirs,
            "lifeline_fd": lifeline_theirs,
        }
        try:
            self._process = subprocess.Popen(  # noqa: S603 - it is confined
                [sys.executable, "-I", "-S", "-B", str(LAUNCHER), json.dumps(spec)],
                stdin=subprocess.PIPE if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=confined.environment(),
                cwd=confined.scratch,
                start_new_session=True,
                pass_fds=(status_theirs, lifeline_theirs),
            )
        except OSError as error:
            os.close(self._lifeline)
            os.close(status)
            raise ModelProblem(f"the sandbox cannot be started: {error}") from error
        finally:
            os.close(status_theirs)
            os.close(lifeline_theirs)
        self._errors = _Tail(self._process.stderr, confined.limits.output_bytes)
        self._output = None if interactive else _Tail(self._process.stdout, confined.limits.output_bytes)
        self._reports = b""
        self.isolation: Mapping[str, Any] = self._await_isolation()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def input_fd(self) -> int:
        """Descriptor to write to the program; only when interactive."""
        return _fileno(self._process.stdin)

    @property
    def output_fd(self) -> int:
        """Descriptor to read from the program; only when interactive."""
        return _fileno(self._process.stdout)

    def close_pipes(self) -> None:
        """Close input and output, once nobody reads or writes them any more."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def errors(self) -> str:
        """Return the end of what it wrote to standard error."""
        return self._errors.text()

    def output(self) -> str:
        """Return the end of what it wrote to standard output; "" when interactive."""
        return self._output.text() if self._output else ""

    def wait(self, timeout_s: float) -> Ending:
        """Wait for its end, or end it when the time is up.

        Returns:
            How it ended; limit ``time`` when it had to be ended here.
        """
        late = False
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            late = True
        return self.close(limit="time" if late else "")

    def settle(self, timeout_s: float) -> Ending:
        """Give a program that seems to be at its end the time to end by itself, then end it.

        Returns:
            How it ended.
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self.close()

    def close(self, *, limit: str = "") -> Ending:
        """End it now, if it still runs, with all it started. May be called again.

        Args:
            limit: why, when it is ended for running into one.

        Returns:
            How it ended.
        """
        with self._closing:
            if self._ending is None:
                self._ending = self._end(limit)
            return self._ending

    def _end(self, limit: str) -> Ending:
        os.close(self._lifeline)
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.join()
        if self._output:
            self._output.join()
        while chunk := os.read(self._status, 65536):
            self._reports += chunk
        os.close(self._status)
        return self._read_ending(limit)

    def _await_isolation(self) -> Mapping[str, Any]:
        """Read the launcher's first report."""
        while b"\n" not in self._reports:
            ready, _, _ = select.select([self._status], [], [], _START_TIMEOUT_S)
            chunk = os.read(self._status, 65536) if ready else b""
            if not chunk:
                self.close()
                self.close_pipes()
                raise ModelProblem(f"the sandbox cannot be started: {self.errors()[-2000:]}")
            self._reports += chunk
        isolation = json.loads(self._reports.partition(b"\n")[0])["isolation"]
        network = "host"
        if isolation["system_calls"] == "filtered" or "network" in isolation["namespaces"]:
            network = "none"
        elif isolation["landlock"] >= 4:
            network = "without TCP"
        return {**isolation, "network": network}

    def _read_ending(self, limit: str) -> Ending:
        reports: dict[str, Any] = {}
        for line in self._reports.splitlines():
            reports.update(json.loads(line))
        limit = limit or reports.get("limit", "")
        ended = reports.get("ended")
        if ended is None:
            return Ending(0, signal.SIGKILL, limit, 0.0)
        code = os.waitstatus_to_exitcode(ended["status"])
        number, code = (-code, 0) if code < 0 else (0, code)
        return Ending(code, number, limit or self._limit_of(number, ended), ended["cpu_seconds"])

    def _limit_of(self, number: int, ended: Mapping[str, Any]) -> str:
        """Tell from how it ended which limit that was; "" when none."""
        if number == signal.SIGXCPU or (
            number == signal.SIGKILL and ended["cpu_seconds"] >= self._confined.limits.cpu_seconds
        ):
            return "time"
        return "file size" if number == signal.SIGXFSZ else ""


class _Tail:
    """Reads a stream to its end in a thread and keeps the last bytes."""

    def __init__(self, stream: IO[bytes] | None, size_bytes: int) -> None:
        self._stream = stream
        self._size_bytes = size_bytes
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        if self._stream is None:
            return
        with self._stream, suppress(OSError):
            while chunk := os.read(self._stream.fileno(), 65536):
                self._kept = (self._kept + chunk)[-self._size_bytes :]

    def text(self) -> str:
        return self._kept.decode(errors="replace")

    def join(self) -> None:
        self._thread.join(_END_TIMEOUT_S)


def problem_of(ending: Ending, what: str, said: str) -> ModelProblem:
    """Turn an end that should not have been into a problem.

    Args:
        ending: how the program ended.
        what: its name for people, e.g. ``the model process``.
        said: the end of its errors; where it died of memory, they show it.
    """
    limit = ending.limit
    last = said.strip()[-2000:]
    limit = limit or _limit_said(last)
    text = Ending(ending.exit_code, ending.signal, limit, ending.cpu_seconds).text
    return ModelProblem(f"{what} {text}" + (f"; it said: {last}" if last else ""), limit=limit)


def _limit_said(said: str) -> str:
    """Find a limit in a program's last words: the C library reports these two only by a failed call."""
    last = "\n".join(said.splitlines()[-5:])
    signs = {
        "memory": ("MemoryError", "std::bad_alloc", "Cannot allocate memory", "out of memory"),
        "file size": ("File too large",),
    }
    return next((limit for limit, texts in signs.items() if any(text in last for text in texts)), "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _fileno(stream: Any) -> int:
    if stream is None:
        raise ValueError("the sandbox has no such stream")
    return int(stream.fileno())


def run_confined(confined: Confined, *, timeout_s: float) -> tuple[Ending, str, str, Mapping[str, Any]]:
    """Run a program to its end.

    Returns:
        How it ended, the end of its output and of its errors, and how it was isolated.

    Raises:
        ModelProblem: it cannot be started.
    """
    with Sandbox(confined) as sandbox:
        ending = sandbox.wait(timeout_s)
        return ending, sandbox.output(), sandbox.errors(), sandbox.isolation
