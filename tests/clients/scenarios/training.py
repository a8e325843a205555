"""A small trained model and its data, the same every time."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

_DRAWN = np.random.default_rng(7).normal(size=(80, 3))
DATA = pd.DataFrame(_DRAWN, columns=["amount", "age", "risk"])
LABELS = (DATA["amount"] + DATA["risk"] > 0).astype(int)
X_train, X_test = DATA[:60], DATA[60:]
y_train, y_test = LABELS[:60], LABELS[60:]


def trained(strength=1.0):
    """Return a classifier that has been fitted."""
    return LogisticRegression(C=strength).fit(X_train, y_train)
