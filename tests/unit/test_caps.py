"""Whom the caps of bots touch on real streams; docs/visitors.md shows the same table."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pytest

from jobs.settings import Settings
from stack.package import ROOT
from tests import datasets
from tests.visitor_oracle import DAY_MS, MINUTE_MS, Caps, judge

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


def counted(events: pl.DataFrame) -> pl.DataFrame:
    """Each event with how many the visitor has sent up to it, in its minute and in its day."""
    at = pl.col("event_time_ms")
    ordered = events.sort("event_time_ms", maintain_order=True)
    return ordered.with_columns(
        pl.int_range(1, pl.len() + 1).over("visitor_id", at // MINUTE_MS).alias("in_minute"),
        pl.int_range(1, pl.len() + 1).over("visitor_id", at // DAY_MS).alias("in_day"),
    )


def touched(stream: str, events: pl.DataFrame, caps: Caps) -> Touched:
    """Counts over the whole stream."""
    over = (pl.col("in_minute") > caps.events_per_minute) | (pl.col("in_day") > caps.events_per_day)
    last = pl.when(over).then(pl.col("event_time_ms")).forward_fill().over("visitor_id")
    numbers = counted(events)
    held = numbers.filter(pl.col("event_time_ms") < last + caps.quarantine_ms)
    most = [int(numbers[name].max() or 0) for name in ("in_minute", "in_day")]  # type: ignore[arg-type]
    visitors = events["visitor_id"].n_unique()
    return Touched(stream, visitors, len(events), *most, held["visitor_id"].n_unique(), len(held))


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
    events = [
        {"event_id": f"{number:03}", "event_type": "click", "visitor_id": name, "event_time_ms": at_ms}
        for number, (name, at_ms) in enumerate(rows)
    ]
    held = {event_id for event_id, reason in judge(events, caps).withheld.items() if reason}
    found = touched("made up", frame, caps)
    visitors = {event["visitor_id"] for event in events if event["event_id"] in held}
    assert held
    assert (found.visitors_held, found.events_held) == (len(visitors), len(held))
