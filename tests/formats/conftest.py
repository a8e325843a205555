"""Really fitted models, and files really written from them."""

import io
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assay.formats import Recognition, recognise


def look_at(content: bytes, path: str = "model.bin") -> Recognition:
    return recognise(path, io.BytesIO(content))


@pytest.fixture
def look():
    return look_at


@pytest.fixture(scope="session")
def table() -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(7)
    frame = pd.DataFrame({"age": random.random(80), "income": random.random(80)})
    frame["town"] = pd.Series(random.choice(["x", "y", "z"], 80), dtype=object)
    frame.loc[3, "age"] = np.nan
    return frame, np.where(frame["income"] > 0.5, "yes", "no")


def _prepared(model: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = ColumnTransformer([("n", numbers, ["age", "income"]), ("w", words, ["town"])])
    return make_pipeline(columns, model)


@pytest.fixture(scope="session")
def models(table) -> dict[str, Any]:
    frame, labels = table
    made = {
        "logistic": LogisticRegression(),
        "forest": RandomForestClassifier(5, random_state=0),
        "boosting": HistGradientBoostingClassifier(max_iter=5, random_state=0),
    }
    return {name: _prepared(model).fit(frame, labels) for name, model in made.items()}


@pytest.fixture(scope="session")
def joblib_file(models, tmp_path_factory):
    """Give the bytes that joblib writes to disk."""
    folder = tmp_path_factory.mktemp("joblib")

    def dump(name: str, compress: Any = 0) -> bytes:
        path = folder / "model.joblib"
        joblib.dump(models[name], path, compress=compress)
        return path.read_bytes()

    return dump
