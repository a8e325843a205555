"""Boosted trees of XGBoost, LightGBM and CatBoost in their own formats: numbers only, data."""

from typing import Final

from assay.formats.sample import DATA, Recognition, Sample

_BINARY: Final = (
    (b"binf", "xgboost"),
    (b"CBM1", "catboost"),
    # Universal Binary JSON: an object whose first key is "learner", its length as int64 or uint8.
    (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", "xgboost"),
    (b"{i\x07learner", "xgboost"),
)
_LIGHTGBM: Final = b"tree\nversion=v"


def look(sample: Sample) -> Recognition | None:
    """Recognise a booster in a format of its own (XGBoost's JSON is recognised with the other JSON)."""
    if sample.head.startswith(_LIGHTGBM) and b"\0" not in sample.head:
        return Recognition("lightgbm", DATA, "boosted trees as text")
    for magic, name in _BINARY:
        if sample.head.startswith(magic):
            return Recognition(name, DATA, "boosted trees")
    return None
