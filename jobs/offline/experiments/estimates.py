"""What an arm did to each metric: Welch, ratios by the delta method, CUPED, Holm; tea-tasting's. Pure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import polars as pl
import tea_tasting as tt
from scipy.stats import norm
from tea_tasting.aggr import Aggregates
from tea_tasting.experiment import ExperimentResult

from jobs.offline.experiments.sequential import always_valid_p, half_width

ALPHA = 0.05
_BEFORE = "_before"  # of a column's covariate: the same of the time before the exposure
# Metric: (numerator, denominator or None for visitors). Each visitor is one row.
METRICS: dict[str, tuple[str, str | None]] = {
    "conversion": ("converted", None),
    "orders": ("orders", None),
    "revenue": ("revenue", None),
    "order_value": ("revenue", "priced"),
}
COLUMNS = ("converted", "orders", "priced", "revenue")


@dataclass(frozen=True)
class Estimate:
    """One metric of one arm against control.

    Attributes:
        arm, metric: which.
        control, treatment: means, or ratios of means, after CUPED.
        effect, low, high: difference, with its interval for one look.
        relative, relative_low, relative_high: of control.
        p, p_holm: of one look, and by Holm over all metrics and arms.
        always_low, always_high: interval of the difference that holds at every look.
        always_p, always_p_holm: the same of p.
        reduction: share of the variance that CUPED took away.
    """

    arm: str
    metric: str
    control: float
    treatment: float
    effect: float
    low: float
    high: float
    relative: float
    relative_low: float
    relative_high: float
    p: float
    p_holm: float
    always_low: float
    always_high: float
    always_p: float
    always_p_holm: float
    reduction: float


def metric(name: str, *, cuped: bool = True) -> tt.RatioOfMeans:
    """The metric as tea-tasting has it; Welch's error with the normal distribution.

    A metric by visitors has the same of the time before as its covariate; a ratio has none, as most visitors
    had no order before.
    """
    numerator, denominator = METRICS[name]
    before = f"{numerator}{_BEFORE}" if cuped and denominator is None else None
    return tt.RatioOfMeans(numerator, denominator, before, use_t=False, confidence_level=1 - ALPHA)


def estimates(rows: pl.DataFrame, control: str, planned: int) -> list[Estimate]:
    """All metrics of all arms.

    Args:
        rows: a row each visitor: `arm`, `COLUMNS`, and each with `_before`.
        control: arm to compare with.
        planned: units at which the intervals that always hold are narrowest.
    """
    arms = sorted(set(rows["arm"].unique()) - {control})
    found = [
        estimate
        for arm in arms
        for name in METRICS
        if (
            estimate := _estimate(
                rows.filter(pl.col("arm").is_in([control, arm])), arm, name, control, planned
            )
        )
    ]
    once = holm({f"{one.arm} {one.metric}": one.p for one in found})
    always = holm({f"{one.arm} {one.metric}": one.always_p for one in found})
    return [
        replace(one, p_holm=once[key], always_p_holm=always[key])
        for one in found
        for key in (f"{one.arm} {one.metric}",)
    ]


def _estimate(rows: pl.DataFrame, arm: str, name: str, control: str, planned: int) -> Estimate | None:
    """One metric; None where nothing varies or control has nothing, so that nothing can be said."""
    try:
        plain = _analysed(rows, metric(name, cuped=False), control)
        result = _analysed(rows, metric(name), control)
    except ValueError:  # rounding made a variance of 0 a negative one
        return None
    error = (result.effect_size_ci_upper - result.effect_size_ci_lower) / 2 / norm.isf(ALPHA / 2)
    if not (math.isfinite(error) and error > 0 and result.control):
        return None
    half = float(half_width(error, len(rows), planned, ALPHA))
    always = float(always_valid_p(result.effect_size / error, len(rows), planned, ALPHA))
    before = (plain.effect_size_ci_upper - plain.effect_size_ci_lower) / 2 / norm.isf(ALPHA / 2)
    figures = (
        result.control, result.treatment,
        result.effect_size, result.effect_size_ci_lower, result.effect_size_ci_upper,
        result.rel_effect_size, result.rel_effect_size_ci_lower, result.rel_effect_size_ci_upper,
        result.pvalue, result.pvalue, result.effect_size - half, result.effect_size + half, always, always,
        1 - (error / before) ** 2,
    )  # fmt: skip
    return Estimate(arm, name, *map(float, figures))


def _analysed(rows: pl.DataFrame, one: tt.RatioOfMeans, control: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an arm without any order; the answer is not finite, and left out
        return one.analyze(rows, control, _other(rows, control), "arm")


def _other(rows: pl.DataFrame, control: str) -> str:
    return str(next(arm for arm in rows["arm"].unique() if arm != control))


class _Tested(NamedTuple):
    pvalue: float


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted for all of them (Holm 1979), whatever they have to do with each other.

    >>> {name: round(p, 3) for name, p in holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}).items()}
    {'a': 0.03, 'b': 0.06, 'c': 0.06, 'd': 0.02}
    """
    if not p_values:
        return {}
    results = ExperimentResult({name: _Tested(p) for name, p in p_values.items()})
    adjusted = tt.adjust_fwer(results, alpha=ALPHA, arbitrary_dependence=True, method="bonferroni")
    return {str(row["metric"]): min(1.0, float(row["pvalue_adj"])) for row in adjusted.to_dicts()}


@dataclass(frozen=True)
class Power:
    """Units of both arms together.

    Attributes:
        units: for one look at the end.
        always: where every look is allowed and the effect is to be seen at `units` planned, at most.
    """

    units: int
    always: int


def power(mean: float, deviation: float, uplift: float, chance: float = 0.8) -> Power:
    """How many units an uplift needs to be found.

    Args:
        mean: of the metric by visitor in control.
        deviation: standard deviation; of a conversion sqrt(mean * (1 - mean)).
        uplift: relative, 0.05 is 5 %.
        chance: to find it.
    """
    one = tt.Mean("x", use_t=False, alpha=ALPHA, power=chance, rel_effect_size=uplift)
    data = Aggregates(count_=2, mean_={"x": mean}, var_={"x": deviation**2})
    units = int(one.solve_power_from_aggregates(data, "n_obs")[0].n_obs)
    quantile = float(norm.isf(ALPHA / 2) + norm.ppf(chance))
    # At the planned number the interval is half_width(1) instead of 1.96 standard errors.
    wide = float(half_width(1.0, units, units, ALPHA)) + float(norm.ppf(chance))
    return Power(units, math.ceil(units * (wide / quantile) ** 2))
