"""Starts one program confined: ``python -I -S -B launcher.py JSON``. Runs before any foreign code.

A script, not a module to import: it runs in the worker's own interpreter with the standard library
alone, and replaces what a ``preexec_fn`` could not safely do in a process with threads.

Three processes::

    outer   watches the lifeline (a pipe the worker holds), the clock, and the inner one
    inner   first process of its own namespaces; reaps; when it ends the kernel ends all in there
    program the argv asked for, under limits

Each protection is tried, and what came of it is reported as ``isolation`` before the program starts;
none is assumed. Reports are JSON lines on a pipe which the program does not have.
"""

import ctypes
import json
import os
import platform
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

LIBC: Final = ctypes.CDLL(None, use_errno=True)

# <linux/prctl.h>
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
# <linux/sched.h>
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
# <linux/landlock.h>; the system call numbers are equal on all architectures but alpha
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE: Final = 1 << 14
FILE_RIGHTS: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15
FILESYSTEM_BITS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
# Refused system calls. No sockets at all: neither networks nor services listening on a path can be
# reached, which Landlock and a network namespace leave open. The rest widens what a program can attack.
REFUSED: Final[Mapping[str, tuple[int, tuple[int, ...]]]] = {
    # audit architecture; socket, unshare, setns, ptrace, process_vm_readv, process_vm_writev, add_key,
    # request_key, keyctl, bpf, perf_event_open, userfaultfd, mount, umount2, pivot_root, chroot,
    # open_by_handle_at, kcmp, io_uring_setup, pidfd_getfd
    "x86_64": (
        0xC000003E,
        (41, 272, 308, 101, 310, 311, 248, 249, 250, 321, 298, 323, 165, 166, 155, 161, 304, 312, 425, 438),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 97, 268, 117, 270, 271, 217, 218, 219, 280, 241, 282, 40, 39, 41, 51, 265, 272, 425, 438),
    ),
}


def main() -> None:
    """Do what the JSON on the command line says, and end with the program."""
    spec = json.loads(sys.argv[1])
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    root = os.geteuid() == 0
    isolation = enter_namespaces()
    # Root's processes are not counted, and without a user namespace all of the user's would be.
    counted = "user" in isolation["namespaces"] and not root
    isolation["process_count"] = spec["rlimits"]["NPROC"][0] if counted else 0
    inner = os.fork()
    if inner == 0:
        run_inner(spec, isolation)
    detach_streams()
    watch(spec, inner)


def prctl(option: int, value: int, third: int = 0) -> bool:
    """Set a property of this process; tell whether it worked."""
    zero = ctypes.c_ulong(0)
    return bool(LIBC.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(third), zero, zero) == 0)


def system_call(number: int, *arguments: int | bytes | None) -> int:
    """Call syscall(2) with whole registers; return its result, -1 on failure."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(LIBC.syscall(ctypes.c_long(number), *words))


def report(spec: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Write one line to the worker; it may have gone."""
    with suppress(OSError):
        os.write(spec["status_fd"], json.dumps(content).encode() + b"\n")


def enter_namespaces() -> dict[str, Any]:
    """Leave the host's namespaces as far as the kernel lets an ordinary user."""
    wanted = (
        ("user", "pid", "network", "ipc"),
        ("user", "network"),
        ("pid", "network", "ipc"),
    )
    flags = {"user": CLONE_NEWUSER, "pid": CLONE_NEWPID, "network": CLONE_NEWNET, "ipc": CLONE_NEWIPC}
    for names in wanted:
        if LIBC.unshare(sum(flags[name] for name in names)) == 0:
            return {"namespaces": list(names)}
    return {"namespaces": []}


def detach_streams() -> None:
    """Let go of the program's streams, so that their readers see its end."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def watch(spec: Mapping[str, Any], inner: int) -> None:
    """Wait for the inner process; end it when the worker has gone or the time is up."""
    ended = os.pidfd_open(inner)
    poll = select.poll()
    poll.register(spec["lifeline_fd"], select.POLLIN)
    poll.register(ended, select.POLLIN)
    deadline = time.monotonic() + spec["wall_seconds"]
    while True:
        left_ms = max(0.0, (deadline - time.monotonic()) * 1000)
        ready = [fd for fd, _ in poll.poll(min(left_ms, 3_600_000.0))]
        if ended in ready:
            break
        late = time.monotonic() >= deadline
        if ready or late:
            if late:
                report(spec, {"limit": "time"})
            os.kill(inner, signal.SIGKILL)
            break
    os.waitpid(inner, 0)
    end_descendants()
    os._exit(0)


def end_descendants() -> None:
    """Kill what was left to us as the subreaper; with a process namespace there is nothing to kill."""
    while True:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and parent_of(entry) == os.getpid():
                with suppress(OSError):
                    os.kill(int(entry.name), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def parent_of(entry: Path) -> int:
    """Return the parent of a process, 0 when it has gone (proc(5), stat)."""
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def run_inner(spec: Mapping[str, Any], isolation: dict[str, Any]) -> None:
    """Confine this process, start the program, wait for it, report how it ended. Never returns."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(spec["lifeline_fd"])
    abi, ruleset = make_ruleset(spec["readable"], spec["writable"])
    isolation.update(confine())
    ready, start = os.pipe()
    program = os.fork()
    if program == 0:
        os.close(start)
        run_program(spec, isolation, ruleset if os.read(ready, 1) == b"1" else -1)
    # The program adds one rule that only it can name, so each of the two restricts itself.
    isolation["landlock"] = abi if restrict(ruleset) else 0
    isolation["files"] = "allow-list" if isolation["landlock"] else "open"
    report(spec, {"isolation": isolation})
    os.write(start, b"1" if isolation["landlock"] else b"0")
    os.close(start)
    os.close(ready)
    detach_streams()
    # The program must not be able to trace the one that reports on it.
    prctl(PR_SET_DUMPABLE, 0)
    while True:
        pid, status = os.wait()
        if pid == program:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = {
        "status": status,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * 1024,
    }
    report(spec, {"ended": ended})
    os._exit(0)


def confine() -> dict[str, Any]:
    """Apply what outlives fork and exec and cannot be undone; return what came of it."""
    done: dict[str, Any] = {"no_new_privileges": prctl(PR_SET_NO_NEW_PRIVS, 1)}
    done["capabilities"] = "none" if drop_capabilities() else "kept"
    done["system_calls"] = "filtered" if apply_seccomp() else "open"
    return done


def run_program(spec: Mapping[str, Any], isolation: Mapping[str, Any], ruleset: int) -> None:
    """Take the limits upon ourselves and become the program. Never returns."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(spec["status_fd"])
    try:
        for name, (soft, hard) in spec["rlimits"].items():
            if name != "NPROC" or isolation["process_count"]:
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (soft, hard))
        os.setpgid(0, 0)
        os.chdir(spec["cwd"])
        if ruleset >= 0:
            # Libraries look up there what is loaded: its own entry, nobody else's.
            for name in ("maps", "stat", "status"):
                allow(ruleset, f"/proc/self/{name}", READ_FILE)
            if not restrict(ruleset):
                raise OSError("the files cannot be confined")
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execve(spec["argv"][0], spec["argv"], dict(os.environ))  # noqa: S606 - that is what a launcher is for
    except (OSError, ValueError) as error:
        os.write(2, f"cannot start the program: {error}\n".encode())
    os._exit(126)


def drop_capabilities() -> bool:
    """Give up every capability (capset(2), version 3)."""
    header = struct.pack("=Ii", 0x20080522, 0)
    return bool(LIBC.capset(header, bytes(24)) == 0)


def make_ruleset(readable: Iterable[str], writable: Iterable[str]) -> tuple[int, int]:
    """Prepare: reading and executing below ``readable``, everything below ``writable``, nothing else.

    Returns:
        The kernel's Landlock version and the descriptor of the rules; (0, -1) when it offers none.
    """
    abi = system_call(LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return 0, -1
    every = (1 << FILESYSTEM_BITS.get(abi, 16)) - 1
    network = 3 if abi >= 4 else 0
    scoped = 3 if abi >= 6 else 0
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    attributes = struct.pack("=QQQ", every, network, scoped)[:size]
    ruleset = system_call(LANDLOCK_CREATE, attributes, size, 0)
    if ruleset < 0:
        return 0, -1
    for path in readable:
        allow(ruleset, path, (EXECUTE | READ_FILE | READ_DIR) & every)
    for path in writable:
        allow(ruleset, path, every)
    return abi, ruleset


def restrict(ruleset: int) -> bool:
    """Put this process under the rules, for good; tell whether the kernel did."""
    if ruleset < 0:
        return False
    restricted = system_call(LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return restricted


def allow(ruleset: int, path: str, rights: int) -> None:
    """Add one rule; a path that is not there needs none."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):  # noqa: PTH112 - the path may be a device
        rights &= FILE_RIGHTS
    system_call(LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", rights, opened), 0)
    os.close(opened)


def apply_seccomp() -> bool:
    """Refuse the system calls of the table with EPERM; tell whether the kernel took the filter."""
    known = REFUSED.get(platform.machine())
    if known is None:
        return False
    architecture, numbers = known
    load, jump_equal, jump_at_least, give = 0x20, 0x15, 0x35, 0x06
    kill, refuse, let_pass = 0x80000000, 0x00050001, 0x7FFF0000
    rows: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),
        (jump_equal, 1, 0, architecture),
        (give, 0, 0, kill),
        (load, 0, 0, 0),
        # x32 calls of x86_64 carry this bit; the architecture is the same.
        (jump_at_least, len(numbers) + 1, 0, 0x40000000),
    ]
    rows += [(jump_equal, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    # a call that matched nothing falls through to here
    rows += [(give, 0, 0, let_pass), (give, 0, 0, refuse)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
    program = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(rows), ctypes.addressof(code)))
    return prctl(PR_SET_SECCOMP, 2, ctypes.addressof(program))


if __name__ == "__main__":
    main()
