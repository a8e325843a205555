"""What errors tell people to install is what the package itself asks for, by names that all can install."""

import re
import tomllib

import pytest

from house.source_tree import ROOT

HINTS = {
    "objects": "src/assay/app/registry.py",
    "postgres": "src/assay/storage/postgresql.py",
    "ray": "src/assay/runner/cluster/connection.py",
}


@pytest.mark.parametrize("extra", sorted(HINTS))
def test_an_error_names_the_requirement_of_its_extra(extra):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (needed,) = project["optional-dependencies"][extra]
    assert f"pip install '{needed}'" in (ROOT / HINTS[extra]).read_text("utf-8")


def test_nobody_is_told_to_install_what_is_published_under_this_name_elsewhere():
    places = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    bare = re.compile(r"pip install (?:'?assay\[|assay\s*$)", re.MULTILINE)
    assert bare.search("- run: pip install assay\n")
    assert bare.search("pip install 'assay[ray]'")
    assert [str(each) for each in places if bare.search(each.read_text("utf-8"))] == []
