"""Three kinds of model behind one face: trees, a small network, a linear model. Deterministic by seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jobs.offline.training.examples import Examples, Floats, Weights

Probabilities = npt.NDArray[np.float64]
# Called with (step, average precision on the validation part); raises to stop a hopeless trial.
Watch = Callable[[int, float], None]

ALGORITHMS = ("lightgbm", "network", "logistic")
TREES_MISSING = -1.0  # every feature is 0 or more, so a tree can split the missing ones off
MAX_TREES = 200
EARLY_STOP = 25
EPOCHS = 12


@dataclass(frozen=True)
class Candidate:
    """A fitted model.

    Attributes:
        algorithm: one of ALGORITHMS.
        parameters: hyperparameters.
        native: the fitted booster or scikit-learn pipeline.
        missing: what stands for a missing value, per column.
        is_logged: whether the columns go through sign(x) * log(1 + |x|) first.
        weights: share of each column in the decisions, for the report.
    """

    algorithm: str
    parameters: dict[str, Any]
    native: Any
    missing: Floats
    is_logged: bool
    weights: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def predict(self, rows: Floats) -> Probabilities:
        """Uncalibrated probabilities, in double precision."""
        filled = prepared(rows, self.missing, self.is_logged)
        if self.algorithm == "lightgbm":
            return np.asarray(self.native.predict(filled))
        return np.asarray(self.native.predict_proba(filled)[:, 1])


def prepared(rows: Floats, missing: Floats, is_logged: bool) -> Floats:
    """The rows as the native model takes them.

    >>> prepared(np.array([[np.nan, -1.0]], "f4"), np.array([3, 0], "f4"), False).tolist()
    [[3.0, -1.0]]
    """
    filled = np.where(np.isnan(rows), missing, rows).astype(np.float32)
    return np.sign(filled) * np.log1p(np.abs(filled)) if is_logged else filled


def fit(
    algorithm: str, parameters: dict[str, Any], train: Examples, valid: Examples, seed: int, watch: Watch
) -> Candidate:
    """Fits one model; `watch` sees its progress on the validation part."""
    fitters = {"lightgbm": _trees, "network": _network, "logistic": _logistic}
    return fitters[algorithm](parameters, train, valid, seed, watch)


def _trees(
    parameters: dict[str, Any], train: Examples, valid: Examples, seed: int, watch: Watch
) -> Candidate:
    missing = np.full(len(train.names), TREES_MISSING, np.float32)
    rows, checked = (prepared(part.features, missing, False) for part in (train, valid))
    data = lightgbm.Dataset(rows, label=train.labels, weight=_weights(train, parameters))
    seen = data.create_valid(checked, label=valid.labels, weight=valid.weights)
    options = {
        "objective": "binary", "metric": "average_precision", "seed": seed, "deterministic": True,
        "force_row_wise": True, "num_threads": 1, "verbosity": -1, "feature_pre_filter": False,
        **{name: value for name, value in parameters.items() if name != "balance"},
    }  # fmt: skip

    def progress(state: Any) -> None:
        if state.iteration % 10 == 9:
            watch(state.iteration, state.evaluation_result_list[0][2])

    stop = lightgbm.early_stopping(EARLY_STOP, verbose=False)
    booster = lightgbm.train(options, data, MAX_TREES, valid_sets=[seen], callbacks=[stop, progress])
    booster = narrowed(
        lightgbm.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))
    )
    gains = booster.feature_importance("gain")
    return Candidate("lightgbm", parameters, booster, missing, False, gains / max(gains.sum(), 1e-12))


def narrowed(booster: lightgbm.Booster) -> lightgbm.Booster:
    """The same trees with thresholds that float32 can hold, rounded down.

    For float32 values x <= t and x <= (the largest float32 that is not above t) are the same question, so
    nothing changes here, and the ONNX graph, which has float32 thresholds, gives the same answers.
    """
    lines = [
        _narrow(line) if line.startswith("threshold=") else line
        for line in booster.model_to_string().split("\n")
    ]
    # tree_sizes are byte counts of the old text; without them LightGBM reads the trees one by one.
    return lightgbm.Booster(model_str="\n".join(line for line in lines if not line.startswith("tree_sizes=")))


def _narrow(line: str) -> str:
    wide = np.array(line.removeprefix("threshold=").split(), dtype=np.float64)
    narrow = wide.astype(np.float32)
    narrow = np.where(narrow > wide, np.nextafter(narrow, np.float32(-np.inf)), narrow)
    return "threshold=" + " ".join(repr(float(value)) for value in narrow)


def _network(
    parameters: dict[str, Any], train: Examples, valid: Examples, seed: int, watch: Watch
) -> Candidate:
    missing = _medians(train.features)
    scaler = StandardScaler().fit(prepared(train.features, missing, True))
    rows = scaler.transform(prepared(train.features, missing, True))
    checked = scaler.transform(prepared(valid.features, missing, True))
    network = MLPClassifier(
        hidden_layer_sizes=(parameters["width"], parameters["width"] // 2),
        alpha=parameters["alpha"],
        learning_rate_init=parameters["rate"],
        batch_size=256,
        random_state=seed,
    )
    weights = _weights(train, parameters)
    for epoch in range(EPOCHS):
        network.partial_fit(rows, train.labels, classes=[False, True], sample_weight=weights)
        watch(epoch, _average_precision(valid, network.predict_proba(checked)[:, 1]))
    shares = np.abs(network.coefs_[0]).sum(axis=1)
    return Candidate(
        "network", parameters, make_pipeline(scaler, network), missing, True, shares / shares.sum()
    )


def _logistic(
    parameters: dict[str, Any], train: Examples, valid: Examples, seed: int, watch: Watch
) -> Candidate:
    missing = _medians(train.features)
    rows = prepared(train.features, missing, True)
    scaler = StandardScaler().fit(rows)
    linear = LogisticRegression(C=parameters["c"], max_iter=300, random_state=seed)
    linear.fit(scaler.transform(rows), train.labels, sample_weight=_weights(train, parameters))
    shares = np.abs(linear.coef_[0])
    candidate = Candidate(
        "logistic", parameters, make_pipeline(scaler, linear), missing, True, shares / shares.sum()
    )
    watch(0, _average_precision(valid, candidate.predict(valid.features)))
    return candidate


def _weights(train: Examples, parameters: dict[str, Any]) -> Weights:
    """Weights of the rows; `balance` 1 makes positives weigh together what negatives do, 0 changes none."""
    positives = max(int(train.labels.sum()), 1)
    more = ((len(train) - positives) / positives) ** parameters.get("balance", 0.0)
    return np.asarray(train.weights * np.where(train.labels, more, 1.0))


def _average_precision(rows: Examples, scores: Probabilities) -> float:
    return float(average_precision_score(rows.labels, scores, sample_weight=rows.weights))


def _medians(rows: Floats) -> Floats:
    return np.array(
        [np.median(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0 for column in rows.T],
        np.float32,
    )
