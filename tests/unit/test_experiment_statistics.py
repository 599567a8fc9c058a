"""The statistics of experiments: against published figures, against other libraries, and by simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl
import pytest
from scipy import stats

from jobs.offline.experiments import estimates
from jobs.offline.experiments.estimates import METRICS, holm, metric, power
from jobs.offline.experiments.sequential import RATIO_ALPHA, always_valid_p, half_width, ratio_p, tuning
from tests import experiment_worlds as worlds


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return worlds.world(np.random.default_rng(3), 5_000, 0.2)


def arms(rows: pl.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    return tuple(rows.filter(pl.col("arm") == arm)[column].to_numpy() for arm in ("offer", "control"))  # type: ignore[return-value]


def test_means_are_compared_as_welch_does(rows: pl.DataFrame) -> None:
    found = metric("revenue", cuped=False).analyze(rows, "control", "offer", "arm")
    other = stats.ttest_ind(*arms(rows, "revenue"), equal_var=False)
    assert found.statistic == pytest.approx(other.statistic) and found.pvalue == pytest.approx(
        other.pvalue, rel=0.05
    )


def test_a_ratios_error_is_that_of_drawing_visitors_again(rows: pl.DataFrame) -> None:
    found = metric("order_value").analyze(rows, "control", "offer", "arm")
    chance, drawn = np.random.default_rng(1), []
    sides = [np.stack([*pair]) for pair in zip(arms(rows, "revenue"), arms(rows, "priced"), strict=True)]
    for _ in range(1_000):
        sums = [side[:, chance.integers(0, side.shape[1], side.shape[1])].sum(1) for side in sides]
        drawn.append(sums[0][0] / sums[0][1] - sums[1][0] / sums[1][1])
    error = (found.effect_size_ci_upper - found.effect_size_ci_lower) / 2 / 1.959964
    assert error == pytest.approx(np.std(drawn), rel=0.1)


def test_cuped_takes_away_the_squared_correlation(rows: pl.DataFrame) -> None:
    """Deng, Xu, Kohavi, Walker (2013), equation 5."""
    (found,) = [one for one in estimates.estimates(rows, "control", 10_000) if one.metric == "orders"]
    centred = rows.with_columns(pl.col("orders") - pl.col("orders").mean().over("arm"))
    squared = np.corrcoef(centred["orders"], centred["orders_before"])[0, 1] ** 2
    assert found.reduction == pytest.approx(squared, abs=0.01) and found.reduction > 0.02


def test_power_is_that_of_the_literature() -> None:
    """Kohavi, Longbotham, Sommerfield, Henne (2009): 5 % of conversion, a change of 5 %: 16 p (1-p) / d2 = 121,600 an arm.

    16 stands for 2 (1.96 + 0.84)2 = 15.70.
    """
    found = power(0.05, (0.05 * 0.95) ** 0.5, 0.05)
    assert found.units / 2 == pytest.approx(121_600 * 15.698 / 16, rel=1e-3)
    assert found.always / found.units == pytest.approx(1.91, abs=0.01)


def test_holms_correction_is_that_of_its_example() -> None:
    assert holm({}) == {} and holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )


def test_an_interval_of_any_look_is_the_margin_of_its_authors() -> None:
    """sqrt(2 (t r + 1) log(sqrt(t r + 1) / a) / (t2 r)) for the mean of t units of variance 1."""
    t, r = np.array([100.0, 5_000.0, 80_000.0]), tuning(5_000, 0.05)
    margin = np.sqrt(2 * (t * r + 1) * np.log(np.sqrt(t * r + 1) / 0.05) / (t**2 * r))
    assert half_width(1 / np.sqrt(t), t, 5_000, 0.05) == pytest.approx(margin)
    assert half_width(1.0, 5_000, 5_000, 0.05) < half_width(1.0, 5_000, 6_000, 0.05)  # narrowest as planned
    assert half_width(1.0, 5_000, 5_000, 0.05) < half_width(1.0, 5_000, 4_000, 0.05)


@pytest.mark.parametrize("units", [200, 10_000, 10**6])
def test_p_is_alpha_where_the_interval_touches_0(units: int) -> None:
    z = half_width(1.0, units, 10_000, 0.05)
    assert float(always_valid_p(z, units, 10_000, 0.05)) == pytest.approx(0.05)


def test_the_bayes_factor_of_a_split_is_1_on_average() -> None:
    """Over all ways that ten units can be split by their weights: so a false alarm is as rare as alpha says."""
    weights, mean = np.array([0.3, 0.7]), 0.0
    for way in product((0, 1), repeat=10):
        count = np.array([way.count(0), way.count(1)])
        mean += np.prod(weights**count) / _unbounded(count, weights)
    assert mean == pytest.approx(1.0)


def _unbounded(count: np.ndarray, weights: np.ndarray) -> float:
    """The p-value before its bound at 1: shifted by units that change nothing is not possible, so by scipy."""
    prior = 5 * weights
    found = stats.dirichlet_multinomial(prior, int(count.sum())).pmf(count)
    assert ratio_p([count], weights, 5)[0] == pytest.approx(
        min(1, stats.multinomial(int(count.sum()), weights).pmf(count) / found)
    )
    return float(stats.multinomial(int(count.sum()), weights).pmf(count) / found)


def test_an_arm_without_an_order_says_nothing() -> None:
    zeros = {f"{name}{when}": [0.0] * 4 for name in estimates.COLUMNS for when in ("", "_before")}
    assert (
        estimates.estimates(pl.DataFrame({"arm": ["control", "control", "b", "b"], **zeros}), "control", 100)
        == []
    )


def test_all_metrics_of_all_arms_are_estimated_and_adjusted_together(rows: pl.DataFrame) -> None:
    third = rows.filter(pl.col("arm") == "offer").with_columns(arm=pl.lit("second"))
    found = estimates.estimates(pl.concat([rows, third]), "control", 10_000)
    assert [(one.arm, one.metric) for one in found] == [
        (arm, name) for arm in ("offer", "second") for name in METRICS
    ]
    assert all(one.p_holm >= one.p and one.always_low < one.low < one.high < one.always_high for one in found)


# Small runs of tests/bench/test_experiments.py, which has the figures of docs/experiments.md.
@pytest.mark.parametrize("revenue", [False, True])
def test_looking_fifty_times_alarms_no_more_than_once(revenue: bool) -> None:
    always, once = worlds.false_alarms(worlds.same_arms(5, 200, revenue=revenue))
    assert always <= 0.065 and once > 0.2  # without the mixture every fourth experiment and more


def test_a_small_fault_of_the_split_is_found_and_none_is_made_up() -> None:
    assert worlds.ratio_alarms(5, 0.48, 500, 20_000, RATIO_ALPHA) >= 0.9
    assert worlds.ratio_alarms(5, 0.5, 500, 20_000, RATIO_ALPHA) <= 0.006


def test_intervals_cover_the_planted_uplift() -> None:
    found = worlds.covered(5, 100)
    assert min(found.values()) >= 0.89 and max(found.values()) < 1.0
