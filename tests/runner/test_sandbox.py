import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest

from assay.runner import sandbox as module
from assay.runner.sandbox import Confined, Ending, Limits, Sandbox, problem_of


def processes_with(token: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if token in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_until_gone(token: str) -> bool:
    deadline = time.monotonic() + 20
    while processes_with(token) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not processes_with(token)


def test_a_program_that_behaves_ends_with_its_own_exit_code(confined_python):
    ending, output, errors, _ = confined_python(
        "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    )
    assert (ending.exit_code, ending.signal, ending.limit) == (3, 0, "")
    assert (output, errors) == ("out\n", "err\n")


def test_the_environment_holds_nothing_of_the_workers(confined_python, monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:1")
    program = "import json, os; print(json.dumps([dict(os.environ), os.listdir('.'), os.getcwd()]))"
    _, output, _, _ = confined_python(program)
    environment, listing, cwd = json.loads(output)
    scratch = str(tmp_path / "scratch")
    assert environment == {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": scratch,
        "TMPDIR": scratch,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "JOBLIB_MULTIPROCESSING": "0",
    }
    assert (listing, cwd) == ([], scratch)


def test_every_protection_is_told(confined_python):
    _, _, _, isolation = confined_python("pass")
    assert isolation["landlock"] >= 1
    assert isolation["files"] == "allow-list"
    assert isolation["network"] == "none"
    assert isolation["no_new_privileges"] is True
    assert isolation["capabilities"] == "none"
    assert isolation["system_calls"] == "filtered"
    assert isolation["process_count"] in (0, Limits().process_count)
    assert isinstance(isolation["namespaces"], list)


def test_files_of_others_can_neither_be_read_nor_written_nor_listed(confined_python, tmp_path):
    secret = tmp_path / "registry.db"
    secret.write_text("secret")
    program = f"""
        import os
        from pathlib import Path
        secret, parent = Path({str(secret)!r}), {os.getpid()}
        tries = {{
            "read": lambda: secret.read_text(),
            "write": lambda: secret.write_text("x"),
            "delete": lambda: secret.unlink(),
            "create": lambda: Path({str(tmp_path / "new")!r}).touch(),
            "list": lambda: os.listdir({str(tmp_path)!r}),
            "link": lambda: (os.link(secret, "linked"), open("linked").read()),
            "symlink": lambda: (os.symlink(secret, "pointed"), open("pointed").read()),
            "rename": lambda: os.rename(secret, "mine"),
            "environ": lambda: Path(f"/proc/{{parent}}/environ").read_bytes(),
            "own environ": lambda: Path("/proc/self/environ").read_bytes(),
            "memory": lambda: open(f"/proc/{{parent}}/mem", "rb"),
            "passwords": lambda: Path("/etc/shadow").read_text(),
            "shared memory": lambda: os.listdir("/dev/shm"),
            "kill": lambda: os.kill(parent, 0),
        }}
        for name, attempt in tries.items():
            try:
                attempt()
                print("escaped by", name)
            except OSError as error:
                pass
    """
    ending, output, errors, _ = confined_python(textwrap.dedent(program))
    assert (ending.exit_code, output, errors) == (0, "", "")
    assert secret.read_text() == "secret"
    assert not (tmp_path / "new").exists()


def test_no_network_and_no_local_service_can_be_reached(confined_python, tmp_path):
    path = str(tmp_path / "scratch" / "s")
    (tmp_path / "scratch").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as local:
        local.bind(path)
        local.listen()
        program = f"""
            import socket
            tries = {{
                "tcp": lambda: socket.create_connection(("127.0.0.1", {tcp.getsockname()[1]}), 5),
                "udp": lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
                "path": lambda: socket.socket(socket.AF_UNIX).connect({path!r}),
                "listen": lambda: socket.create_server(("127.0.0.1", 0)),
            }}
            for name, attempt in tries.items():
                try:
                    attempt()
                    print("escaped by", name)
                except OSError as error:
                    pass
        """
        ending, output, errors, _ = confined_python(textwrap.dedent(program))
    assert (ending.exit_code, output, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("program", "limits", "limit"),
    [
        ("while True: pass", {"cpu_seconds": 1}, "time"),
        ("import time; time.sleep(600)", {"wall_seconds": 0.5}, "time"),
        ("import signal; signal.signal(24, signal.SIG_IGN)\nwhile True: pass", {"cpu_seconds": 1}, "time"),
        ("x = bytearray(10**9)", {"memory_bytes": 500 * 10**6}, "memory"),
        ("open('f', 'wb').write(bytes(10**6))", {"file_bytes": 10**5}, "file size"),
        (
            "import signal; signal.signal(25, signal.SIG_DFL); open('f', 'wb').write(bytes(10**6))",
            {"file_bytes": 10**5},
            "file size",
        ),
    ],
)
def test_a_limit_that_is_hit_is_named(confined_python, program, limits, limit):
    ending, _, errors, _ = confined_python(program, **limits)
    problem = problem_of(ending, "the program", errors)
    assert problem.limit == limit
    assert f"limit on {limit}" in str(problem)


def test_output_is_kept_bounded(confined_python):
    program = "import sys\nfor _ in range(1000): print('x' * 1000)\nprint('the end')"
    ending, output, _, _ = confined_python(program, output_bytes=5000)
    assert ending.exit_code == 0
    assert len(output) == 5000
    assert output.endswith("the end\n")


def test_system_calls_that_widen_the_attack_are_refused(confined_python):
    program = """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.unshare(0x10000000), libc.ptrace(0, 0, 0, 0), libc.syscall(425, 8, 0))
    """
    _, output, _, _ = confined_python(textwrap.dedent(program))
    assert output.split() == ["-1", "-1", "-1"]


def detaching(token: str) -> str:
    """A program that leaves a grandchild in a session of its own behind."""
    child = f"import time; time.sleep(600) # {token}"
    return f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-I", "-c", {child!r}])
    os._exit(0)
os.wait()
"""


def test_nothing_a_program_started_outlives_it(confined_python):
    token = uuid.uuid4().hex
    ending, _, _, _ = confined_python(detaching(token))
    assert ending.exit_code == 0
    assert wait_until_gone(token)


def test_a_dead_worker_leaves_no_orphan(tmp_path):
    token = uuid.uuid4().hex
    program = detaching(token) + "open('started', 'w').close()\ntime.sleep(600)"
    python = str(Path(sys.executable).resolve())
    worker = f"""
import sys, time
from pathlib import Path
from assay.runner import sandbox as module
from assay.runner.sandbox import Confined, Sandbox
argv = ({python!r}, "-I", "-c", {program!r})
sandbox = Sandbox(Confined(argv, Path({str(tmp_path)!r}), (Path(sys.base_prefix),)))
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", worker])
    deadline = time.monotonic() + 20
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_with(token)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert wait_until_gone(token)


def test_closing_ends_a_running_program_and_may_be_repeated(tmp_path):
    token = uuid.uuid4().hex
    python = str(Path(sys.executable).resolve())
    confined = Confined(
        (python, "-I", "-c", f"import time; time.sleep(600) # {token}"), tmp_path, (Path(sys.base_prefix),)
    )
    with Sandbox(confined) as sandbox:
        first = sandbox.close()
        assert first.signal == signal.SIGKILL
        assert sandbox.close() is first
    assert wait_until_gone(token)


def test_a_program_that_is_not_there_is_told(tmp_path):
    with Sandbox(Confined(("/usr/bin/no-such-program",), tmp_path, ())) as sandbox:
        ending = sandbox.wait(20.0)
        assert ending.exit_code == 126
        assert "cannot start the program" in sandbox.errors()


def test_an_end_without_limit_or_signal_names_the_exit_code():
    assert Ending(7, 0, "", 0.0).text == "ended with exit code 7"
    assert Ending(0, 11, "", 0.0).text == "was ended by SIGSEGV"


@pytest.fixture
def weak_kernel(tmp_path, monkeypatch):
    """A launcher on a kernel that lacks what is named."""

    def lack(**answers):
        script = tmp_path / "weak_launcher.py"
        patches = "\n".join(f"launcher.{name} = lambda *_: {answer!r}" for name, answer in answers.items())
        script.write_text(
            "import importlib.util\n"
            f"spec = importlib.util.spec_from_file_location('launcher', {str(module.LAUNCHER)!r})\n"
            "launcher = importlib.util.module_from_spec(spec)\n"
            f"spec.loader.exec_module(launcher)\n{patches}\nlauncher.main()\n"
        )
        monkeypatch.setattr(module, "LAUNCHER", script)

    return lack


def test_without_namespaces_nothing_outlives_the_program_either(weak_kernel, confined_python):
    weak_kernel(enter_namespaces={"namespaces": []})
    token = uuid.uuid4().hex
    ending, _, _, isolation = confined_python(detaching(token))
    assert ending.exit_code == 0
    assert wait_until_gone(token)
    assert isolation["namespaces"] == []
    assert isolation["process_count"] == 0
    assert isolation["network"] == "none"


def test_without_namespaces_the_clock_still_ends_all(weak_kernel, confined_python):
    weak_kernel(enter_namespaces={"namespaces": []})
    token = uuid.uuid4().hex
    ending, _, _, _ = confined_python(detaching(token) + "time.sleep(600)", wall_seconds=1.0)
    assert ending.limit == "time"
    assert wait_until_gone(token)


@pytest.mark.parametrize(
    ("answers", "fact", "value"),
    [
        ({"make_ruleset": (0, -1)}, "files", "open"),
        ({"apply_seccomp": False}, "system_calls", "open"),
        ({"drop_capabilities": False}, "capabilities", "kept"),
        ({"apply_seccomp": False, "enter_namespaces": {"namespaces": []}}, "network", "without TCP"),
        (
            {"apply_seccomp": False, "enter_namespaces": {"namespaces": []}, "make_ruleset": (0, -1)},
            "network",
            "host",
        ),
    ],
)
def test_a_protection_that_is_missing_is_told(answers, fact, value, weak_kernel, confined_python):
    weak_kernel(**answers)
    ending, _, _, isolation = confined_python("pass")
    assert ending.exit_code == 0
    assert isolation[fact] == value


def test_without_a_network_namespace_and_call_filter_tcp_is_still_refused(weak_kernel, confined_python):
    weak_kernel(enter_namespaces={"namespaces": []}, apply_seccomp=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)"
        ending, _, errors, _ = confined_python(program)
    assert ending.exit_code == 1
    assert "PermissionError" in errors


def test_scripts_that_run_without_the_registry_do_not_import_it():
    for script in [module.LAUNCHER, *module.LAUNCHER.parent.joinpath("inside").glob("*.py")]:
        assert "assay" not in {
            line.split()[1].partition(".")[0]
            for line in script.read_text().splitlines()
            if line.lstrip().startswith(("import ", "from "))
        }
