"""A tree in a skops file is trusted only when no index in it can leave its tables."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.tree import DecisionTreeClassifier

X = np.random.default_rng(1).random((60, 3))
Y = (X[:, 0] > 0.5).astype(int)
FOREST = RandomForestClassifier(2, random_state=0).fit(X, Y)
BOOSTING = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, Y)
VOTING = VotingClassifier([("a", FOREST), ("b", DecisionTreeClassifier())]).fit(X, Y)


def forged(model: Any, change_table: Callable[[np.ndarray], None] | None = None, **texts: str) -> bytes:
    """Dump a model, change its first table of nodes, and replace texts of its schema."""
    target, changed = io.BytesIO(), False
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                content = _replaced(json.loads(content), texts)
            elif change_table and not changed:
                array = np.load(io.BytesIO(content))
                if array.dtype.names:
                    array = array.copy()
                    change_table(array)
                    buffer = io.BytesIO()
                    np.save(buffer, array)
                    content, changed = buffer.getvalue(), True
            new.writestr(name, content)
    return target.getvalue()


def _replaced(schema: Any, texts: dict[str, str]) -> bytes:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                if key in texts and isinstance(each, dict) and each.get("__loader__") == "JsonNode":
                    each["content"] = texts[key]
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(schema)
    return json.dumps(schema).encode()


@pytest.mark.parametrize("model", [FOREST, BOOSTING, VOTING], ids=["forest", "boosting", "voting"])
def test_real_trees_are_sound(look, model):
    assert (look(forged(model)).risk, look(forged(model)).concerns) == ("data", ())


def setting(column: str, value: int) -> Callable[[np.ndarray], None]:
    def change(table: np.ndarray) -> None:
        table[column][0] = value

    return change


@pytest.mark.parametrize(
    ("model", "column", "value"),
    [
        (FOREST, "left_child", 10_000),
        (FOREST, "right_child", -2),
        (FOREST, "left_child", 0),
        (FOREST, "feature", 3),
        (FOREST, "feature", -2),
        (BOOSTING, "left", 10_000),
        (BOOSTING, "right", 0),
        (BOOSTING, "feature_idx", 3),
        (BOOSTING, "feature_idx", -1),
    ],
)
def test_an_index_that_leaves_its_table_makes_the_file_code(look, model, column, value):
    found = look(forged(model, setting(column, value)))
    assert (found.format, found.risk) == ("skops", "code")
    assert {each.rule for each in found.concerns} == {"unsound_tree"}


def test_categories_outside_their_table_make_the_file_code(look):
    def change(table: np.ndarray) -> None:
        table["is_categorical"][0], table["bitset_idx"][0] = 1, 5

    assert look(forged(BOOSTING, change)).risk == "code"


@pytest.mark.parametrize(
    "texts",
    [{"node_count": "100000"}, {"n_features_in_": "0"}, {"n_features_in_": "1"}, {"n_features_in_": '"x"'}],
)
def test_counts_that_do_not_fit_make_the_file_code(look, texts):
    assert look(forged(FOREST, **texts)).risk == "code"


def test_one_identity_for_two_places_with_different_inputs_makes_the_file_code(look):
    wide = RandomForestClassifier(1, random_state=0).fit(np.hstack([X, X]), Y)
    content = forged([FOREST, wide])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
        others = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    trees = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("__loader__") == "TreeNode":
                trees.append(value)
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(schema)
    trees[0]["__id__"] = trees[-1]["__id__"]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
        for name, each in others.items():
            archive.writestr(name, each)
    assert look(content).risk == "data"
    assert look(target.getvalue()).risk == "code"


def changed_schema(**values: Any) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps([1, "a"]))) as old, zipfile.ZipFile(target, "w") as new:
        schema = {**json.loads(old.read("schema.json")), **values}
        new.writestr("schema.json", json.dumps(schema))
    return target.getvalue()


@pytest.mark.parametrize(
    "values",
    [
        {"__module__": "os", "__class__": "system"},
        {"__module__": "builtins", "__class__": "list.append"},
        {"__loader__": "UnknownNode"},
        {"__loader__": "FunctionNode", "__module__": "os", "__class__": "system"},
        {"__loader__": "ConstructorFromReduceNode"},
        {"protocol": 0},
        {"protocol": 99},
        {"protocol": True},
        {"protocol": None},
        {"__loader__": "BytesNode", "__class__": "bytes", "file": "missing.bin"},
    ],
    ids=str,
)
def test_a_schema_that_asks_for_anything_else_is_code(look, values):
    assert look(changed_schema()).risk == "data"
    assert look(changed_schema(**values)).risk == "code"


def test_a_member_that_the_schema_does_not_name_counts_too(look):
    from formats.hostile import SYSTEM, zipped

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps([1]))) as archive:
        schema = archive.read("schema.json")
    assert look(zipped({"schema.json": schema, "notes.txt": b"hello"})).risk == "data"
    assert look(zipped({"schema.json": schema, "notes.txt": SYSTEM})).risk == "code"


def test_a_random_generator_of_no_known_kind_is_code(look):
    model = skops.io.dumps(np.random.default_rng(0))
    assert look(model).risk == "data"
    assert look(_with_generator("seed")).risk == "code"
    assert look(_with_generator("PCG64")).risk == "data"


def _with_generator(kind: str) -> bytes:
    target = io.BytesIO()
    source = io.BytesIO(skops.io.dumps(np.random.default_rng(0)))
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'\\"PCG64\\"', b'\\"' + kind.encode() + b'\\"'))
    return target.getvalue()
