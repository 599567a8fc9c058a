"""Whom the caps of bots touch on real streams; docs/visitors.md shows the same table."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pytest

from cli.package import ROOT
from jobs.settings import Settings
from tests import datasets
from tests.visitor_oracle import Caps, throttles

MINUTE_MS = 60_000
HEAD = [
    "| stream | visitors | events | most in a minute | most in a day | visitors held back | events held back |",
    "|---|---|---|---|---|---|---|",
]


@dataclass(frozen=True)
class Touched:
    """What the caps do to one stream."""

    stream: str
    visitors: int
    events: int
    most_in_minute: int
    most_in_day: int
    visitors_held: int
    events_held: int

    def row(self) -> str:
        """A row of the table."""
        shares = f"{self.visitors_held} ({self.visitors_held / self.visitors:.3%}) | " + (
            f"{self.events_held} ({self.events_held / self.events:.3%})"
        )
        counts = (self.visitors, self.events, self.most_in_minute, self.most_in_day)
        return f"| {self.stream} | {' | '.join(f'{count:,}' for count in counts)} | {shares} |"


def minutes_of(events: pl.DataFrame) -> pl.DataFrame:
    """Events of each visitor by minute, and in the 1,440 minutes up to it."""
    minute = (pl.col("event_time_ms") // MINUTE_MS).alias("minute")
    counted = events.group_by("visitor_id", minute).agg(pl.len().cast(pl.Int64).alias("in_minute"))
    return counted.sort("visitor_id", "minute").with_columns(
        pl.col("in_minute").rolling_sum_by("minute", "1440i").over("visitor_id").alias("in_day")
    )


def touched(stream: str, events: pl.DataFrame, caps: Caps) -> Touched:
    """Counts over the whole stream."""
    minutes = minutes_of(events)
    over = (pl.col("in_minute") > caps.events_per_minute) | (pl.col("in_day") > caps.events_per_day)
    held_from = ((pl.col("minute") + 1) * MINUTE_MS - 1).alias("held_from")
    throttled = minutes.filter(over).select("visitor_id", held_from).sort("held_from")
    held = (
        events.sort("event_time_ms")
        .join_asof(
            throttled,
            left_on="event_time_ms",
            right_on="held_from",
            by="visitor_id",
            strategy="backward",
            check_sortedness=False,
        )
        .filter(pl.col("event_time_ms") < pl.col("held_from") + caps.quarantine_ms)
    )
    most = [int(minutes[name].max() or 0) for name in ("in_minute", "in_day")]  # type: ignore[arg-type]
    visitors = events["visitor_id"].n_unique()
    return Touched(stream, visitors, len(events), *most, throttled["visitor_id"].n_unique(), len(held))


def defaults() -> Caps:
    settings = Settings()
    return Caps(
        False, settings.bot_events_per_minute, settings.bot_events_per_day, settings.bot_quarantine_ms
    )


def columns(stream: str) -> pl.DataFrame:
    return datasets.frame(stream).select("visitor_id", "event_time_ms")


def test_the_page_has_the_table() -> None:
    datasets.require()
    table = [touched(stream, columns(stream), defaults()).row() for stream in datasets.STREAMS]
    page = (ROOT / "docs" / "visitors.md").read_text(encoding="utf-8")
    assert page.partition("<!-- caps -->\n")[2].partition("<!-- /caps -->")[0] == "\n".join(
        [*HEAD, *table, ""]
    )


def test_ordinary_heavy_users_are_not_caught() -> None:
    """The longest visit of the shop has 471 hits; nobody of that stream, nor of the other shops, is held back."""
    datasets.require()
    for stream in datasets.STREAMS:
        found = touched(stream, columns(stream), defaults())
        assert found.visitors_held <= found.visitors / 10_000, found


@pytest.mark.parametrize("caps", [Caps(events_per_minute=2), Caps(events_per_day=20)])
def test_the_table_is_counted_as_the_oracle_counts(caps: Caps) -> None:
    rows = [(f"v{number % 7}", number * number * 977 % 10**7) for number in range(900)]
    frame = pl.DataFrame(rows, schema=["visitor_id", "event_time_ms"], orient="row")
    events = [{"visitor_id": name, "event_time_ms": at_ms} for name, at_ms in rows]
    held = {visitor: moments for visitor, moments in throttles(events, caps).items() if moments}
    assert held
    expected = sum(
        any(moment <= at_ms < moment + caps.quarantine_ms for moment in held.get(name, ()))
        for name, at_ms in rows
    )
    found = touched("made up", frame, caps)
    assert (found.visitors_held, found.events_held) == (len(held), expected)
