"""From features to the space in which visitors are near to each other or far. Pure.

Counts, spans of time and prices have long tails: without a logarithm a clustering finds long sessions again.
A feature in which nearly all visitors are alike tells no cluster of an allowed size; of two that say the same
one would weigh double.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from connectors.contracts.features import FEATURES
from connectors.contracts.model_inputs import OFFERED
from connectors.errors import BadInput
from jobs.offline.training.examples import Floats

Points = npt.NDArray[np.float64]

# What of a visitor and of its last session says how it behaves: neither the calendar nor the device.
CONSIDERED: tuple[str, ...] = (
    "visitor_sessions", "visitor_events", "visitor_purchases", "days_since_first_seen", "days_away",
    "events", "session_seconds", "seconds_between_mean",
    "count_page_view", "count_product_view", "count_product_click", "count_product_list_view", "count_search",
    "count_scroll", "count_promo_view", "count_promo_click", "count_add_to_cart", "count_remove_from_cart",
    "count_checkout_start", "count_checkout_step", "count_purchase",
    "seconds_on_listing", "seconds_on_product", "seconds_on_cart", "seconds_on_checkout", "seconds_on_other",
    "scroll_depth", "distinct_categories", "distinct_products", "price_mean", "funnel_step",
)  # fmt: skip
_PLAIN_UNITS = ("%", "step", "0 or 1")
_LOGGED = frozenset(one.name for one in FEATURES if one.unit not in _PLAIN_UNITS)
_ALIKE = 0.9  # visitors with one and the same value: else it carves out clusters that are too small
_SAME = 0.95  # correlation of two features


@dataclass(frozen=True)
class Scaling:
    """Which features are taken, and how: logarithm, mean, standard deviation.

    Attributes:
        names: of the features, in the order of the columns.
        logged: whether a column goes through log(1 + x).
        mean: of the columns, behind the logarithm.
        deviation: of the columns, behind the logarithm.
    """

    names: tuple[str, ...]
    logged: npt.NDArray[np.bool_]
    mean: Points
    deviation: Points

    def columns(self, rows: Floats) -> Floats:
        """The taken features of rows in the order of `OFFERED`; 0 stands for a missing value."""
        return np.nan_to_num(rows[:, [OFFERED.index(name) for name in self.names]])

    def points(self, rows: Floats) -> Points:
        """Rows in the order of `OFFERED` as points."""
        return np.asarray((logged(self.columns(rows), self.logged) - self.mean) / self.deviation)


def logged(columns: Floats, which: npt.NDArray[np.bool_]) -> Points:
    """The columns in double precision, some of them as log(1 + x); none is below zero.

    >>> logged(np.array([[0.0, 3.0]], np.float32), np.array([True, False])).tolist()
    [[0.0, 3.0]]
    """
    wide = columns.astype(np.float64)
    return np.where(which, np.log1p(wide), wide)


def fit_scaling(rows: Floats, leave_out: Collection[str] = ()) -> Scaling:
    """Chooses the features and scales them.

    Args:
        rows: of visitors, in the order of `OFFERED`.
        leave_out: features that are not to be taken.

    Raises:
        BadInput: visitors differ in fewer than two features.
    """
    names = [name for name in CONSIDERED if name not in leave_out]
    columns = np.nan_to_num(rows[:, [OFFERED.index(name) for name in names]])
    which = np.array([name in _LOGGED for name in names])
    found = logged(columns, which)
    kept = _different([index for index in range(len(names)) if _varies(columns[:, index])], found)
    if len(kept) < 2:
        came = ", ".join(names[index] for index in kept) or "none"
        raise BadInput(
            f"two features in which visitors differ are required, {came} came",
            f"events must say more than that somebody was there: in each feature {_ALIKE:.0%} are alike",
        )
    chosen = found[:, kept]
    return Scaling(
        tuple(names[index] for index in kept), which[kept], chosen.mean(axis=0), chosen.std(axis=0)
    )


def _varies(column: Floats) -> bool:
    """Whether enough visitors differ from the commonest value."""
    _, counts = np.unique(column, return_counts=True)
    return bool(counts.max() < _ALIKE * len(column))


def _different(indices: list[int], columns: Points) -> list[int]:
    """The columns without those that say what one before them says."""
    kept: list[int] = []
    for index in indices:
        if all(abs(np.corrcoef(columns[:, index], columns[:, other])[0, 1]) < _SAME for other in kept):
            kept.append(index)
    return kept
