"""Code, environment and hardware: read off, never made up."""

import os
import subprocess
import sys
from importlib.metadata import Distribution

import pytest

from assay.client import capture_hardware
from assay.client import freeze as freeze_script
from assay.client.capture_code import capture_code, given_code, is_dirty, source_digest, without_login
from assay.client.capture_environment import capture_environment, read_requirements
from assay.client.freeze import direct_requirement, freeze
from assay.core.digests import digest_of
from assay.core.errors import BadInputError


@pytest.fixture
def repository(tmp_path):
    """A git work tree with one commit."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "train.py").write_text("print(1)\n")
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=work, check=True, env=clean_environment())
    return work


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


@pytest.fixture(autouse=True)
def outside_any_repository(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)


def test_the_commit_is_that_of_the_work_tree(repository):
    notes = []
    code = capture_code(notes, repository / "train.py")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert code is not None
    assert code.commit == head.stdout.strip()
    assert not code.dirty
    assert code.source_digest == digest_of(b"print(1)\n")
    assert notes == []


@pytest.mark.parametrize(
    ("name", "is_expected_dirty"),
    [("train.py", True), ("new.py", True), ("new.ipynb", True), ("model.bin", False)],
)
def test_changed_and_forgotten_sources_are_dirty_and_data_lying_about_is_not(
    name, is_expected_dirty, repository
):
    (repository / name).write_text("changed")
    code = capture_code([], repository)
    assert code is not None
    assert code.dirty is is_expected_dirty


def test_outside_git_there_is_no_commit_and_a_note(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    notes = []
    assert capture_code(notes, _file(tmp_path)) is None
    assert len(notes) == 1
    assert notes[0].startswith("code:")


def _file(folder):
    path = folder / "train.py"
    path.write_text("")
    return path


def test_without_git_there_is_no_commit_and_a_note(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    notes = []
    assert capture_code(notes, repository) is None
    assert notes


def test_the_remote_is_recorded_without_its_password(repository):
    url = "https://ann:secret@git.example.org/team/repo.git?x=1"
    subprocess.run(
        ["git", "remote", "add", "origin", url], cwd=repository, check=True, env=clean_environment()
    )
    code = capture_code([], repository)
    assert code is not None
    assert code.repository == "https://git.example.org/team/repo.git"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@example.org:team/repo.git", "git@example.org:team/repo.git"),
        ("ssh://git@example.org/repo", "ssh://example.org/repo"),
        ("/srv/repo.git", "/srv/repo.git"),
        ("", ""),
    ],
)
def test_addresses_without_passwords_stay_readable(url, expected):
    assert without_login(url) == expected


@pytest.mark.parametrize(
    ("status", "is_expected_dirty"),
    [("", False), (" M a.txt\0", True), ("?? a.txt\0", False), ("?? a.py\0", True), ("R  new\0old\0", True)],
)
def test_the_status_of_git_is_judged(status, is_expected_dirty):
    assert is_dirty(status) is is_expected_dirty


def test_the_digest_of_a_source_folder_follows_names_and_bytes(tmp_path):
    (tmp_path / "a.py").write_text("1")
    first = source_digest(tmp_path)
    (tmp_path / "b.py").write_text("2")
    assert source_digest(tmp_path) != first


def test_given_code_needs_a_whole_commit():
    assert given_code("a" * 40, "https://u:p@h/r", None).repository == "https://h/r"
    for commit in ("", "abc123", "HEAD"):
        with pytest.raises(BadInputError, match="commit"):
            given_code(commit, "somewhere", None)


def test_the_freeze_is_that_of_the_running_python():
    notes = []
    environment = capture_environment(notes)
    assert environment.python == ".".join(map(str, sys.version_info[:3]))
    assert any(line.startswith("pytest==") for line in environment.packages)
    names = [line.partition("==")[0].partition(" @")[0].lower() for line in environment.packages]
    assert len(names) == len(set(names))
    assert "assay" not in names


def test_another_interpreter_tells_of_itself(tmp_path):
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    environment = capture_environment([], python)
    assert environment.python == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("make", ["missing", "failing", "silent"])
def test_an_interpreter_that_does_not_answer_is_refused(make, tmp_path):
    python = tmp_path / "python"
    if make != "missing":
        python.write_text("#!/bin/sh\n" + ("exit 1\n" if make == "failing" else "exit 0\n"))
        python.chmod(0o755)
    with pytest.raises(BadInputError, match="python"):
        capture_environment([], python)


class Installed(Distribution):
    """A distribution with given metadata."""

    def __init__(self, name: str | None, version: str, direct_url: str | None = None) -> None:
        self._texts = {"METADATA": f"Name: {name}\nVersion: {version}\n" if name else f"Version: {version}\n"}
        if direct_url:
            self._texts["direct_url.json"] = direct_url

    def read_text(self, filename):
        return self._texts.get(filename)

    def locate_file(self, path):
        raise FileNotFoundError(path)


def test_what_comes_first_on_the_path_counts_once():
    found = freeze([Installed("Some.Thing", "2"), Installed("some-thing", "1"), Installed(None, "3")])
    assert found["packages"] == ["Some.Thing==2"]
    assert found["nameless_count"] == 1


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({"url": "file:///home/ann/x", "dir_info": {"editable": True}}, "x @ file:///home/ann/x"),
        (
            {"url": "https://u:p@git.example.org/x", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "x @ git+https://git.example.org/x@abc",
        ),
        (
            {"url": "https://example.org/x.whl", "archive_info": {"hashes": {"sha256": "00"}}},
            "x @ https://example.org/x.whl#sha256=00",
        ),
    ],
)
def test_what_no_index_has_is_told_as_such_and_without_passwords(origin, line):
    assert direct_requirement("x", origin) == line


def test_a_local_installation_is_not_pinned_and_noted(monkeypatch):
    origin = '{"url": "file:///home/ann/x", "dir_info": {"editable": true}}'
    monkeypatch.setattr(
        freeze_script, "distributions", lambda: [Installed("x", "1", origin), Installed("y", "2")]
    )
    notes = []
    environment = capture_environment(notes)
    assert environment.unpinned == ("x @ file:///home/ann/x",)
    assert "x @ file" in notes[0]


def test_a_requirements_file_is_read_as_pip_reads_it(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# frozen\n--index-url https://example.org\nnumpy==2.1.0  # why\n"
        "scipy == 1.15.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n\n"
    )
    environment = read_requirements(path, "3.11.4")
    assert environment.packages == ("numpy==2.1.0", "scipy==1.15.0")
    assert environment.unpinned == ()


def test_a_requirements_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInputError, match=r"none\.txt"):
        read_requirements(tmp_path / "none.txt", "3.11.4")


def test_the_machine_is_described():
    notes = []
    hardware = capture_hardware.capture_hardware(notes)
    assert hardware is not None
    assert hardware.cpu
    assert hardware.cpu_count == os.cpu_count()
    assert hardware.memory_bytes > 64 * 1024**2
    assert notes == []


def test_unknown_memory_leaves_the_hardware_absent_and_noted(monkeypatch, tmp_path):
    monkeypatch.setattr(capture_hardware, "_MEMINFO", tmp_path / "none")
    monkeypatch.setenv("PATH", "")
    notes = []
    assert capture_hardware.capture_hardware(notes) is None
    assert notes[0].startswith("hardware:")


def test_gpus_are_those_that_the_driver_names(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA L4, 23034 MiB'\necho 'NVIDIA L4, 23034 MiB'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert capture_hardware.accelerators() == ("NVIDIA L4, 23034 MiB",) * 2
    program.write_text("#!/bin/sh\nexit 9\n")
    assert capture_hardware.accelerators() == ()


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("-i https://ann:s3cret@index.example.org/simple", "pip's option -i"),
        ("--index-url https://ann:s3cret@index.example.org/simple", "pip's option --index-url"),
        ("--extra-index-url=https://ann:s3cret@index.example.org", "pip's option --extra-index-url"),
        ("-r base.txt", "pip's option -r"),
        ("-c limits.txt", "pip's option -c"),
        ("-f https://ann:s3cret@example.org/links", "pip's option -f"),
        (
            "-e git+https://ann:s3cret@git.example.org/x#egg=x",
            "editable installation of git+https://git.example.org/x",
        ),
        ("--editable=./x", "editable installation of ./x"),
        ("-e./x", "editable installation of ./x"),
    ],
)
def test_an_option_of_pips_is_no_package_and_its_password_is_not_kept(line, note, tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text(f"{line}\nnumpy==2.1.0\n")
    notes = []
    assert read_requirements(path, "3.11.4", notes=notes).packages == ("numpy==2.1.0",)
    assert note in notes[0]
    assert "s3cret" not in "".join(notes)


@pytest.mark.parametrize("login", ["ann:s3cret", "s3cret", "ann:s3cret@home"])
def test_a_requirement_loses_the_login_of_its_address(login, tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text(f"x @ git+https://{login}@git.example.org/x@abc\ny @ file:///srv/y@1\n")
    environment = read_requirements(path, "3.11.4")
    assert environment.packages == ("x @ git+https://git.example.org/x@abc", "y @ file:///srv/y@1")
