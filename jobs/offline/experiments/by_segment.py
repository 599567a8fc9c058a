"""Whether an arm does the same in every segment: estimates by segment, and the interaction. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl
from scipy.stats import chi2, norm

from jobs.offline.experiments.estimates import ALPHA, Estimate, estimates, holm

NO_SEGMENT = "none"
LEAST = 100  # visitors of each arm: with fewer, errors are not normal and intervals mean nothing


@dataclass(frozen=True)
class SegmentEstimate:
    """One metric of one arm in one segment.

    Attributes:
        segment: as of the first exposure.
        estimate: against control, within the segment; its p_holm and always_p_holm are over all segments,
            arms and metrics.
        difference: its effect, less that of everybody else.
        low, high: the 95 % interval of the difference, for one look.
        p, p_holm: of "the effect is that of everybody else", for one look, and by Holm over all segments,
            arms and metrics.
    """

    segment: str
    estimate: Estimate
    difference: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Interaction:
    """Treatment by segment, of one arm and metric.

    Attributes:
        arm, metric: which.
        q, degrees: Cochran's Q of the effects in the segments, and its degrees of freedom.
        p, p_holm: of "the effect is the same in all segments", for one look, and by Holm over arms and
            metrics.
    """

    arm: str
    metric: str
    q: float
    degrees: int
    p: float
    p_holm: float


@dataclass(frozen=True)
class BySegment:
    """What an experiment did in each segment.

    Attributes:
        visitors: by segment and arm.
        too_small: segments with fewer than `LEAST` visitors in an arm: they have no estimates.
        estimates: of each segment, arm and metric.
        interactions: of each arm and metric.
    """

    visitors: Mapping[str, Mapping[str, int]]
    too_small: Sequence[str]
    estimates: Sequence[SegmentEstimate]
    interactions: Sequence[Interaction]


def by_segment(rows: pl.DataFrame, control: str, planned: int) -> BySegment:
    """The experiment in each segment.

    Args:
        rows: as of `estimates`, with a column `segment`, null for visitors in none.
        control: arm to compare with.
        planned: units of the whole experiment.
    """
    rows = rows.with_columns(pl.col("segment").fill_null(NO_SEGMENT))
    arms = sorted(rows["arm"].unique())
    visitors = {
        segment: {arm: int((part["arm"] == arm).sum()) for arm in arms}
        for (segment,), part in sorted(rows.group_by("segment"), key=lambda one: str(one[0][0]))
    }
    too_small = [str(name) for name, counts in visitors.items() if min(counts.values()) < LEAST]
    found = [
        one
        for name in visitors
        if name not in too_small
        for one in _against_the_others(rows, str(name), control, planned)
    ]
    counted = {str(name): counts for name, counts in visitors.items()}
    return BySegment(counted, too_small, _adjusted(found), _interactions(found))


def _against_the_others(
    rows: pl.DataFrame, segment: str, control: str, planned: int
) -> list[SegmentEstimate]:
    inside = estimates(rows.filter(pl.col("segment") == segment), control, planned)
    outside = estimates(rows.filter(pl.col("segment") != segment), control, planned)
    others = {(one.arm, one.metric): one for one in outside}
    return [
        _compared(segment, one, others[one.arm, one.metric])
        for one in inside
        if (one.arm, one.metric) in others
    ]


def _compared(segment: str, one: Estimate, other: Estimate) -> SegmentEstimate:
    difference = one.effect - other.effect
    error = (_error(one) ** 2 + _error(other) ** 2) ** 0.5
    half = float(norm.isf(ALPHA / 2)) * error
    p = float(2 * norm.sf(abs(difference) / error))
    return SegmentEstimate(segment, one, difference, difference - half, difference + half, p, p)


def _error(one: Estimate) -> float:
    return (one.high - one.low) / 2 / float(norm.isf(ALPHA / 2))


def _adjusted(found: Sequence[SegmentEstimate]) -> list[SegmentEstimate]:
    own = _holm([one.estimate.p for one in found])
    always = _holm([one.estimate.always_p for one in found])
    others = _holm([one.p for one in found])
    return [
        replace(one, estimate=replace(one.estimate, p_holm=p, always_p_holm=always_p), p_holm=other_p)
        for one, p, always_p, other_p in zip(found, own, always, others, strict=True)
    ]


def _holm(p_values: Sequence[float]) -> list[float]:
    return list(holm({str(number): p for number, p in enumerate(p_values)}).values())


def _interactions(found: Sequence[SegmentEstimate]) -> list[Interaction]:
    groups: dict[tuple[str, str], list[Estimate]] = {}
    for one in found:
        groups.setdefault((one.estimate.arm, one.estimate.metric), []).append(one.estimate)
    tested = [_interaction(key, group) for key, group in groups.items() if len(group) > 1]
    adjusted = _holm([one.p for one in tested])
    return [replace(one, p_holm=p) for one, p in zip(tested, adjusted, strict=True)]


def _interaction(key: tuple[str, str], group: Sequence[Estimate]) -> Interaction:
    """Cochran's Q: squared distances of the effects from their weighted mean, in standard errors."""
    weights = [_error(one) ** -2 for one in group]
    mean = sum(weight * one.effect for weight, one in zip(weights, group, strict=True)) / sum(weights)
    q = sum(weight * (one.effect - mean) ** 2 for weight, one in zip(weights, group, strict=True))
    p = float(chi2.sf(q, len(group) - 1))
    return Interaction(*key, q, len(group) - 1, p, p)
