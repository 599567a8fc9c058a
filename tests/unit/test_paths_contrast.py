"""Buyers against leavers: the statistics against scipy's, false alarms by simulation, a planted habit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from jobs.offline.experiments.estimates import holm as holm_of_experiments
from jobs.offline.paths.contrast import contrast, fisher, holm, lift_interval
from jobs.offline.paths.prefixspan import prefixspan
from jobs.offline.paths.sequences import Limits, Sequences


def shop(chance: np.random.Generator, visitors: int, habit: float = 0.0) -> Sequences:
    """Random walks over six steps; some buyers do 4 and then 5, which is rare else."""
    buys = chance.random(visitors) < 0.15
    rows = [
        chance.choice(6, chance.geometric(0.3), p=[0.4, 0.3, 0.15, 0.1, 0.03, 0.02]).tolist() for _ in buys
    ]
    for row, buyer in zip(rows, buys.tolist(), strict=True):
        if buyer and chance.random() < habit:
            row += [4, 5]
    return Sequences.of(rows, buys.astype(int).tolist())


def test_fishers_test_is_twice_the_smaller_tail_of_scipys() -> None:
    for k, n, m, others in (
        (8, 10, 1, 10),
        (0, 20, 9, 400),
        (3, 30, 40, 400),
        (20, 20, 0, 20),
        (5, 10, 5, 10),
    ):
        table = [[k, n - k], [m, others - m]]
        tails = [stats.fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
        assert fisher(np.array([k]), n, np.array([m]), others)[0] == pytest.approx(min(1, 2 * min(tails)))


def test_the_interval_of_the_lift_is_scipys() -> None:
    for k, n, m, others in ((8, 10, 1, 10), (3, 30, 40, 400), (20, 25, 3, 20)):
        theirs = stats.contingency.relative_risk(k, n, m, others).confidence_interval(0.95)
        low, high = lift_interval(np.array([k]), n, np.array([m]), others)
        assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high))
    low, high = lift_interval(np.array([5, 0]), 10, np.array([0, 5]), 100)
    assert low[0] > 1 and np.isfinite(high[0]) and low[1] < 1 < high[1]


def test_holms_correction_is_that_of_experiments() -> None:
    p = np.random.default_rng(2).random(50) ** 4
    theirs = holm_of_experiments({str(number): one for number, one in enumerate(p.tolist())})
    assert holm(p).tolist() == pytest.approx(list(theirs.values())) and holm(p[:0]).tolist() == []


def test_groups_that_do_not_differ_are_seldom_separated() -> None:
    """All patterns of a shop together: at most one shop in twenty alarms, and 3 standard errors."""
    chance, shops = np.random.default_rng(4), 200
    alarms = 0
    for _ in range(shops):
        found = contrast(shop(chance, 300), Limits(5, 3, 1), prefixspan)
        assert len(found.differences) > 30
        alarms += found.differences[0].p_holm < 0.05
    assert alarms / shops <= 0.05 + 3 * (0.05 * 0.95 / shops) ** 0.5


def test_a_planted_habit_is_the_surest_difference() -> None:
    found = contrast(shop(np.random.default_rng(5), 2_000, habit=0.4), Limits(10, 3, 1), prefixspan)
    surest = found.differences[0]
    assert surest.pattern in {(4, 5), (5,)} and surest.p_holm < 1e-20
    (habit,) = [one for one in found.differences if one.pattern == (4, 5)]
    assert habit.low > 5 and habit.lift is not None and habit.low < habit.lift < habit.high
    assert found.buyers + found.leavers == 2_000 and 0.3 < habit.buyers / found.buyers < 0.5
