"""Simulated experiments: whole arrays at once, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from jobs.offline.experiments.by_segment import by_segment
from jobs.offline.experiments.estimates import metric
from jobs.offline.experiments.sequential import Floats, always_valid_p, ratio_p

CONVERSION, PLANNED = 0.05, 10_000


@dataclass(frozen=True)
class Looks:
    """Effects in standard errors, and units so far: float[runs, looks], int[looks]."""

    z: Floats
    units: np.ndarray[tuple[int], np.dtype[np.int64]]


def spent(chance: np.random.Generator, shape: tuple[int, ...], conversion: float = CONVERSION) -> Floats:
    """Revenue by visitor: most buy nothing, some very much."""
    bought: Floats = (chance.random(shape) < conversion) * chance.lognormal(4, 0.8, shape)
    return bought


def same_arms(seed: int, runs: int, looks: int = 50, step: int = 200, *, revenue: bool) -> Looks:
    """Experiments in which the arms do not differ, looked at each `step` units."""
    chance, units = np.random.default_rng(seed), np.arange(1, looks + 1) * step
    z = np.empty((runs, looks))
    for run in range(runs):
        y = spent(chance, (looks, step))
        y = y if revenue else (y > 0).astype(float)
        arm = chance.random((looks, step)) < 0.5
        means, errors = zip(*(_so_far(y, inside) for inside in (arm, ~arm)), strict=True)
        z[run] = (means[0] - means[1]) / np.sqrt(errors[0] + errors[1])
    return Looks(z, units)


def _so_far(y: Floats, inside: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> tuple[Floats, Floats]:
    """Mean and its squared error after each look."""
    count = inside.sum(1).cumsum()
    mean = (y * inside).sum(1).cumsum() / count
    square = (y * y * inside).sum(1).cumsum() / count
    return mean, (square - mean * mean) / (count - 1)


def false_alarms(found: Looks) -> tuple[float, float]:
    """Share of the experiments with an alarm at any look: of the p-values that hold, of those of one look."""
    always = always_valid_p(found.z, found.units, PLANNED, 0.05)
    return float((always < 0.05).any(1).mean()), float((np.abs(found.z) > 1.959964).any(1).mean())


def ratio_alarms(seed: int, share: float, runs: int, units: int, alpha: float, step: int = 100) -> float:
    """Share of the experiments whose split is called wrong before so many units."""
    chance = np.random.default_rng(seed)
    first = chance.binomial(step, share, (runs, units // step - 1)).cumsum(1)
    second = np.arange(1, units // step) * step - first
    return float((ratio_p(np.stack([first, second], -1), [1, 1])[:, -1] < alpha).mean())


def covered(seed: int, runs: int, visitors: int = 4_000, uplift: float = 0.2) -> dict[str, float]:
    """Share of runs whose 95 % interval has the planted uplift, by metric: of conversion, revenue, order value."""
    chance, hits = np.random.default_rng(seed), {"conversion": 0, "revenue": 0, "order_value": 0}
    true = {"conversion": uplift, "revenue": uplift, "order_value": 0.0}
    for _ in range(runs):
        rows = world(chance, visitors, uplift)
        for name in hits:
            found = metric(name).analyze(rows, "control", "offer", "arm")
            hits[name] += found.rel_effect_size_ci_lower <= true[name] <= found.rel_effect_size_ci_upper
    return {name: count / runs for name, count in hits.items()}


def world(chance: np.random.Generator, visitors: int, uplift: float, conversion: float = 0.2) -> pl.DataFrame:
    """Rows of visitors who buy more in the arm `offer`, and rather if they bought before."""
    offer = chance.random(visitors) < 0.5
    keen = chance.beta(1, 4, visitors) * conversion * 5  # of who buys before and after
    orders = chance.random(visitors) < np.minimum(keen * np.where(offer, 1 + uplift, 1), 1)
    before = spent(chance, (visitors,), keen)  # type: ignore[arg-type]
    revenue = orders * chance.lognormal(3, 0.5, visitors)
    columns = {"converted": orders, "orders": orders, "priced": orders, "revenue": revenue}
    after = {name: values.astype(float) for name, values in columns.items()}
    old = {f"{name}_before": (before > 0).astype(float) for name in after} | {"revenue_before": before}
    return pl.DataFrame({"arm": np.where(offer, "offer", "control"), **after, **old})


def segmented(chance: np.random.Generator, visitors: int, uplifts: dict[str, float]) -> pl.DataFrame:
    """Rows of visitors in segments of unlike size; the arm `offer` does something only where an uplift says so."""
    names = ("new", "casual", "at_risk", None)
    sizes = chance.multinomial(visitors, [0.45, 0.3, 0.15, 0.1])
    parts = [
        world(chance, size, uplifts.get(name or "", 0.0)).with_columns(
            pl.lit(name, pl.String).alias("segment")
        )
        for name, size in zip(names, sizes.tolist(), strict=True)
    ]
    return pl.concat(parts)


def segment_alarms(seed: int, runs: int, visitors: int, uplifts: dict[str, float]) -> tuple[float, float]:
    """Share of runs that say that effects differ: by the interaction of any metric, by any segment."""
    chance, alarms = np.random.default_rng(seed), np.zeros(2)
    for _ in range(runs):
        found = by_segment(segmented(chance, visitors, uplifts), "control", visitors)
        alarms += [
            min(one.p_holm for one in found.interactions) < 0.05,
            min(one.p_holm for one in found.estimates) < 0.05,
        ]
    return float(alarms[0] / runs), float(alarms[1] / runs)
