"""How a run comes on: what was taken by when; from it the rate of each ten seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import requests

Look = tuple[float, float]  # epoch seconds, how many events by then
STEP_S = 10.0


def rates(looks: Sequence[Look], began: float, ended: float, events: int) -> list[float]:
    """Events a second in each ten seconds of a run that has taken so many events by its end.

    >>> rates([(5, 50), (10, 100), (15, 250)], 0, 20, 300)
    [10.0, 20.0]
    """
    # A source that hands on each record twice has come as far as one that does it once.
    scale = events / max([events, *(count for _, count in looks)])
    seen = [(at, count * scale) for at, count in looks if began < at < ended]
    looks = [(began, 0.0), *seen, (ended, events)]
    edges = [began]
    while edges[-1] + STEP_S < ended:
        edges.append(edges[-1] + STEP_S)
    edges.append(ended)
    counts = [_count_at(looks, edge) for edge in edges]
    return [
        round((counts[index + 1] - counts[index]) / max(edges[index + 1] - edges[index], 0.1), 1)
        for index in range(len(edges) - 1)
    ]


def _count_at(looks: Sequence[Look], at: float) -> float:
    left, count = max(look for look in looks if look[0] <= at)
    right, more = min((look for look in looks if look[0] > at), default=(at, count))
    return count if right <= left else count + (more - count) * (at - left) / (right - left)


class Progress:
    """Looks at one Flink job: how many records its sources have handed on.

    A source waits as soon as what is behind it does not keep up, so that how it comes on is how all of the job
    does, but for what is under way between the tasks.
    """

    def __init__(self, rest_url: str, job: str) -> None:
        self._url, self.looks = f"{rest_url}/jobs/{job}", list[Look]()

    def look(self) -> None:
        """Notes how many records have been handed on by now."""
        vertices: list[dict[str, Any]] = requests.get(self._url, timeout=10).json()["vertices"]
        handed_on = [one["metrics"]["write-records"] for one in vertices if "Source" in one["name"]]
        self.looks.append((time.time(), max(handed_on, default=0)))
