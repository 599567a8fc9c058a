"""How good scores are: metrics, intervals by resampling visitors, what a trivial rule would score. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from jobs.offline.training.candidates import Probabilities
from jobs.offline.training.examples import Bools, Examples, Integers, Weights

RESAMPLES = 300
TOO_GOOD = 0.95  # one feature alone with this AUC knows the answer
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % interval (percentiles of resampled visitors)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


class Judge:
    """Metrics of one set of scores under many weightings; what does not change is computed once.

    `bias` is the mean score less the share of positives. The other definitions are those of scikit-learn
    (average precision without interpolation), held by a test; its functions sort and check their input at
    every call, which hundreds of resamples cannot afford.

    Args:
        labels: what happened.
        scores: of the same rows.
        threshold: scores from here on are called positive.
    """

    def __init__(self, labels: Bools, scores: Probabilities, threshold: float) -> None:
        order = np.argsort(-scores, kind="stable")
        self._order, self._hits, self._scores = order, labels[order], scores[order]
        # Equal scores cannot be distinguished: cuts are possible only where the score changes.
        self._ends = np.flatnonzero(np.append(np.diff(self._scores) != 0, True))
        self._called = int((self._scores >= threshold).sum())
        clipped = np.clip(self._scores, 1e-7, 1 - 1e-7)
        self._losses = -np.where(self._hits, np.log(clipped), np.log(1 - clipped))
        self._squares = (self._scores - self._hits) ** 2
        bins = np.array_split(np.arange(len(labels)), CALIBRATION_BINS)
        self._bins = np.array([rows[0] for rows in bins if len(rows)])

    def metrics(self, weights: Weights) -> dict[str, float]:
        """Every metric under the weights; both labels must have some."""
        weights = weights[self._order]
        true = weights * self._hits
        hits, seen = np.cumsum(true), np.cumsum(weights)
        called_hits, called = (
            float(sums[self._called - 1]) if self._called else 0.0 for sums in (hits, seen)
        )
        positives, total = float(hits[-1]), float(seen[-1])
        return {
            **self._ranking(hits[self._ends], seen[self._ends]),
            "log_loss": float((self._losses * weights).sum() / total),
            "brier": float((self._squares * weights).sum() / total),
            "calibration_error": self._calibration_error(true, weights),
            "bias": float((self._scores * weights).sum() - true.sum()) / total,
            "precision": called_hits / called if called else 0.0,
            "recall": called_hits / positives if positives else 0.0,
            "f1": 2 * called_hits / (called + positives) if called + positives else 0.0,
        }

    @staticmethod
    def _ranking(hits: Weights, seen: Weights) -> dict[str, float]:
        misses = seen - hits
        recall, false_share = hits / hits[-1], misses / max(misses[-1], 1e-12)
        precision = hits / np.maximum(seen, 1e-12)
        area = np.trapezoid(np.append(0, recall), np.append(0, false_share))
        return {
            "auc": float(area),
            "average_precision": float((np.diff(recall, prepend=0) * precision).sum()),
        }

    def _calibration_error(self, true: Weights, weights: Weights) -> float:
        sums = (np.add.reduceat(values, self._bins) for values in (true, weights * self._scores))
        hits, expected = sums
        return float(np.abs(hits - expected).sum() / weights.sum())


def evaluate(rows: Examples, scores: Probabilities, threshold: float, seed: int) -> dict[str, Estimate]:
    """Every metric of the scores with its interval; precision, recall and F1 are at the threshold.

    Args:
        rows: the judged ones; both labels must occur.
        scores: of the rows.
        threshold: scores from here on are called positive.
        seed: of the resampling.
    """
    return estimates(rows.labels, scores, rows.owners, threshold, seed)


def estimates(
    labels: Bools, scores: Probabilities, owners: Integers, threshold: float, seed: int
) -> dict[str, Estimate]:
    """The same of bare arrays; `owners` says which rows are of one visitor."""
    judge = Judge(labels, scores, threshold)
    values = judge.metrics(np.ones(len(labels)))
    samples: dict[str, list[float]] = {name: [] for name in values}
    for weights in resampled(owners, seed):
        if 0 < weights[labels].sum() < weights.sum():
            for name, value in judge.metrics(weights).items():
                samples[name].append(value)
    return {name: _estimate(values[name], samples[name]) for name in values}


def _estimate(value: float, samples: list[float]) -> Estimate:
    low, high = np.percentile(samples, [2.5, 97.5]) if samples else (np.nan, np.nan)
    return Estimate(value, float(low), float(high))


def resampled(owners: Integers, seed: int, times: int = RESAMPLES) -> list[Weights]:
    """Weights of the rows when as many visitors are drawn with replacement, again and again."""
    rng = np.random.default_rng(seed)
    known, indices = np.unique(owners, return_inverse=True)
    draws = (rng.integers(0, len(known), len(known)) for _ in range(times))
    return [np.bincount(draw, minlength=len(known))[indices].astype(np.float64) for draw in draws]


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of about equal score: their mean score, and the share of positives among them."""

    score: float
    share: Estimate


def calibration_curve(rows: Examples, scores: Probabilities, seed: int) -> list[CalibrationBin]:
    """Ten bins of equal size, rising; intervals by resampled visitors."""
    bins = [
        indices
        for indices in np.array_split(np.argsort(scores, kind="stable"), CALIBRATION_BINS)
        if len(indices)
    ]
    weights = resampled(rows.owners, seed)
    return [CalibrationBin(float(scores[indices].mean()), _share(rows, indices, weights)) for indices in bins]


def _share(rows: Examples, indices: Integers, weights: list[Weights]) -> Estimate:
    labels = rows.labels[indices]
    samples = [
        float(drawn[indices] @ labels / drawn[indices].sum()) for drawn in weights if drawn[indices].any()
    ]
    return _estimate(float(labels.mean()), samples)


def lift(labels: Bools, scores: Probabilities, shares: Weights) -> Weights:
    """Positives among the best share of the rows, over those of a random choice; equal scores are shuffled.

    >>> lift(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]), np.array([1 / 3, 1])).tolist()
    [1.5, 1.0]
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    gained = np.cumsum(labels[order])[ends] / max(labels.sum(), 1)
    return np.interp(shares, np.append(0, (ends + 1) / len(labels)), np.append(0, gained)) / shares


def last_action_rule(train: Examples, rows: Examples) -> Probabilities:
    """The trivial rule: the share of positives among training rows whose last event was of the same type."""
    overall = train.share
    shares = {
        action: (train.labels[train.last_actions == action].sum() + overall)
        / (sum(train.last_actions == action) + 1)
        for action in np.unique(train.last_actions)
    }
    return np.array([shares.get(action, overall) for action in rows.last_actions], dtype=np.float64)


def too_good(rows: Examples) -> dict[str, float]:
    """Features that alone separate the labels with an AUC of TOO_GOOD or more: look for a leak there."""
    found = {name: single_auc(rows.features[:, index], rows.labels) for index, name in enumerate(rows.names)}
    return {name: auc for name, auc in found.items() if auc >= TOO_GOOD}


def single_auc(values: npt.NDArray[np.float32], labels: Bools) -> float:
    """AUC of one column in its better direction; missing values stand at the low end."""
    auc = float(roc_auc_score(labels, np.nan_to_num(values, nan=-1e30)))
    return max(auc, 1 - auc)
