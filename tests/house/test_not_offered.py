"""The page that says what the MLflow door leaves out, and the door itself, say the same."""

import re

from assay.doors.mlflow.not_offered import NOT_OFFERED, PAGE
from house.source_tree import ROOT


def test_the_page_lists_exactly_what_is_not_offered():
    text = (ROOT / PAGE).read_text("utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, flags=re.MULTILINE)
    assert section.startswith("Not offered")
    assert tuple(rows) == NOT_OFFERED
