import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.canonical import canonical_digest, canonical_json
from assay.core.digests import Digest, FileEntry, Manifest, check_path, digest_of
from assay.core.errors import BadInputError
from assay.core.names import MAX_TAG_VALUE_BYTES, Address, ModelName, check_alias, check_label, check_tag
from assay.core.semver import Bump, SemVer

part = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True).filter(lambda text: ".." not in text)
numbers = st.integers(0, 999_999_999)
semvers = st.builds(SemVer, numbers, numbers, numbers)
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(part, part)
def test_a_model_name_is_its_two_parts(team, task):
    name = ModelName(f"{team}/{task}")
    assert (name.team, name.task, str(name)) == (team, task, f"{team}/{task}")


@given(st.text(max_size=30))
def test_no_text_gives_a_name_that_could_leave_its_place(text):
    try:
        name = ModelName(text)
    except BadInputError:
        return
    assert ".." not in name
    assert name.count("/") == 1
    assert name.isascii()
    assert not name.startswith((".", "/"))


@given(semvers)
def test_a_semantic_version_reads_what_it_prints(version):
    assert SemVer.parse(str(version)) == version
    assert SemVer.parse(str(version)[1:]) == version


@given(semvers, semvers)
def test_semantic_versions_order_by_their_numbers(one, two):
    assert (one < two) == (one.key < two.key)
    assert (one == two) == (hash(one) == hash(two) and one.key == two.key)


@given(semvers.filter(lambda v: max(v.key) < 10**8), st.sampled_from(Bump))
def test_a_bump_is_a_step_up_of_its_size(version, bump):
    after = version.bumped(bump)
    assert after > version
    assert after.bump_from(version) is bump


@pytest.mark.parametrize(
    "text",
    ["1.2", "v1.2.3.4", "v01.2.3", "v1.2.x", "v1.2.3-rc1", "", "v" + "9" * 20 + ".0.0", None, "v١.0.0"],
)
def test_what_is_no_semantic_version(text):
    with pytest.raises(BadInputError, match="version"):
        SemVer.parse(text)


@given(part, part, semvers, st.integers(1, 10**6))
def test_addresses_read_what_they_print(team, task, semver, number):
    model = ModelName(f"{team}/{task}")
    for address in (
        Address(model, semver=semver),
        Address(model, number=number),
        Address(model, alias="best"),
    ):
        assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "a", "a/b", "a/b/", "a/b/c/d", "a/b@", "a/b@..", "a/b/v1", "a/b/0", "a/b/-1", "@x", "a/b@x/1"],
)
def test_what_is_no_address(text):
    with pytest.raises(BadInputError):
        Address.parse(text)


@pytest.mark.parametrize(
    "alias",
    [
        *("production", "staging", "archived", "development", "latest", "v1.0.0", "12", "a/b", "", "a..b"),
        *("Production", "STAGING", "LATEST", "V1.0.0", "V3", "-a", ".a", "a b", "a\n"),
        # They look like, or are read as, the names above.
        *("pr\u043eduction", "Product\u0130On", "stag\u0456ng", "l\u0430t\u0435st", "sta\u0261ing"),
        *("ｐroduction", "ſtaging", "ｌatest", "ｖ１", "１２"),
    ],
)
def test_reserved_and_confusable_aliases_are_refused(alias):
    with pytest.raises(BadInputError, match="alias"):
        check_alias(alias)


@pytest.mark.parametrize("alias", ["A", "Champion", "best_one", "_x", "9a", "v1-candidate", "größte", "最良"])
def test_aliases_keep_their_case_and_script(alias):
    assert check_alias(alias) == alias


def test_tags_and_labels_have_limits():
    assert check_tag("key", "value") == ("key", "value")
    for key, value in (
        ("", "x"),
        ("a\nb", "x"),
        ("a", "\0"),
        ("a", "x" * (MAX_TAG_VALUE_BYTES + 1)),
        ("k" * 300, "x"),
        ("a", "\ud800"),
    ):
        with pytest.raises(BadInputError):
            check_tag(key, value)
    for label in ("", " x", "a\tb", "x" * 200):
        with pytest.raises(BadInputError):
            check_label(label)


@given(st.text(max_size=40))
def test_an_accepted_path_stays_inside_its_folder(text):
    try:
        path = check_path(text)
    except BadInputError:
        return
    assert not path.startswith("/")
    assert not {"", ".", ".."} & set(path.split("/"))
    assert "\\" not in path
    assert all(unicodedata.category(letter) != "Cc" for letter in path)


def entry(path, content=b""):
    return FileEntry(path, digest_of(content), len(content))


def test_the_root_digest_is_that_of_the_open_model_signing_specification():
    # OMS 1.0 order by code points: a-b/x, a.txt, a/b, z
    files = [entry("a/b", b"1"), entry("a-b/x", b"2"), entry("a.txt", b"3"), entry("z", b"")]
    root = "cd5249cfa095ada4536a11d00041255f5936499d169f4ea69dad72f32321a5cb"
    assert Manifest(files).digest == Manifest(reversed(files)).digest == f"sha256:{root}"


@given(st.dictionaries(part, st.binary(max_size=5), min_size=1, max_size=6))
def test_a_manifest_does_not_depend_on_order_and_names_its_bytes(contents):
    entries = [entry(path, content) for path, content in contents.items()]
    manifest = Manifest(entries)
    assert manifest == Manifest(reversed(entries))
    assert manifest.size_bytes == sum(map(len, contents.values()))
    raw = b"".join(hashlib.sha256(contents[path]).digest() for path in sorted(contents))
    assert manifest.digest == digest_of(raw)


@pytest.mark.parametrize("paths", [[], ["a", "a"], ["a", "b", "a"], ["a", "a/b"], ["a/b/c", "a/b"]], ids=repr)
def test_manifests_whose_names_collide_are_refused(paths):
    with pytest.raises(BadInputError):
        Manifest([entry(path) for path in paths])


@pytest.mark.parametrize("paths", [["a", "A"], ["\u00e9", "e\u0301"], ["a/b/c", "A/B"]], ids=repr)
def test_names_that_differ_in_case_or_unicode_form_are_two(paths):
    assert [each.path for each in Manifest([entry(path) for path in paths])] == sorted(paths)


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "g" * 64, "sha256:" + "A" * 64, "md5:" + "a" * 32, None, "a" * 64]
)
def test_what_is_no_digest(text):
    with pytest.raises(BadInputError, match="digest"):
        Digest(text)


@given(st.dictionaries(st.text(max_size=5), plain_json, max_size=5))
def test_canonical_json_does_not_depend_on_order(document):
    backwards = dict(reversed(document.items()))
    assert canonical_json(document) == canonical_json(backwards)
    assert canonical_digest(document) == canonical_digest(backwards)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), object(), {"a": [float("nan")]}],
    ids=["nan", "inf", "object", "nested"],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(value):
    with pytest.raises(BadInputError, match="document"):
        canonical_json(value)
