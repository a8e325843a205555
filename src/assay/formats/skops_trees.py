"""Decision trees inside skops files: are their node tables sound?

scikit-learn follows child and feature indices of a fitted tree in native code without looking whether
they are inside the tables (``sklearn/tree/_tree.pyx``, ``_hist_gradient_boosting/_predictor.pyx``). A file
with forged indices loads and then reads foreign memory at the first prediction. skops therefore trusts
no tree; here a tree is trusted once every index of it has been checked: children lie behind their
parent (so that every walk ends) and inside the table, features inside the estimator's inputs.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from assay.formats.numpy_arrays import Layout, layout_in
from assay.formats.sample import Concern, UnparseableError
from assay.formats.zips import Archive

TREE: Final = "sklearn.tree._tree.Tree"
PREDICTOR: Final = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
_MAX_TABLE_BYTES: Final = 256 * 1024**2
# These hand their input to the trees inside them as it is, without a further check.
_HANDING_DOWN: Final = (
    "sklearn.ensemble._forest.",
    "sklearn.ensemble._gb.",
    "sklearn.ensemble._iforest.",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.",
    "sklearn.tree._classes.",
)
Node = dict[str, Any]


def check_trees(archive: Archive, schema: Node) -> list[Concern]:
    """Check every tree of a skops file; return what is wrong with them."""
    found = []
    places = list(_places(schema))
    trees = [place for place in places if place.is_tree]
    for place in trees:
        try:
            if place.feature_count < 1:
                raise UnparseableError("no estimator around it says how many inputs it has")
            check = _check_tree if _name(place.node) == TREE else _check_predictor
            check(archive, place.node, place.feature_count)
        except UnparseableError as error:
            found.append(Concern("unsound_tree", "high", f"{_name(place.node)}: {error}"[:300]))
            if len(found) >= 10:
                return found
    return found + _check_identities(places, trees)


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where a node of the schema lies, and the number of inputs it is sure to get (0: nobody says)."""

    node: Node
    feature_count: int
    outer: "_Place | None"

    @property
    def is_tree(self) -> bool:
        """Whether this is a tree, and not only holds some."""
        return self.node.get("__loader__") == "TreeNode" or _name(self.node) in (TREE, PREDICTOR)


def _check_identities(places: list[_Place], trees: list[_Place]) -> list[Concern]:
    """Compare the places of nodes with one ``__id__``: the loader puts the first of them in all.

    So one that holds a tree must get the same inputs wherever it stands.
    """
    holding: set[int] = set()
    for tree in trees:
        place: _Place | None = tree
        while place is not None and id(place) not in holding:
            holding.add(id(place))
            place = place.outer
    shared = {_identity(place) for place in places if id(place) in holding}
    counts: dict[str, int] = {}
    for place in places:
        identity, count = _identity(place), place.outer.feature_count if place.outer else 0
        if identity and identity in shared and counts.setdefault(identity, count) != count:
            return [Concern("unsound_tree", "high", "a tree stands where it gets other inputs than checked")]
    return []


def _identity(place: _Place) -> str:
    return str(place.node.get("__id__") or "")


def _name(node: Node) -> str:
    return f"{node.get('__module__')}.{node.get('__class__')}"


def _places(schema: Node) -> Iterator[_Place]:
    """Give every node."""
    waiting: list[tuple[Any, _Place | None]] = [(schema, None)]
    while waiting:
        value, outer = waiting.pop()
        if isinstance(value, list):
            waiting += [(each, outer) for each in value]
        elif isinstance(value, dict):
            place = outer
            if "__loader__" in value:
                count = outer.feature_count if outer else 0
                if value["__loader__"] == "ObjectNode":
                    count = _feature_count(value, count)
                place = _Place(value, count, outer)
                yield place
            waiting += [(each, place) for each in value.values()]


def _feature_count(node: Node, outer: int) -> int:
    """Return the number of inputs an estimator says it has, at most as many as the one around it."""
    own = _attribute(node, "n_features_in_")
    if type(own) is not int or own < 1:
        return outer if _name(node) == PREDICTOR else 0
    handed_down = outer and _name(node).startswith("sklearn.tree._classes.")
    if not _name(node).startswith(_HANDING_DOWN):
        # Whatever is inside gets other inputs, and says itself how many.
        return 0
    return min(own, outer) if handed_down else own


def _attribute(node: Node, name: str) -> Any:
    """Return a number that stands in an object's state."""
    found = _entry(node.get("content"), name)
    text = found.get("content") if isinstance(found, dict) and found.get("__loader__") == "JsonNode" else None
    return int(text) if isinstance(text, str) and text.isdigit() and len(text) < 10 else None


def _entry(content: Any, name: str) -> Any:
    """Return an entry of a dictionary node."""
    inner = content.get("content") if isinstance(content, dict) else None
    return inner.get(name) if isinstance(inner, dict) else None


def _table(archive: Archive, node: Any) -> tuple[Layout, bytes]:
    """Return layout and bytes of an array node."""
    file = node.get("file") if isinstance(node, dict) else None
    if not isinstance(file, str):
        raise UnparseableError("its table is missing")
    layout = layout_in(archive, file)
    content = archive.read(file, _MAX_TABLE_BYTES)
    return layout, content[layout.data_offset :]


def _columns(archive: Archive, node: Any, names: tuple[str, ...]) -> tuple[int, Iterator[tuple[int, ...]]]:
    """Return the number of rows of a table, and some of its columns row by row."""
    layout, content = _table(archive, node)
    if len(layout.shape) != 1 or not set(names) <= set(layout.fields):
        raise UnparseableError("its table has other columns")
    places = sorted(layout.fields[name] for name in names)
    form, position = "<", 0
    for offset, code in places:
        if not code.startswith("<") or code[1:] not in "bBhHiIqQ":
            raise UnparseableError("its table has other columns")
        form += f"{offset - position}x{code[1:]}"
        position = offset + struct.calcsize(code)
    form += f"{layout.item_bytes - position}x"
    order = [places.index(layout.fields[name]) for name in names]
    archive.sample.meter.work(layout.shape[0])
    rows = struct.iter_unpack(form, content)
    return layout.shape[0], (tuple(row[index] for index in order) for row in rows)


def _check_children(row: int, count: int, children: tuple[int, int]) -> None:
    if not all(row < child < count for child in children):
        raise UnparseableError(f"node {row} has a child outside the table or before it")


def _check_tree(archive: Archive, node: Node, feature_count: int) -> None:
    """Check ``Tree``: -1 as left child marks a leaf."""
    state = node.get("content")
    count, rows = _columns(archive, _entry(state, "nodes"), ("left_child", "right_child", "feature"))
    layout, _ = _table(archive, _entry(state, "values"))
    declared = _entry(state, "node_count")
    text = declared.get("content") if isinstance(declared, dict) else None
    if count < 1 or text != str(count) or layout.shape[:1] != (count,):
        raise UnparseableError("its tables are of different lengths")
    for row, (left, right, feature) in enumerate(rows):
        if left != -1:
            _check_children(row, count, (left, right))
            if not 0 <= feature < feature_count:
                raise UnparseableError(f"node {row} asks for input {feature} of {feature_count}")


def _check_predictor(archive: Archive, node: Node, feature_count: int) -> None:
    """Check ``TreePredictor``; categorical nodes point into a table of bit sets."""
    state = node.get("content")
    names = ("left", "right", "feature_idx", "is_leaf", "is_categorical", "bitset_idx")
    count, rows = _columns(archive, _entry(state, "nodes"), names)
    sets = [_table(archive, _entry(state, each))[0].shape for each in _BIT_SETS]
    if count < 1 or any(len(shape) != 2 or shape[1] != 8 for shape in sets):
        raise UnparseableError("its tables are malformed")
    set_count = min(shape[0] for shape in sets)
    for row, (left, right, feature, leaf, categorical, bit_set) in enumerate(rows):
        if leaf:
            continue
        _check_children(row, count, (left, right))
        if not 0 <= feature < feature_count:
            raise UnparseableError(f"node {row} asks for input {feature} of {feature_count}")
        if categorical and not bit_set < set_count:
            raise UnparseableError(f"node {row} points outside the table of categories")


_BIT_SETS: Final = ("binned_left_cat_bitsets", "raw_left_cat_bitsets")
