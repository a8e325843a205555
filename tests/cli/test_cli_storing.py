"""``gc``, ``scrub``, ``backup`` and ``restore-backup`` on a data directory."""

import json

import pytest

from assay.app import Settings, open_registry
from assay.cli.durations import seconds, size_bytes
from assay.cli.main import run
from assay.core.digests import digest_of
from assay.core.errors import BadInputError
from assay.storage import LocalBlobs


def asked(capsys, *words):
    """Run a command; return its exit code and what it printed."""
    with pytest.raises(SystemExit) as ended:
        run([str(word) for word in words])
    return ended.value.code, capsys.readouterr().out


@pytest.fixture
def data(tmp_path):
    with open_registry(Settings(data=tmp_path / "data")) as use:
        use.artifacts.store(use.access.local(), "0/run/artifacts/a.txt", [b"tracked"])
    return tmp_path / "data"


def test_a_registry_is_backed_up_and_comes_back(data, tmp_path, capsys):
    code, said = asked(capsys, "backup", tmp_path / "b", "--data", data, "--json")
    assert (code, json.loads(said)["copied"]) == (0, 1)
    code, said = asked(capsys, "restore-backup", tmp_path / "b", "--data", tmp_path / "new")
    assert (code, "verified" in said) == (0, True)
    assert asked(capsys, "restore-backup", tmp_path / "b", "--data", tmp_path / "new")[0] == 4
    assert asked(capsys, "restore-backup", tmp_path / "none", "--data", tmp_path / "x")[0] == 2


def test_damage_is_printed_and_ends_with_7(data, tmp_path, capsys):
    assert asked(capsys, "scrub", "--data", data, "--rate", "1GB")[0] == 0
    digest = digest_of(b"tracked")
    path = data / "blobs" / digest.hex[:2] / digest.hex
    path.chmod(0o644)
    path.write_bytes(b"trashed")
    code, said = asked(capsys, "scrub", "--data", data)
    assert (code, f"damaged: {digest}" in said) == (7, True)
    code, said = asked(capsys, "backup", tmp_path / "b", "--data", data, "--json")
    assert (code, json.loads(said)["manifest"]["missing"]) == (7, [digest])


def test_collections_say_what_they_did(data, capsys):
    code, said = asked(capsys, "gc", "--data", data, "--dry-run", "--json")
    assert (code, json.loads(said)["dry_run"]) == (0, True)
    assert asked(capsys, "gc", "--data", data)[0] == 0
    assert asked(capsys, "gc", "--data", data, "--grace", "soon")[0] == 2


@pytest.mark.parametrize(
    ("text", "found"), [("90s", 90), ("1.5h", 5400), ("7d", 604_800), ("5ms", 0.005), ("10", 10)]
)
def test_times_are_read_as_people_write_them(text, found):
    assert seconds(text, "grace") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("50MB", 50_000_000), ("2GiB", 2 << 30), ("1000", 1000), ("1.5k", 1500), ("1 TiB", 1 << 40)],
)
def test_sizes_are_read_as_people_write_them(text, found):
    assert size_bytes(text, "rate") == found


@pytest.mark.parametrize("text", ["", "-1", "x", "1e9", "1 week", "∞"])
def test_other_words_are_refused(text):
    for read in (seconds, size_bytes):
        with pytest.raises(BadInputError):
            read(text, "field")


def test_a_dry_run_counts_what_lies_in_the_store_unknown(data, capsys):
    LocalBlobs(data / "blobs").put([b"of an upload that died"])
    code, said = asked(capsys, "gc", "--data", data, "--dry-run", "--grace", "0s", "--json")
    foreseen = json.loads(said)
    assert (code, foreseen["adopted"], foreseen["condemned"], foreseen["condemned_bytes"]) == (0, 1, 1, 22)
    code, said = asked(capsys, "gc", "--data", data, "--grace", "0s", "--json")
    done = json.loads(said)
    assert (code, done["adopted"], done["condemned"]) == (0, 1, 1)


def test_the_first_line_of_a_backup_that_lacks_something_does_not_call_it_whole(data, tmp_path, capsys):
    assert ": whole; 1 blobs" in asked(capsys, "backup", tmp_path / "whole", "--data", data)[1]
    digest = digest_of(b"tracked")
    (data / "blobs" / digest.hex[:2] / digest.hex).unlink()
    code, said = asked(capsys, "backup", tmp_path / "b", "--data", data)
    assert (code, said.splitlines()[0]) == (
        7,
        f"{tmp_path / 'b'}: NOT whole: 1 blobs are missing; 0 blobs, 0 B",
    )
