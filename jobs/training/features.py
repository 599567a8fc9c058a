"""The running features of `connectors/features.py` over a table of events, all events at once.

The stream computes the same in SQL (`state/features/`); a test holds both to equal values on real data. Every
value is as of its event: it uses that event and what came before it. Not known here: that the stream cuts
sessions of more than a day or of thousands of events, and forgets visitors after a while.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from connectors.features import FUNNEL, OTHER_PAGES, PAGE_KINDS, RATES
from connectors.model_inputs import CHANNELS, DEVICES, LAST_TYPES, OFFERED
from connectors.sessions import COUNT_NAMES

_SESSION = ("visitor_id", "session_no")
_TIME, _TYPE, _PRICE = pl.col("event_time_ms"), pl.col("event_type"), pl.col("price")
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000


def feature_rows(events: pl.LazyFrame) -> pl.LazyFrame:
    """One row an event, in the events' order, with a column for each of `connectors.model_inputs.OFFERED`.

    Args:
        events: as `jobs.training.events.with_sessions` gives them.
    """
    helped = events.with_columns(
        pl.when(_TYPE.str.starts_with("custom:")).then(pl.lit("custom")).otherwise(_TYPE).alias("kind"),
        _TIME.diff().over(_SESSION).alias("gap_ms"),
        (_TIME - _TIME.first().over("visitor_id")).alias("seen_for_ms"),
        (_TIME - pl.col("session_started_at_ms")).alias("open_for_ms"),
        pl.when(_TYPE == "purchase").then(_TIME).alias("purchased_at_ms"),
        pl.when(pl.col("event_no") == 1).then(_TIME.shift(1).over("visitor_id")).alias("left_at_ms"),
    )
    every = (*_pace(), *_counts(), *_dwell(), *_subjects(), *_rates(), *_visitor(), *_calendar(), *_context())
    return helped.with_columns(every)


def _so_far(values: pl.Expr) -> pl.Expr:
    return values.cum_sum().over(_SESSION)


def _pace() -> Iterable[pl.Expr]:
    gap = pl.col("gap_ms") / _SECOND
    gaps = pl.col("event_no") - 1
    mean = pl.when(gaps > 0).then(_so_far(gap.fill_null(0)) / gaps)
    square = pl.when(gaps > 0).then(_so_far((gap * gap).fill_null(0)) / gaps)
    yield pl.col("event_no").alias("events")
    yield (pl.col("open_for_ms") / _SECOND).alias("session_seconds")
    yield gap.alias("seconds_since_previous")
    yield mean.alias("seconds_between_mean")
    yield (square - mean * mean).clip(0).sqrt().alias("seconds_between_std")
    yield gap.cum_max().over(_SESSION).alias("seconds_between_max")
    yield (pl.col("event_no") == 1).cast(pl.Int64).alias("is_single_event")


def _counts() -> Iterable[pl.Expr]:
    for name in COUNT_NAMES:
        yield _so_far((pl.col("kind") == name).cast(pl.Int64)).alias(f"count_{name}")


def _dwell() -> Iterable[pl.Expr]:
    earlier = pl.col("kind").shift(1).over(_SESSION)
    seconds = pl.col("gap_ms").fill_null(0) / _SECOND
    known = [kind for kinds in PAGE_KINDS.values() for kind in kinds]
    for page, kinds in PAGE_KINDS.items():
        here = pl.when(earlier.is_in(kinds)).then(seconds).otherwise(0.0)
        yield _so_far(here).alias(f"seconds_on_{page}")
    yield _so_far(pl.when(~earlier.is_in(known)).then(seconds).otherwise(0.0)).alias(
        f"seconds_on_{OTHER_PAGES}"
    )


def _subjects() -> Iterable[pl.Expr]:
    priced = _PRICE.cum_count().over(_SESSION)
    yield pl.col("scroll_percent").cum_max().forward_fill().over(_SESSION).alias("scroll_depth")
    yield _distinct("category").alias("distinct_categories")
    yield _distinct("product_id").alias("distinct_products")
    yield _PRICE.cum_min().forward_fill().over(_SESSION).alias("price_min")
    yield _PRICE.cum_max().forward_fill().over(_SESSION).alias("price_max")
    yield pl.when(priced > 0).then(_so_far(_PRICE.fill_null(0)) / priced).alias("price_mean")
    steps = [pl.when(_TYPE.is_in(kinds)).then(step) for step, kinds in enumerate(FUNNEL, 1)]
    yield pl.max_horizontal(*steps, pl.lit(0)).cum_max().over(_SESSION).alias("funnel_step")


def _distinct(column: str) -> pl.Expr:
    """How many different values so far in the session."""
    is_new = pl.col(column).is_not_null() & (pl.int_range(pl.len()).over(*_SESSION, column) == 0)
    return _so_far(is_new.cast(pl.Int64))


def _rates() -> Iterable[pl.Expr]:
    """Sum of exp(-age / constant) over the events, by the constant in minutes."""
    for name, constant_ms in RATES.items():
        is_last = name == list(RATES)[-1]
        group = ("visitor_id",) if is_last else _SESSION
        age = pl.col("seen_for_ms" if is_last else "open_for_ms") / constant_ms
        weight = age.exp().cum_sum().over(group) * (-age).exp()
        yield (weight * (_MINUTE / constant_ms)).alias(f"events_per_minute_{name}")


def _visitor() -> Iterable[pl.Expr]:
    left = pl.col("left_at_ms").forward_fill().over("visitor_id")
    purchased = pl.col("purchased_at_ms").forward_fill().over("visitor_id")
    yield pl.int_range(1, pl.len() + 1).over("visitor_id").alias("visitor_events")
    yield pl.col("session_no").alias("visitor_sessions")
    yield (_TYPE == "purchase").cast(pl.Int64).cum_sum().over("visitor_id").alias("visitor_purchases")
    yield (pl.col("seen_for_ms") / _DAY).alias("days_since_first_seen")
    yield ((pl.col("session_started_at_ms") - left) / _DAY).alias("days_away")
    yield ((_TIME - purchased) / _DAY).alias("days_since_purchase")


def _calendar() -> Iterable[pl.Expr]:
    yield ((_TIME // _HOUR) % 24).alias("hour_utc")
    # 1970-01-01 was a Thursday, the fourth day.
    yield ((_TIME // _DAY + 3) % 7 + 1).alias("weekday_utc")


def _context() -> Iterable[pl.Expr]:
    device, channel = pl.col("device").str.to_lowercase(), pl.col("channel").str.to_lowercase()
    for name in DEVICES:
        yield (device == name).fill_null(False).cast(pl.Int64).alias(f"is_{name}")
    for name in CHANNELS:
        yield channel.str.starts_with(name).fill_null(False).cast(pl.Int64).alias(f"from_{name}")
    for name in LAST_TYPES:
        yield (pl.col("event_type") == name).cast(pl.Int64).alias(f"last_{name}")


def as_table(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The columns that a model may take, as 32-bit floats in their order."""
    return rows.select(pl.col(name).cast(pl.Float32) for name in OFFERED)
