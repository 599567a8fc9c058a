"""The nearest-core classifier: whatever found the clusters, a visitor belongs to that of the nearest core.

K-Means is one by itself: its cores are the centres. What has no rule for new visitors (density, hierarchy)
gets several cores a cluster, and `agreement` says whether they tell the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances

from jobs.offline.segments.scaling import Points

Labels = npt.NDArray[np.int64]
NOISE = -1  # what a density method says of a point that is in no cluster
CORES = 64  # of all clusters together
_LEAST_CORES = 4  # of a cluster


@dataclass(frozen=True)
class Cores:
    """Points that stand for clusters.

    Attributes:
        points: a row a core, those of one cluster behind each other.
        counts: how many cores each cluster has.
    """

    points: Points
    counts: tuple[int, ...]

    def assign(self, points: Points) -> tuple[Labels, Points]:
        """For each point its cluster, and how clearly: 1 - distance to it / distance to the next one."""
        nearest = self.distances(points)
        labels = nearest.argmin(axis=1)
        first, second = np.partition(nearest, 1, axis=1)[:, :2].T
        return labels, 1 - first / second

    def distances(self, points: Points) -> Points:
        """From each point to the nearest core of each cluster."""
        starts = np.cumsum((0, *self.counts[:-1]))
        return np.asarray(np.minimum.reduceat(pairwise_distances(points, self.points), starts, axis=1))

    def ordered(self, order: Labels) -> Cores:
        """The same with the clusters in another order."""
        parts = np.split(self.points, np.cumsum(self.counts)[:-1])
        return Cores(
            np.concatenate([parts[index] for index in order]), tuple(self.counts[index] for index in order)
        )


def cores_of(points: Points, labels: Labels, seed: int) -> Cores:
    """Cores for clusters that were found: the larger a cluster, the more."""
    parts = [points[labels == number] for number in range(labels.max() + 1)]
    inside = sum(map(len, parts))
    found = [_cells(part, round(CORES * len(part) / inside), seed) for part in parts]
    return Cores(np.concatenate(found), tuple(map(len, found)))


def _cells(part: Points, wanted: int, seed: int) -> Points:
    distinct = len(np.unique(part, axis=0))
    cells = KMeans(min(max(wanted, _LEAST_CORES), distinct), n_init=1, random_state=seed)
    return np.asarray(cells.fit(part).cluster_centers_)


def agreement(points: Points, labels: Labels, seed: int) -> float:
    """Share of points that cores say the same of as the method did; they are made of the other half.

    A point that the method calls noise is a difference: everybody gets a cluster.
    """
    is_half = np.random.default_rng(seed).permutation(len(points)) % 2 == 0
    if len(np.unique(labels[is_half & (labels != NOISE)])) <= labels.max():
        return 0.0  # a cluster so small that it is in one half only
    found, _ = cores_of(points[is_half], labels[is_half], seed).assign(points[~is_half])
    return float((found == labels[~is_half]).mean())
