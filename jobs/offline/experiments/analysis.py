"""The analysis of one experiment: from exposures and events to estimates and checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from connectors.contracts.experiments import Experiment
from jobs.offline.experiments.by_segment import BySegment, by_segment
from jobs.offline.experiments.estimates import Estimate, estimates
from jobs.offline.experiments.sequential import RATIO_ALPHA, ratio_p
from jobs.offline.experiments.visitors import Events, Rows, rows
from jobs.offline.memberships import as_of


@dataclass(frozen=True)
class Analysis:
    """What came of an experiment.

    Attributes:
        experiment, version, plan, control: which.
        from_ms, until_ms: first and last exposure.
        units: by arm, as they were drawn.
        visitors: by arm, as they are compared.
        crossed: visitors of two arms, who are left out.
        ratio_p: of "units are split by their weights"; holds at every look.
        currency, other_currencies: of revenue; orders without it.
        planned: units for which the intervals are narrowest that always hold.
        estimates: of each arm and metric.
        by_segment: the same in each segment, and the interaction; None where it was not asked for.
    """

    experiment: str
    version: int
    plan: str
    control: str
    from_ms: int
    until_ms: int
    units: Mapping[str, int]
    visitors: Mapping[str, int]
    crossed: int
    ratio_p: float
    currency: str | None
    other_currencies: int
    planned: int
    estimates: list[Estimate]
    by_segment: BySegment | None = None

    @property
    def mismatch(self) -> bool:
        """Whether units are not split as planned: then no figure can be trusted."""
        return self.ratio_p < RATIO_ALPHA

    def to_document(self) -> dict[str, object]:
        """As JSON."""
        return {**asdict(self), "mismatch": self.mismatch}


def analysed(
    one: Experiment,
    exposed: pl.DataFrame,
    found: Events,
    *,
    planned: int,
    before_ms: int,
    currency: str | None = None,
    moves: pl.DataFrame | None = None,
) -> Analysis:
    """All figures of an experiment.

    Args:
        one: with its arms and weights.
        exposed: rows of `exposures`, of this experiment and version.
        found: what was bought.
        planned: units of all arms, fixed before the first look.
        before_ms: span of the covariates.
        currency: of revenue; None takes the commonest.
        moves: from segment to segment (jobs/offline/memberships.py), to look at each segment by itself.
    """
    compared: Rows = rows(exposed, found, before_ms, currency)
    split = first_by_unit(exposed)
    return Analysis(
        one.name, one.version, one.plan, one.control,
        int(exposed["at_ms"].min() or 0), int(exposed["at_ms"].max() or 0),  # type: ignore[arg-type]
        _counts(split["arm"], one), _counts(compared.visitors["arm"], one), compared.crossed,
        float(ratio_p(arrivals(split["arm"], one), [one.arms[arm] for arm in sorted(one.arms)])[-1]),
        compared.currency, compared.other_currencies, planned,
        estimates(compared.visitors, one.control, planned),
        None if moves is None else _by_segment(compared.visitors, moves, one, planned),
    )  # fmt: skip


def _by_segment(visitors: pl.DataFrame, moves: pl.DataFrame, one: Experiment, planned: int) -> BySegment:
    """By the segment at the first exposure: what comes after it may be the arm's own doing."""
    return by_segment(as_of(visitors, moves, "exposed_id", "exposed_ms"), one.control, planned)


def first_by_unit(exposed: pl.DataFrame) -> pl.DataFrame:
    """The first exposure of each unit, in the order of time."""
    return exposed.sort("at_ms", maintain_order=True).unique("unit", keep="first", maintain_order=True)


def arrivals(arms: pl.Series, one: Experiment) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Units so far by arm in order of name, after each unit: int[units, arms]."""
    found = arms.to_numpy()
    return np.stack([(found == arm).cumsum() for arm in sorted(one.arms)], axis=-1)


def _counts(arms: pl.Series, one: Experiment) -> dict[str, int]:
    return {arm: int((arms == arm).sum()) for arm in sorted(one.arms)}
