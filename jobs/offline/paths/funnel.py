"""How far sessions came in a funnel, and where they dropped off, by segment. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

ALL, NO_SEGMENT = "all", "none"


@dataclass(frozen=True)
class DropOff:
    """One step of a funnel in one segment.

    Attributes:
        segment: `all` for every session.
        step: its name.
        sessions: that came to this step or a later one.
        share: of those that came to the step before; of the first step, of all sessions.
        dropped: sessions that came to the step before and not to this one.
    """

    segment: str
    step: str
    sessions: int
    share: float
    dropped: int


def drop_offs(table: pl.DataFrame, steps: Sequence[str]) -> list[DropOff]:
    """Every step, of all sessions and of each segment, where the table has a column `segment`.

    >>> frame = pl.DataFrame({"reached": [2, 1, 0, 2]})
    >>> [(one.step, one.sessions, one.dropped) for one in drop_offs(frame, ["view", "cart"])]
    [('view', 3, 1), ('cart', 2, 1)]
    """
    found = list(_of_segment(ALL, table, steps))
    if "segment" in table.columns:
        named = table.with_columns(pl.col("segment").fill_null(NO_SEGMENT))
        for (name,), part in sorted(named.group_by("segment"), key=lambda pair: str(pair[0][0])):
            found += _of_segment(str(name), part, steps)
    return found


def _of_segment(segment: str, table: pl.DataFrame, steps: Sequence[str]) -> Iterator[DropOff]:
    before = len(table)
    for number, step in enumerate(steps, 1):
        reached = int((table["reached"] >= number).sum())
        yield DropOff(segment, step, reached, reached / before if before else 0.0, before - reached)
        before = reached
