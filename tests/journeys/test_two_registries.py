"""Two registries and one bucket: whatever an operator mixes up, nothing of the other one is deleted."""

import os
import subprocess

import pytest

from assay.app import Settings, open_means
from assay.core.digests import FileEntry, digest_of
from assay.core.names import ModelName
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewVersion
from contracts.stores import place_of
from journeys.live_server import ASSAY


@pytest.fixture
def blobs(tmp_path):
    return str(place_of("s3", tmp_path))


def run(*words, **environment):
    """Run a command with these settings alone."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    command = [ASSAY, *map(str, words)]
    return subprocess.run(command, env=plain | environment, capture_output=True, text=True, timeout=120)


def filled(data, blobs):
    """Make a registry with a version; return what lies in its store, and its name."""
    means = open_means(Settings(data=data, blobs=blobs))
    try:
        use = UseCases.over(means)
        local = use.access.local()
        content = f"weights of {data.name}".encode()
        use.registration.store_blob(local, [content], digest_of(content), len(content))
        file = FileEntry("m", digest_of(content), len(content))
        use.registration.register(local, ModelName("team/task"), NewVersion((file,)))
        with means.database.read() as records:
            return list(means.blobs.shelf.all()), records.audit_heads.origin()
    finally:
        means.database.close()


def lying(data, blobs):
    means = open_means(Settings(data=data, blobs=blobs))
    try:
        return list(means.blobs.shelf.all())
    finally:
        means.database.close()


def test_nothing_is_deleted_by_who_has_the_right_bucket_and_the_wrong_records(tmp_path, blobs):
    first, name = filled(tmp_path / "first", blobs)
    _, other = filled(tmp_path / "second", "")
    for _ in range(2):
        for words in (("gc", "--grace", "1s"), ("gc", "--dry-run"), ("scrub",), ("backup", tmp_path / "b")):
            done = run(*words, "--data", tmp_path / "second", ASSAY_BLOBS=blobs)
            assert done.returncode == 7, (words, done.stdout, done.stderr)
            assert name in done.stderr
            assert other in done.stderr
            assert "ASSAY_DATABASE" in done.stderr
    for words in (("serve", "--port", "0"), ("worker", "--once")):
        done = run(*words, "--data", tmp_path / "second", "--blobs", blobs)
        assert (done.returncode, name in done.stderr) == (7, True), done.stderr
    assert lying(tmp_path / "first", blobs) == first
    done = run("gc", "--grace", "1s", "--data", tmp_path / "first", "--blobs", blobs)
    assert (done.returncode, lying(tmp_path / "first", blobs)) == (0, first), done.stderr


def test_where_no_registry_is_no_command_but_those_that_begin_one_makes_any(tmp_path, blobs):
    first, _ = filled(tmp_path / "first", blobs)
    nowhere = tmp_path / "typo"
    asked = [
        ("gc", "--grace", "1s"),
        ("gc", "--dry-run"),
        ("scrub",),
        ("backup", tmp_path / "b"),
        ("token", "create", "--scope", "read"),
        ("principal", "create", "ada"),
        ("worker", "--once"),
    ]
    for words in asked:
        done = run(*words, "--data", nowhere, ASSAY_BLOBS=blobs)
        assert (done.returncode, f"no registry in {nowhere}" in done.stderr) == (5, True), done.stderr
    assert not nowhere.exists()
    assert not (tmp_path / "b").exists()
    assert lying(tmp_path / "first", blobs) == first
    assert run("migrate", "--data", nowhere).returncode == 0
    assert run("token", "create", "--scope", "read", "--data", nowhere).returncode == 0


def test_files_are_not_called_gone_because_the_wrong_place_was_looked_at(tmp_path, blobs):
    first, name = filled(tmp_path / "first", blobs)
    for words in (("scrub",), ("gc",), ("backup", tmp_path / "b"), ("serve", "--port", "0")):
        done = run(*words, "--data", tmp_path / "first")
        assert (done.returncode, name in done.stderr) == (7, True), (words, done.stderr)
        assert "set blobs (ASSAY_BLOBS)" in done.stderr
    done = run("scrub", "--data", tmp_path / "first", "--blobs", blobs)
    assert (done.returncode, done.stdout) == (
        0,
        f"looked at {len(first)} blobs, 16 B; 0 damaged, unreadable or gone\n",
    )


def test_a_backup_is_not_brought_back_into_the_store_of_another_registry(tmp_path, blobs):
    first, name = filled(tmp_path / "first", blobs)
    filled(tmp_path / "second", "")
    assert run("backup", tmp_path / "b", "--data", tmp_path / "second").returncode == 0
    done = run("restore-backup", tmp_path / "b", "--data", tmp_path / "new", "--blobs", blobs)
    assert (done.returncode, name in done.stderr) == (7, True), done.stderr
    assert lying(tmp_path / "first", blobs) == first
    done = run("restore-backup", tmp_path / "b", "--data", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert run("scrub", "--data", tmp_path / "new").returncode == 0
