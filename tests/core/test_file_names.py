"""Names of files: one place below the root, whatever they are decoded to, and what the tree says of them."""

import unicodedata
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.tracking.files import (
    MAX_PATH_LENGTH,
    Entry,
    as_clients_read,
    check_path,
    entries_in,
    experiment_of,
    experiment_root,
    folders_of,
    model_root,
    path_of,
    run_root,
    version_path,
)

TRAVERSALS = [
    *(
        "..",
        "../x",
        "a/..",
        "a/../b",
        "a/../../b",
        "./x",
        ".",
        "a/.",
        "a/./b",
        "/etc/passwd",
        "//x",
        "a//b",
        "a/",
    ),
    *(
        "..\\x",
        "a\\..\\b",
        "C:\\x",
        "C:/x",
        "c:x",
        "\\\\host\\x",
        "\\x",
        "a\\b",
        "a\0",
        "a\nb",
        "\x7f",
        "\x85",
    ),
    *("%2e%2e/x", "%2E%2E%2Fx", "a/%2e%2e/b", ".%2e/x", "%2fetc", "a%2f..%2fb", "%5c..", "a%5c..%5cb"),
    *("%252e%252e/x", "%252e%252e%252fx", "a%252f..", "%255c", "C%3A/x", "C%253a/x", "%2fx"),
    *("%5c%5chost%5cx", "a%5c%2e%2e"),
    *("%25252525252e%252e/x", "file:/etc/passwd", "FILE%3a/x", "file:..", "file:C:/x", "\ud800"),
    *("a#b", "#", "a%23b", "a%2523b/c", "%" + "25" * 30 + "41"),
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_form_of_traversal_is_a_path(path):
    alone = ("C", "c", "/", "%2f", "%5c", "%255c", "\\\\", "file:", "FILE")
    for written in (path, path if path.startswith(alone) else f"1/run/{path}"):
        with pytest.raises(BadInputError, match="Invalid path"):
            check_path(written)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "a",
            "a/b/c",
            "é ☃/ü.bin",
            "a b+c&d",
            "100%",
            "50%25",
            "%",
            "%zz",
            "...",
            "..a",
            "a..b",
            ".hidden",
            "a/...b",
        ),
        *("a%17b", "a%0ab", "a%7f", "a%00", "%2e", "a%2f", "a%2f%2fb", "a%5cb", "a%41b", "100%2525"),
        *("file:x",),
        *("k%step%41%timestamp%1795123456789%g0", "a%2e.b", "%c3%28"),
        *(
            "~",
            "~/x",
            "ab:c",
            "$(rm -rf)",
            "<b>",
            "'",
            '"',
            "a;b",
            "con",
            "\U0001d11e",
            "x" * MAX_PATH_LENGTH,
        ),
    ],
)
def test_names_that_only_look_odd_are_names(path):
    assert check_path(path) == path


def test_an_empty_path_is_the_root_only_where_that_may_be_asked_for():
    assert check_path("", empty=True) == ""
    with pytest.raises(BadInputError):
        check_path("")
    with pytest.raises(BadInputError):
        check_path("/", empty=True)


@pytest.mark.parametrize("path", ["a#b", "a%23b", "deep/#"])
def test_a_number_sign_is_only_in_names_that_came_from_elsewhere(path):
    assert check_path(path, moved=True) == path
    with pytest.raises(BadInputError, match="Invalid path"):
        check_path(path)
    with pytest.raises(BadInputError, match="Invalid path"):
        check_path(f"..%2f{path}", moved=True)


def test_a_path_has_a_limit():
    with pytest.raises(BadInputError, match="at most 4096"):
        check_path("x" * (MAX_PATH_LENGTH + 1))


pieces = st.lists(
    st.sampled_from(
        ["a", ".", "..", "/", "\\", "%", "2e", "2f", "%2e", "%2f", "25", "%25", "5c", "C:", "\0", "é", " "]
    ),
    max_size=8,
).map("".join)


@given(st.one_of(st.text(max_size=30), pieces))
def test_an_accepted_path_stays_below_the_root_however_often_it_is_decoded(text):
    try:
        path = check_path(text)
    except BadInputError:
        return
    for seen in (path, unquote(path), unquote(unquote(path))):
        assert ".." not in seen.replace("\\", "/").split("/")
        assert not seen.startswith(("/", "\\"))
        assert "#" not in seen
        assert seen[1:2] != ":" or not seen[0].isascii() or not seen[0].isalpha()
    assert not {"", "."} & set(path.split("/"))
    assert not set(path) & {"\\", "\0"}


@given(st.text(max_size=20))
def test_a_path_that_comes_quoted_is_judged_as_the_path_that_it_is(text):
    def is_good(path):
        try:
            return bool(check_path(path))
        except BadInputError:
            return False

    try:
        quoted = quote(text, safe="")
    except UnicodeEncodeError:
        return
    odd = "\\" in text or any(unicodedata.category(each) == "Cc" for each in text)
    if is_good(quoted) and not odd and {"", "."}.isdisjoint(text.split("/")):
        assert is_good(text)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        *(("a%41b", "aAb"), ("100%25", "100%"), ("a%2541b", "aAb"), ("a%17b", "a%17b"), ("%0A", "%0a")),
        *(("50%", "50%"), ("%zz", "%zz"), ("k%step%41%timestamp%179", "k%stepA%timestamp%179"), ("é", "é")),
    ],
)
def test_clients_decode_names_and_keep_control_characters_written(name, read):
    assert as_clients_read(name) == as_clients_read(read) == read


def test_folders_of_a_path():
    assert folders_of("a") == ()
    assert folders_of("a/b/c") == ("a", "a/b")


def test_entries_of_a_folder():
    files = {"r/a/b": 1, "r/a/c/d": 2, "r/a-x": 3, "r/a0": 4, "r2/x": 5, "r": 6}
    assert entries_in("r", files) == (Entry("r/a"), Entry("r/a-x", 3), Entry("r/a0", 4))
    assert entries_in("r/a", files) == (Entry("r/a/b", 1), Entry("r/a/c"))
    assert entries_in("r/none", files) == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *(("0/x", 0), ("17", 17), ("17/x/y", 17), ("017/x", None), ("x/1", None), ("-1/x", None), ("", None)),
        *(("1" * 19, None), ("١/x", None), ("registry/x", None), (" 1/x", None), ("1 /x", None)),
    ],
)
def test_the_experiment_of_a_path_is_written_in_one_way_only(path, expected):
    assert experiment_of(path) == expected


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("mlflow-artifacts:/1/r/artifacts", "1/r/artifacts"),
        ("mlflow-artifacts:/", ""),
        ("mlflow-artifacts:/1/", "1"),
        ("mlflow-artifacts://host/1", None),
        ("mlflow-artifacts:1", None),
        ("s3://b/x", None),
        ("/1/x", None),
        ("", None),
    ],
)
def test_a_root_of_our_own_is_a_path_in_the_tree(root, expected):
    assert path_of(root) == expected


def test_every_run_model_and_version_has_a_place_of_its_own():
    root = experiment_root(3)
    assert path_of(root) == "3"
    assert path_of(run_root(root, "r1")) == "3/r1/artifacts"
    assert path_of(model_root(root, "m-1")) == "3/models/m-1/artifacts"
    assert run_root("s3://b/x/", "r1") == "s3://b/x/r1/artifacts"
    assert version_path("team/task", 3) == "registry/team/task/3"
    assert experiment_of(version_path("team/task", 3)) is None
