"""The physical limit: the same answers from the file by polars, columns in memory on every core."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import polars as pl

from tests.bench.workload import Truth

_GAP_MS = 1_800_000
_TIMEOUT_MS = 1_800_000
_RECOVERY_MS = 86_400_000
_SCHEMA = {
    "visitor_id": pl.String,
    "event_type": pl.String,
    "event_time_ms": pl.Int64,
    "sequence": pl.Int64,
}


def run(path: Path) -> tuple[float, Truth]:
    """Seconds from the file to the answers, and the answers."""
    began = time.monotonic()
    events = pl.read_ndjson(path, schema=_SCHEMA).sort(
        "visitor_id", "event_time_ms", "sequence", maintain_order=True
    )
    sessions, fired = _sessions(events), _abandonments(events)
    seconds = time.monotonic() - began
    return seconds, _answers(sessions, fired)


def _sessions(events: pl.DataFrame) -> pl.DataFrame:
    visitor, at = pl.col("visitor_id"), pl.col("event_time_ms")
    # In one order of visitors and times a session starts where either breaks off.
    starts = (visitor != visitor.shift(1)) | (at - at.shift(1) > _GAP_MS)
    return (
        events.with_columns(starts.fill_null(True).cum_sum().alias("session"))
        .group_by("session")
        .agg(visitor.first(), at.min().alias("started"), at.max().alias("ended"), pl.len().alias("events"))
    )


def _abandonments(events: pl.DataFrame) -> pl.DataFrame:
    visitor, at, kind = pl.col("visitor_id"), pl.col("event_time_ms"), pl.col("event_type")
    steps = events.filter(kind.is_in(["add_to_cart", "purchase"])).with_columns(
        at.shift(-1).over("visitor_id").alias("next"),
        pl.when(kind == "purchase").then(at).alias("bought"),
    )
    later = pl.col("bought").shift(-1).backward_fill().over("visitor_id")
    fires = at + _TIMEOUT_MS
    return (
        steps.with_columns(later.alias("bought_later"))
        .filter(kind == "add_to_cart", pl.col("next").is_null() | (pl.col("next") > fires))
        .select(
            visitor,
            fires.alias("fires"),
            (pl.col("bought_later") <= fires + _RECOVERY_MS).fill_null(False).alias("recovered"),
        )
    )


def _answers(sessions: pl.DataFrame, fired: pl.DataFrame) -> Truth:
    """The frames as the oracle gives its answers; not part of the time."""
    abandonments = list(fired.select("visitor_id", "fires").iter_rows())
    recovered = fired.filter("recovered").select("visitor_id", "fires").iter_rows()
    return Truth(
        Counter(sessions.select("visitor_id", "started", "ended", "events").iter_rows()),
        Counter(abandonments),
        Counter([(*one, "active") for one in abandonments] + [(*one, "recovered") for one in recovered]),
    )
