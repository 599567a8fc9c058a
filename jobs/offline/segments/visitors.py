"""Visitors as a clustering takes them: what was known of each when its last session had ended.

The engine runs over the history and is asked what a live job is asked at the end of a session, so nothing
later goes into a row, and the stream later offers the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from connectors.contracts.model_inputs import CHURN, OFFERED
from connectors.errors import BadInput
from jobs.offline.training.asked import asked_in
from jobs.offline.training.events import Events
from jobs.offline.training.examples import Floats
from jobs.offline.training.rows import Moments

LEAST = 200  # visitors: the smallest cluster that is allowed has ten of them


@dataclass(frozen=True)
class Visitors:
    """What is known of visitors.

    Attributes:
        rows: float32, a row a visitor, in the order of `OFFERED`; NaN is a missing value.
        moments: the same of every session's end: what the stream will ask about.
        from_ms: event time of the first row, epoch milliseconds.
        to_ms: event time of the last one.
    """

    rows: Floats
    moments: Floats
    from_ms: int
    to_ms: int

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Floats:
        """A feature of all visitors; a missing value is 0."""
        return np.nan_to_num(self.rows[:, OFFERED.index(name)])


def visitors_of(events: Events) -> Visitors:
    """The visitors of a history.

    Raises:
        BadInput: there are too few to look for groups among them.
    """
    asked = asked_in(events, Moments().options().replace(score_max_events=0))
    ends = asked.rows.filter(pl.col("model") == CHURN)  # asked of each session when it is over
    last = ends.sort("event_time_ms", "row").unique("visitor_id", keep="last", maintain_order=True)
    if len(last) < LEAST:
        raise BadInput(
            f"{len(last):,} visitors are too few to look for groups: at least {LEAST} are required",
            "give a longer history",
        )
    times = ends["event_time_ms"].to_numpy()
    return Visitors(
        rows=asked.vectors[last["row"].to_numpy()],
        moments=asked.vectors[ends["row"].to_numpy()],
        from_ms=int(times.min()),
        to_ms=int(times.max()),
    )
