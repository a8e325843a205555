"""Finding what answers a path: the same as looking at every template in turn, in one walk."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.http.paths import Paths

PARTS = st.sampled_from(["a", "b", "{x}", "{y}"])
TEMPLATES = st.lists(PARTS, min_size=1, max_size=4).map("/".join) | st.lists(PARTS, max_size=2).map(
    lambda parts: "/".join([*parts, "{rest:path}"])
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=5).map("/".join)


def pattern(template):
    parts = [
        ".*" if part.endswith(":path}") else "[^/]+" if part.startswith("{") else part
        for part in template.split("/")
    ]
    return re.compile("/".join(parts))


@given(st.lists(st.tuples(st.sampled_from(["GET", "PUT"]), TEMPLATES), max_size=12), PATHS)
def test_something_is_found_exactly_where_a_template_fits(routes, path):
    paths = Paths()
    for method, template in routes:
        paths.add(method, template, template)
    assert set(paths) == set(routes)
    for method in ("GET", "PUT"):
        fitting = [each for asked, each in routes if asked == method and pattern(each).fullmatch(path)]
        found = paths.find(method, path)
        assert (found is None) == (not fitting)
        assert (method in paths.methods(path)) == bool(fitting)
        if found:
            template, values = found
            assert template in fitting
            filled = template
            for name, value in values.items():
                filled = re.sub(rf"\{{{name}[^}}]*\}}", value, filled)
            assert filled == path or template.count("{x}") > 1 or template.count("{y}") > 1


@pytest.mark.parametrize(
    ("path", "answer", "values"),
    [
        ("/models/search", "search", {}),
        ("/models/one", "model", {"name": "one"}),
        ("/models/search/tags", "tags", {"name": "search"}),
        ("/files/a/b c/d", "file", {"path": "a/b c/d"}),
        ("/files/", "file", {"path": ""}),
        ("/files/list", "list", {}),
    ],
)
def test_what_is_written_out_comes_before_what_stands_for_anything(path, answer, values):
    paths = Paths()
    for template, name in {
        "/models/{name}": "model",
        "/models/search": "search",
        "/models/{name}/tags": "tags",
        "/files/{path:path}": "file",
        "/files/list": "list",
    }.items():
        paths.add("GET", template, name)
    assert paths.find("GET", path) == (answer, values)
    assert paths.find("PUT", path) is None
