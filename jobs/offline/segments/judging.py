"""How good clusters are: apart from each other, better than chance, the same on other visitors. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import (
    adjusted_rand_score,
    confusion_matrix,
    davies_bouldin_score,
    silhouette_samples,
    silhouette_score,
)

from jobs.offline.segments.cores import Labels
from jobs.offline.segments.methods import Method, sampled
from jobs.offline.segments.scaling import Points

SAMPLE = 20_000  # visitors of which a silhouette is made
NULLS, NULL_SAMPLE = 5, 4_000
RESAMPLES, RESAMPLE = 20, 10_000


def stratified(labels: Labels, most: int, seed: int) -> Labels:
    """Indices of at most so many points, of each cluster by its share, and at least two.

    >>> labels = np.array([0] * 90 + [1] * 10)
    >>> np.bincount(labels[stratified(labels, 50, seed=1)]).tolist()
    [45, 5]
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    rng, found = np.random.default_rng(seed), []
    for number in np.unique(labels):
        mine = np.flatnonzero(labels == number)
        wanted = min(max(round(most * len(mine) / len(labels)), 2), len(mine))
        found.append(rng.choice(mine, wanted, replace=False))
    return np.sort(np.concatenate(found))


def silhouette(points: Points, labels: Labels, seed: int, most: int = SAMPLE) -> float:
    """Mean silhouette of a stratified sample; -1 where there is one cluster."""
    chosen = stratified(labels, most, seed)
    if len(np.unique(labels[chosen])) < 2:
        return -1.0
    return float(silhouette_score(points[chosen], labels[chosen]))


def silhouettes(points: Points, labels: Labels, most: int, seed: int) -> tuple[Points, Labels]:
    """The silhouette of each point of a stratified sample, and its cluster: for a picture."""
    chosen = stratified(labels, most, seed)
    return np.asarray(silhouette_samples(points[chosen], labels[chosen])), labels[chosen]


def davies_bouldin(points: Points, labels: Labels) -> float:
    """How near clusters are for their width; the less, the better."""
    return float(davies_bouldin_score(points, labels))


def shuffled_silhouette(method: Method, points: Points, seed: int) -> float:
    """The greatest silhouette of several sets in which each feature was shuffled for itself: chance."""
    taken, rng = sampled(points, NULL_SAMPLE, seed), np.random.default_rng(seed)
    found = []
    for _ in range(NULLS):
        mixed = np.column_stack([rng.permutation(column) for column in taken.T])
        fitted = method.fit(mixed, seed)
        found.append(silhouette(mixed, fitted[0].assign(mixed)[0], seed) if fitted else -1.0)
    return max(found)


@dataclass(frozen=True)
class Stability:
    """What becomes of clusters when the visitors are drawn with replacement, and clusters found again.

    Attributes:
        jaccard: for each cluster, the mean over draws of its overlap with the one that is most like it
            (Hennig, 2007); below 0.5 it has dissolved, from 0.75 on it is the same one.
        rand: adjusted Rand index of both divisions, the mean over draws.
    """

    jaccard: tuple[float, ...]
    rand: float


def stability(method: Method, points: Points, labels: Labels, seed: int) -> Stability:
    """Fits the method to visitors drawn with replacement, and compares what it says of all of them."""
    indices = np.arange(len(points)) if len(points) <= RESAMPLE else stratified(labels, RESAMPLE, seed)
    taken, before, rng = points[indices], labels[indices], np.random.default_rng(seed)
    overlaps, rands = [], []
    for draw in range(RESAMPLES):
        fitted = method.fit(taken[rng.integers(len(taken), size=len(taken))], seed + draw)
        after = fitted[0].assign(taken)[0] if fitted else np.zeros(len(taken), np.int64)
        overlaps.append(jaccard(before, after)[: labels.max() + 1].max(axis=1))
        rands.append(adjusted_rand_score(before, after))
    return Stability(tuple(np.mean(overlaps, axis=0).tolist()), float(np.mean(rands)))


def jaccard(one: Labels, other: Labels) -> Points:
    """Overlap of each cluster of one division with each of the other: shared / in either.

    >>> jaccard(np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0])).round(2).tolist()
    [[0.0, 0.67], [0.5, 0.25]]
    """
    numbers = np.arange(max(one.max(), other.max()) + 1)
    both = confusion_matrix(one, other, labels=numbers).astype(np.float64)
    either = both.sum(axis=1)[:, None] + both.sum(axis=0)[None, :] - both
    return np.asarray(both / np.maximum(either, 1))
