"""One fit: every way is tried, the best one chosen, judged, and written as a version for the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from jobs.offline.segments.cores import Cores, Labels
from jobs.offline.segments.judging import SAMPLE as JUDGED
from jobs.offline.segments.judging import (
    Stability,
    davies_bouldin,
    shuffled_silhouette,
    silhouette,
    stability,
    stratified,
)
from jobs.offline.segments.methods import SMALLEST, Method
from jobs.offline.segments.scaling import Points, Scaling
from jobs.offline.training.search import Progress

AGREES = 0.95  # share of the visitors that cores must put where the method did
STABLE = 0.75
_NEAR = 0.01  # silhouettes that differ by less are alike: the lower Davies-Bouldin index decides
_TESTED = 5  # candidates whose stability is looked at, the best first


@dataclass(frozen=True, eq=False)
class Candidate:
    """What one way found. The figures are those of the cores: of what would be published.

    Attributes:
        method: the way.
        cores: in the order of their clusters' size, the largest first.
        agreement: with what the method said itself.
        labels: of all visitors.
        silhouette: of a stratified sample.
        davies_bouldin: of the same sample.
    """

    method: Method
    cores: Cores
    agreement: float
    labels: Labels
    silhouette: float
    davies_bouldin: float

    @property
    def shares(self) -> Points:
        """Of the clusters."""
        return np.bincount(self.labels, minlength=len(self.cores.counts)) / len(self.labels)

    @property
    def is_eligible(self) -> bool:
        """Whether clusters are large enough and cores tell what the method said."""
        return bool(self.shares.min() >= SMALLEST and self.agreement >= AGREES)


@dataclass(frozen=True)
class Fitted:
    """What a fit found.

    Attributes:
        scaling: from features to points.
        points: of the visitors.
        candidates: every way that found clusters, in the order in which they were tried.
        chosen: the best of them.
        stability: of the chosen one.
        chance: the greatest silhouette of the same way on shuffled features.
    """

    scaling: Scaling
    points: Points
    candidates: Sequence[Candidate]
    chosen: Candidate
    stability: Stability
    chance: float


def fit(
    scaling: Scaling, points: Points, ways: Iterable[Method], seed: int, progress: Progress
) -> Fitted | None:
    """Tries every way on one core; None when none finds clusters."""
    with threadpool_limits(1):  # sums in another order are other bytes
        candidates = [one for way in ways if (one := _candidate(way, points, seed, progress)) is not None]
        if not candidates:
            return None
        chosen, found = _stable(ranked(candidates), points, seed, progress)
        progress("chance")
        chance = shuffled_silhouette(chosen.method, points, seed)
    return Fitted(scaling, points, candidates, chosen, found, chance)


def _candidate(method: Method, points: Points, seed: int, progress: Progress) -> Candidate | None:
    progress(f"{method.algorithm} {method.setting:g}" if method.setting else method.algorithm)
    fitted = method.fit(points, seed)
    if fitted is None:
        return None
    labels, _ = fitted[0].assign(points)
    sizes = np.bincount(labels, minlength=len(fitted[0].counts))
    if not sizes.all():
        return None
    cores = fitted[0].ordered(np.argsort(-sizes, kind="stable"))
    labels, _ = cores.assign(points)
    chosen = stratified(labels, JUDGED, seed)
    return Candidate(
        method, cores, fitted[1], labels,
        silhouette(points, labels, seed), davies_bouldin(points[chosen], labels[chosen]),
    )  # fmt: skip


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The best first: eligible ones, by silhouette; of those near to the best, by Davies-Bouldin."""
    order = sorted(candidates, key=lambda one: (not one.is_eligible, -one.silhouette))
    best = order[0]
    near = [
        one
        for one in order
        if one.is_eligible == best.is_eligible and one.silhouette >= best.silhouette - _NEAR
    ]
    near.sort(key=lambda one: one.davies_bouldin)
    return near + order[len(near) :]


def _stable(
    order: Sequence[Candidate], points: Points, seed: int, progress: Progress
) -> tuple[Candidate, Stability]:
    """The first that is stable, else the first of all."""
    tested: list[tuple[Candidate, Stability]] = []
    for candidate in [one for one in order if one.is_eligible][:_TESTED] or order[:1]:
        progress(f"stability of {candidate.method.algorithm} with {len(candidate.cores.counts)} clusters")
        found = stability(candidate.method, points, candidate.labels, seed)
        if min(found.jaccard) >= STABLE:
            return candidate, found
        tested.append((candidate, found))
    return tested[0]
