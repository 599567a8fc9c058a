"""Population stability: how far values of now are from those that a model was trained on. Pure.

The index is the symmetric Kullback-Leibler divergence of binned shares (Siddiqi, Credit Risk Scorecards,
2006): below 0.1 nothing has moved, above 0.25 the population is another one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from connectors.contracts.model_manifest import Distribution

Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BINS = 10
MOVED = 0.25
MIN_ROWS = 500  # below, chance alone moves the index past 0.1


def distribution(values: Values, bins: int = BINS) -> Distribution:
    """Bins of about equal share, one below the least and one above the greatest value.

    A value that is more frequent than a bin gets a bin to itself. Edges lie between values, not on them:
    a tree's few scores lie on another side in a worker's 32 bits, or in a document's six digits.

    >>> distribution(np.array([0, 0, 0, 0, 1, 2, 3, np.nan], np.float32), bins=4).edges
    (-0.5, 1.5, 3.5)
    """
    there = np.sort(values[~np.isnan(values)].astype(np.float64))
    bin_indices = (np.arange(1, bins) * len(there)) // bins
    edges = _between(there, there[bin_indices]) if len(there) else np.empty(0)
    empty = Distribution(edges=tuple(edges.tolist()), shares=(1.0,) + (0.0,) * (len(edges) + 1))
    counts = binned(values, empty)
    shares = counts / max(counts.sum(), 1) if len(values) else np.array(empty.shares)
    return Distribution(
        edges=empty.edges,
        shares=tuple(shares.tolist()),
        median=float(np.median(there)) if len(there) else 0.0,
    )


def _between(there: npt.NDArray[np.float64], chosen: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """An edge below each chosen value, one below the least and one above the greatest that is there."""
    known = np.unique(there)
    gaps = np.diff(known) if len(known) > 1 else np.array([2e-6 * max(abs(float(known[0])), 1.0)])
    below = known - np.append(gaps[0], gaps)[: len(known)] / 2
    edges = [below[0], *below[np.searchsorted(known, chosen)], known[-1] + gaps[-1] / 2]
    return np.unique(np.array(edges, np.float64))


def binned(values: Values, reference: Distribution) -> Counts:
    """How many values lie in each of the reference's bins, the missing ones last."""
    missing = np.isnan(values)
    bin_indices = np.searchsorted(np.asarray(reference.edges), values[~missing], side="right")
    counts = np.bincount(bin_indices, minlength=len(reference.edges) + 1)
    return np.append(counts, int(missing.sum())).astype(np.int64)


def stability_index(counts: Counts, reference: Distribution) -> float:
    """The index of binned counts against the reference; empty bins count as half a row.

    >>> reference = Distribution(edges=(1.0,), shares=(0.5, 0.5, 0.0))
    >>> stability_index(np.array([50, 50, 0]), reference)
    0.0
    >>> round(stability_index(np.array([90, 10, 0]), reference), 2)
    0.88
    """
    total = max(int(counts.sum()), 1)
    used = (counts > 0) | (np.asarray(reference.shares) > 0)
    now = np.maximum(counts[used], 0.5) / total
    then = np.maximum(np.asarray(reference.shares)[used], 0.5 / total)
    return float(((now - then) * np.log(now / then)).sum())


def expected_by_chance(reference: Distribution, rows: int) -> float:
    """The index's mean when nothing has moved: (bins - 1) / rows (Yurdakul, 2018), for a large reference."""
    return max(sum(share > 0 for share in reference.shares) - 1, 0) / max(rows, 1)


def moved(indices: Mapping[str, float], limit: float = MOVED) -> list[str]:
    """Names whose index is above the limit, the greatest first."""
    return sorted((name for name, index in indices.items() if index > limit), key=lambda name: -indices[name])
