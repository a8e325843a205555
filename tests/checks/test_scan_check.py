"""The check ``scan`` writes one row per file of the version, in the words its gate reads."""

import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
import skops.io

from assay.checks.scan import RULES, Scan
from assay.core.canonical import canonical_json
from assay.core.digests import FileEntry, Manifest, digest_of
from assay.core.measuring import CheckCase
from assay.core.names import ModelName
from assay.core.provenance import Provenance
from assay.core.semver import SemVer
from assay.core.versions import Version

SYSTEM = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."


def case_of(folder: Path, files: dict[str, bytes], *, write: bool = True) -> CheckCase:
    for path, content in files.items():
        if write:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    manifest = Manifest(FileEntry(path, digest_of(each), len(each)) for path, each in files.items())
    version = Version(
        model=ModelName("team/task"),
        number=1,
        semver=SemVer(1, 0, 0),
        digest=manifest.digest,
        size_bytes=manifest.size_bytes,
        files=manifest.entries,
        formats=(),
        entrypoint="",
        signature=None,
        provenance=Provenance(),
        bump_reasons=(),
        registered_at=datetime(2026, 1, 1, tzinfo=UTC),
        registered_by="ada",
    )
    return CheckCase(version, {}, folder, {}, folder, None, None)  # type: ignore[arg-type]


def rows(facts) -> dict[str, dict]:
    return {each["path"]: each for each in facts["files"]}


def test_a_clean_version_is_data(tmp_path):
    files = {
        "model.skops": skops.io.dumps([1, 2]),
        "README.md": b"# hello\n",
        "tests/test_it.py": b"import os\n",
    }
    found = Scan().measure(case_of(tmp_path, files))
    assert (found.problem, found.facts["risk"], found.facts["rules"]) == ("", "data", RULES)
    assert set(rows(found.facts)) == set(files)
    assert all(each["findings"] == [] for each in found.facts["files"])


def test_a_pickle_is_code_with_its_names_and_findings(tmp_path):
    found = Scan().measure(case_of(tmp_path, {"a.txt": SYSTEM, "b.pkl": pickle.dumps({"a": 1})}))
    assert found.facts["risk"] == "code"
    hostile, tame = rows(found.facts)["a.txt"], rows(found.facts)["b.pkl"]
    assert (hostile["format"], hostile["risk"], hostile["globals"]) == ("pickle", "code", ["os.system"])
    assert {"rule": "foreign_global", "severity": "critical"}.items() <= hostile["findings"][0].items()
    assert (tame["risk"], {each["severity"] for each in tame["findings"]}) == ("code", {"info"})


def test_what_cannot_be_read_is_code_with_a_finding(tmp_path):
    found = Scan().measure(
        case_of(tmp_path, {"m.skops": skops.io.dumps([1])[:-5], "x": b"\x00\x01\x02\xff" * 9})
    )
    assert found.facts["risk"] == "unclassified"
    assert all(each["risk"] in ("code", "unclassified") for each in found.facts["files"])
    assert all(each["findings"][0]["severity"] == "high" for each in found.facts["files"])


def test_a_missing_file_and_a_link_out_of_the_folder_do_not_pass(tmp_path):
    (tmp_path / "secret").write_bytes(b"hello")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    found = Scan().measure(case_of(folder, {"gone": b"a", "link": b"hello"}, write=False))
    assert {each["risk"] for each in found.facts["files"]} == {"unclassified"}


def test_names_no_encoding_can_hold_do_not_stop_the_scan(tmp_path):
    name = b"\x8c\x05a\xed\xa0\x80b"
    content = b"\x80\x04" + name + name + b"\x93."
    found = Scan().measure(case_of(tmp_path, {"x": content}))
    assert canonical_json(found.facts)
    assert "\ud800" not in str(found.facts)


@pytest.mark.parametrize("path", ["config.json", "deep/config.json"])
def test_files_are_judged_together(tmp_path, path):
    script = str(Path(path).with_name("model_x.py"))
    files = {path: b'{"auto_map": {"AutoModel": "model_x.M"}}', script: b"import os\n"}
    found = Scan().measure(case_of(tmp_path, files))
    assert {each["risk"] for each in found.facts["files"]} == {"code"}
