"""Names and descriptions of clusters: a name outlives versions, a description says what it is now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

from jobs.offline.segments.cores import Labels
from jobs.offline.segments.judging import jaccard
from jobs.offline.segments.scaling import Points
from jobs.offline.training.examples import Floats

SAME = 0.5  # overlap above which a cluster is the one of before; at or below it has dissolved
_MENTIONED = 4  # features of a description
_FAR = 0.4  # standard deviations from all visitors, from which on a feature is mentioned
_PREFIX = "cluster_"
_WORDS = {
    "visitor_sessions": "sessions so far", "visitor_events": "events so far",
    "visitor_purchases": "orders so far", "days_since_first_seen": "days known",
    "days_away": "days away before the visit", "events": "events in the visit",
    "session_seconds": "seconds of the visit", "seconds_between_mean": "seconds between two events",
    "price_mean": "mean price of what was looked at", "scroll_depth": "percent scrolled",
    "funnel_step": "step of the funnel, 0 to 4",
    "distinct_categories": "categories", "distinct_products": "products",
}  # fmt: skip


@dataclass(frozen=True)
class Matched:
    """Clusters against those of the version before.

    Attributes:
        names: of the clusters, in their order.
        rand: adjusted Rand index of both divisions of the same visitors; None without a version before.
        kept: how many clusters have a name of before.
    """

    names: tuple[str, ...]
    rand: float | None = None
    kept: int = 0


def matched(labels: Labels, before: Labels | None = None, names: Sequence[str] = ()) -> Matched:
    """Names for clusters: where mostly the same visitors are in one, that of the version before.

    Args:
        labels: of the visitors, now.
        before: of the same visitors by the version before.
        names: of that version's clusters.
    """
    count, known = int(labels.max()) + 1, dict[int, str]()
    if before is not None:
        overlaps = jaccard(labels, before)[:count, : len(names)]
        pairs = zip(*linear_sum_assignment(-overlaps), strict=True)  # the Hungarian method
        known = {int(now): names[then] for now, then in pairs if overlaps[now, then] > SAME}
    free = iter(f"{_PREFIX}{number}" for number in range(_next(names), _next(names) + count))
    found = tuple(known[number] if number in known else next(free) for number in range(count))
    return Matched(found, None if before is None else float(adjusted_rand_score(labels, before)), len(known))


def _next(names: Sequence[str]) -> int:
    """A number that no cluster of before has."""
    numbers = [int(name.removeprefix(_PREFIX)) for name in names if name.removeprefix(_PREFIX).isdigit()]
    return max(numbers, default=0) + 1


def description(share: float, points: Points, columns: Floats, is_in: Labels, names: Sequence[str]) -> str:
    """What sets a cluster apart, in a sentence or two.

    Args:
        share: of the visitors.
        points: of all visitors: features in standard deviations from the mean.
        columns: the same features as they are.
        is_in: for each visitor whether it is in the cluster.
        names: of the features.
    """
    away = points[is_in].mean(axis=0)
    order = [index for index in np.argsort(-np.abs(away), kind="stable") if abs(away[index]) >= _FAR][
        :_MENTIONED
    ]
    if not order:
        return f"{share:.0%} of the visitors, like the average of all."
    mine, everybody = columns[is_in].mean(axis=0), columns.mean(axis=0)

    def listed(chosen: list[int]) -> str:
        return ", ".join(f"{words(names[i])} {mine[i]:.3g} (all {everybody[i]:.3g})" for i in chosen)

    parts = {"More": [i for i in order if away[i] > 0], "Less": [i for i in order if away[i] < 0]}
    sentences = " ".join(f"{head}: {listed(chosen)}." for head, chosen in parts.items() if chosen)
    return f"{share:.0%} of the visitors. {sentences}"


def words(name: str) -> str:
    """A feature in plain words.

    >>> words("count_add_to_cart"), words("seconds_on_cart"), words("events")
    ('events add to cart', 'seconds on cart', 'events in the visit')
    """
    return _WORDS.get(name, name.replace("count_", "events ").replace("_", " "))
