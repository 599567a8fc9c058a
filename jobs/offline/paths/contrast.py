"""What buyers do before they buy and leavers do not: lift, Fisher's test, Holm over all patterns. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import hypergeom, norm

from jobs.offline.paths.closed import closed
from jobs.offline.paths.sequences import Found, Integers, Limits, Pattern, Sequences
from jobs.offline.paths.sessions import Sessions

Floats = npt.NDArray[np.float64]
ALPHA = 0.05
LEAST = 10  # visitors of a group
_LEAVERS, _BUYERS = 0, 1
_SMALLEST = 1e-300  # a p-value below is given as this: doubles end there


@dataclass(frozen=True)
class Difference:
    """A pattern in both groups.

    Attributes:
        pattern: its steps.
        buyers, leavers: visitors with it.
        lift: share of buyers by share of leavers; None where no leaver has it.
        low, high: its 95 % interval.
        p, p_holm: by Fisher, and by Holm over all patterns that were tested.
    """

    pattern: Pattern
    buyers: int
    leavers: int
    lift: float | None
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Contrast:
    """Buyers against leavers.

    Attributes:
        buyers, leavers: visitors of each group.
        least: visitors that a pattern must have, of both groups together.
        differences: of all patterns that were tested, the surest first.
    """

    buyers: int
    leavers: int
    least: int
    differences: list[Difference]


def groups_of(sessions: Sessions) -> Sequences:
    """One session of each visitor, buyers' up to before the goal.

    A visitor counts once, as the tests take it for granted that rows have nothing to do with each other. A
    buyer is there with the first session that has the goal, a leaver, who never reached it, with one that its
    id, which is a hash, draws.
    """
    rows = sessions.table.with_row_index("row")
    bought = rows.filter(pl.col("goal_at").is_not_null()).unique(
        "visitor_id", keep="first", maintain_order=True
    )
    left = rows.join(bought, on="visitor_id", how="anti").sort("session_id")
    left = left.unique("visitor_id", keep="first", maintain_order=True)
    chosen = sessions.chosen(np.sort(np.concatenate([bought["row"].to_numpy(), left["row"].to_numpy()])))
    goal = chosen.table["goal_at"]
    until = goal.fill_null(len(chosen.steps)).to_numpy()
    kept = np.arange(len(chosen.steps)) < until[chosen.owner]
    group = np.where(goal.is_not_null().to_numpy(), _BUYERS, _LEAVERS)
    return Sequences(chosen.steps[kept], chosen.owner[kept], group, 2)


def contrast(sequences: Sequences, limits: Limits, mine: Callable[[Sequences, Limits], Found]) -> Contrast:
    """Tests every closed pattern that enough visitors have.

    How many have it is counted over both groups together: so the choice says nothing of the difference, and
    the p-values hold for what was chosen.

    Args:
        sequences: as `groups_of` gives them.
        limits: of the patterns.
        mine: finds them.
    """
    leavers, buyers = np.bincount(sequences.group, minlength=2).tolist()
    found = mine(sequences, limits)
    pooled: Found = {pattern: (sum(support),) for pattern, support in found.items()}
    patterns = list(closed(pooled, limits.max_gap))
    counts = np.array([found[pattern] for pattern in patterns], np.int64).reshape(-1, 2)
    with_buyers, with_leavers = counts[:, _BUYERS], counts[:, _LEAVERS]
    p = fisher(with_buyers, buyers, with_leavers, leavers)
    low, high = lift_interval(with_buyers, buyers, with_leavers, leavers)
    rows = zip(
        patterns, with_buyers.tolist(), with_leavers.tolist(), low.tolist(), high.tolist(), p.tolist(),
        holm(p).tolist(), strict=True,
    )  # fmt: skip
    differences = [
        Difference(
            pattern, k, m, (k / buyers) / (m / leavers) if m else None, one_low, one_high, one_p, adjusted
        )
        for pattern, k, m, one_low, one_high, one_p, adjusted in rows
    ]
    return Contrast(buyers, leavers, limits.support, sorted(differences, key=_surest))


def _surest(one: Difference) -> tuple[Any, ...]:
    return one.p, -one.buyers, len(one.pattern), one.pattern


def fisher(k: Integers, n: int, m: Integers, others: int) -> Floats:
    """P-values of "the shares k / n and m / others are equal": Fisher's, twice the smaller tail.

    >>> fisher(np.array([8]), 10, np.array([1]), 10).round(5).tolist()
    [0.00548]
    """
    both = k + m
    upper = hypergeom.sf(k - 1, n + others, both, n)
    lower = hypergeom.cdf(k, n + others, both, n)
    found: Floats = np.clip(2 * np.minimum(upper, lower), _SMALLEST, 1.0)
    return found


def lift_interval(k: Integers, n: int, m: Integers, others: int) -> tuple[Floats, Floats]:
    """The 95 % interval of (k / n) / (m / others) on the logarithm's scale (Katz, Baptista, Azen, Pike 1978).

    Where a count is 0, a half is added to both.
    """
    some = np.where((k == 0) | (m == 0), 0.5, 0.0)
    first, second = k + some, m + some
    log = np.log(first / (n + some)) - np.log(second / (others + some))
    error = np.sqrt(np.maximum(1 / first - 1 / (n + some) + 1 / second - 1 / (others + some), 0.0))
    half = float(norm.isf(ALPHA / 2)) * error
    return np.exp(log - half), np.exp(log + half)


def holm(p: Floats) -> Floats:
    """P-values adjusted for all of them (Holm 1979), whatever they have to do with each other.

    >>> holm(np.array([0.01, 0.04, 0.03, 0.005])).round(3).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty_like(p)
    found[order] = np.minimum(stepped, 1.0)
    return found
