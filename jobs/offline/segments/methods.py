"""Ways of finding clusters: K-Means, a hierarchy (Ward), DBSCAN, HDBSCAN. Deterministic by seed. Pure.

Only K-Means looks at every visitor; the others need all distances between two, so they take a sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.neighbors import NearestNeighbors

from jobs.offline.segments.cores import Cores, Labels, agreement, cores_of
from jobs.offline.segments.scaling import Points

ALGORITHMS = KMEANS, HIERARCHICAL, BY_REACH, BY_DENSITY = "kmeans", "hierarchical", "dbscan", "hdbscan"
FEWEST, MOST = 2, 10  # clusters
SMALLEST = 0.05  # share of the visitors that a cluster must have
SAMPLE = 4_000  # points of a method that needs all distances
_NEIGHBOURS = 10  # of a point that is the core of a dense region
_REACHES = (0.80, 0.90, 0.95)  # quantiles of the distance to that neighbour, as reach of DBSCAN


@dataclass(frozen=True)
class Method:
    """One way, with what it has to know.

    Attributes:
        algorithm: one of ALGORITHMS.
        setting: the number of clusters; of dbscan the quantile that makes its reach; of hdbscan nothing.
    """

    algorithm: str
    setting: float = 0.0

    def fit(self, points: Points, seed: int) -> tuple[Cores, float] | None:
        """Cores, and how far they agree with what the method said itself; None: it finds no clusters."""
        if self.algorithm == KMEANS:
            found = KMeans(int(self.setting), n_init=10, random_state=seed).fit(points)
            return Cores(np.asarray(found.cluster_centers_), (1,) * int(self.setting)), 1.0
        taken = sampled(points, SAMPLE, seed)
        labels = self._labels(taken)
        if not FEWEST <= labels.max() + 1 <= MOST:
            return None
        return cores_of(taken, labels, seed), agreement(taken, labels, seed)

    def _labels(self, points: Points) -> Labels:
        if self.algorithm == HIERARCHICAL:
            found = fcluster(linkage(points, "ward"), int(self.setting), "maxclust") - 1
        elif self.algorithm == BY_REACH:
            found = DBSCAN(eps=_reach(points, self.setting), min_samples=_NEIGHBOURS).fit_predict(points)
        else:
            size = max(int(SMALLEST * len(points)), 2)
            found = HDBSCAN(min_cluster_size=size, min_samples=_NEIGHBOURS, copy=True).fit_predict(points)
        return np.asarray(found, dtype=np.int64)


def _reach(points: Points, quantile: float) -> float:
    distances, _ = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(points).kneighbors(points)
    return max(float(np.quantile(distances[:, -1], quantile)), 1e-9)


def methods(algorithms: tuple[str, ...], clusters: int | None = None) -> Iterator[Method]:
    """Every way that is tried; those by density find their own number, and only without a given one.

    >>> [one.setting for one in methods((KMEANS, BY_DENSITY), clusters=3)], len(list(methods(ALGORITHMS)))
    ([3], 22)
    """
    numbers = (clusters,) if clusters else range(FEWEST, MOST + 1)
    for algorithm in algorithms:
        if algorithm in (KMEANS, HIERARCHICAL):
            yield from (Method(algorithm, number) for number in numbers)
        elif not clusters:
            settings = _REACHES if algorithm == BY_REACH else (0.0,)
            yield from (Method(algorithm, setting) for setting in settings)


def sampled(points: Points, most: int, seed: int) -> Points:
    """At most so many of the points, in their order."""
    if len(points) <= most:
        return points
    return points[np.sort(np.random.default_rng(seed).choice(len(points), most, replace=False))]
