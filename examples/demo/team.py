"""What the data-science team of the demo does: real data, real training, four models.

The data are the 442 diabetes patients that ship with scikit-learn (Efron et al., 2004). The task:
who should be called in for a follow-up because the disease is likely to progress? Writes, for each
model, a folder with ``model.skops``, its ``tests/`` and a ``requirements.txt`` beside the tables.
"""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

LABEL = "outcome"
NUMBERS = ["age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
PROGRESSION_THRESHOLD = 140
SEED = 7
MODEL_TESTS = '''\
"""The model's own tests: they travel with it and run in the registry's sandbox."""

from pathlib import Path

import pandas as pd
import pytest
import skops.io

FILE = Path(__file__).parent.parent / "model.skops"
PATIENT = {"age": 59.0, "sex": "female", "bmi": 32.1, "bp": 101.0, "s1": 157.0, "s2": 93.2,
           "s3": 38.0, "s4": 4.0, "s5": 4.86, "s6": 87.0}


@pytest.fixture(scope="module")
def model():
    return skops.io.load(FILE, trusted=skops.io.get_untrusted_types(file=FILE))


def test_answers_with_one_of_the_two_outcomes(model):
    assert set(model.predict(pd.DataFrame([PATIENT] * 3))) <= {"follow-up", "routine"}


def test_heavier_patients_are_not_less_likely_to_be_followed_up(model):
    column = list(model.classes_).index("follow-up")
    weights = pd.DataFrame([{**PATIENT, "bmi": bmi} for bmi in (18.0, 28.0, 40.0)])
    risks = list(model.predict_proba(weights)[:, column])
    assert risks == sorted(risks)
'''


@dataclass(frozen=True)
class Training:
    """One model folder and the tables it was made with."""

    name: str
    folder: Path
    training_table: Path
    evaluation_table: Path
    accuracy: float


def patients() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and evaluation tables, 265 and 177 rows, without a row in common."""
    table, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    table["sex"] = table["sex"].map({1.0: "female", 2.0: "male"}).astype(object)
    table[LABEL] = np.where(progression > PROGRESSION_THRESHOLD, "follow-up", "routine")
    training, evaluation = train_test_split(
        table, test_size=0.4, random_state=SEED, stratify=table[LABEL].to_numpy()
    )
    return training, evaluation


def train(
    root: Path, name: str, training: pd.DataFrame, evaluation: pd.DataFrame, *, with_sex: bool = True
) -> Training:
    """Fit, measure and save one model under ``root/name``."""
    encoded = [(OneHotEncoder(), ["sex"])] if with_sex else []
    columns = make_column_transformer((StandardScaler(), NUMBERS), *encoded)
    inputs = [*NUMBERS, "sex"] if with_sex else NUMBERS
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    model.fit(training[inputs], training[LABEL])
    folder = root / name
    (folder / "tests").mkdir(parents=True)
    skops.io.dump(model, folder / "model.skops")
    tests = MODEL_TESTS if with_sex else MODEL_TESTS.replace('"sex": "female", ', "")
    (folder / "tests" / "test_model.py").write_text(dedent(tests))
    training_table = root / f"{name}-training.csv"
    training.to_csv(training_table, index=False)
    evaluation_table = root / "evaluation.csv"
    evaluation.to_csv(evaluation_table, index=False)
    accuracy = accuracy_score(evaluation[LABEL], model.predict(evaluation[inputs]))
    return Training(name, folder, training_table, evaluation_table, float(accuracy))


def train_all(root: Path) -> dict[str, Training]:
    """Train the four models of the story."""
    training, evaluation = patients()
    leaking = pd.concat([training, evaluation.iloc[:60]])
    return {
        "first": train(root, "first", training.iloc[:150], evaluation),
        "better": train(root, "better", training, evaluation),
        "leaking": train(root, "leaking", leaking, evaluation),
        "unaware": train(root, "unaware", training, evaluation, with_sex=False),
    }
