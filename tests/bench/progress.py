"""How a job comes on: what its source has handed on, looked at as it runs."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field

import requests


@dataclass
class Progress:
    """Looks at one job, by Flink's REST interface.

    The source waits as soon as what is behind it does not keep up, so that how it comes on is how all of the job does.
    """

    rest_url: str
    job: str
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def look(self) -> None:
        """Notes how many records the source has handed on by now."""
        vertices = requests.get(f"{self.rest_url}/jobs/{self.job}", timeout=10).json()["vertices"]
        handed_on = max(each["metrics"]["write-records"] for each in vertices if "Source" in each["name"])
        self._seen.append((time.time(), handed_on))

    def half_at(self) -> float | None:
        """When half of all was handed on, epoch seconds, between the two looks around it; None: it was not seen."""
        half = self._seen[-1][1] / 2 if self._seen else 0.0
        place = bisect_left(self._seen, half, key=lambda seen: seen[1])
        if not half or not place:
            return None
        (earlier, less), (later, more) = self._seen[place - 1 : place + 1]
        return earlier + (later - earlier) * (half - less) / (more - less)
