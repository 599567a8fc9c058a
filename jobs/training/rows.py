"""Training rows out of events: as of the moment of scoring, labelled by what came after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from connectors.errors import BadInput
from connectors.model_inputs import CHURN, INTENT, OFFERED
from jobs.training.events import with_sessions
from jobs.training.examples import Examples, Integers
from jobs.training.features import feature_rows

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Moments:
    """When a row is taken, and how long the label may take.

    Attributes:
        every: a row after each so many events of a session.
        most_events: none after so many: the rest of a crawl teaches nothing about people.
        horizon_ms: churn: no session within this time after a session's end.
        session_gap_ms: as in the stream.
    """

    every: int = 5
    most_events: int = 100
    horizon_ms: int = 72 * HOUR_MS
    session_gap_ms: int = 1_800_000


def intent_rows(events: pl.DataFrame, moments: Moments) -> Examples:
    """Rows of purchase intent. Label: a purchase in the rest of the session, known when its gap is over."""
    return to_examples(_intent_moments(events, moments).collect(), OFFERED)


def _intent_moments(events: pl.DataFrame, moments: Moments) -> pl.LazyFrame:
    """After each k-th event, and at a session's first add_to_cart and first checkout event.

    A session that has purchased gives no more rows.
    """
    kind, number = pl.col("event_type"), pl.col("event_no")
    checkout = pl.col("count_checkout_start") + pl.col("count_checkout_step")
    begins_checkout = kind.is_in(["checkout_start", "checkout_step"]) & (checkout == 1)
    points = [
        ("event", number % moments.every == 0),
        ("event_5", number == 5),
        ("first_cart", (kind == "add_to_cart") & (pl.col("count_add_to_cart") == 1)),
        ("checkout", begins_checkout),
    ]
    is_scored = pl.any_horizontal(applies for name, applies in points if name != "event_5")
    purchases = pl.col("count_purchase")
    ended_ms = pl.col("event_time_ms").last().over("visitor_id", "session_no")
    labelled = _as_of(events, moments).with_columns(
        _points(points),
        (purchases.last().over("visitor_id", "session_no") > purchases).alias("label"),
        (ended_ms + moments.session_gap_ms).alias("known_ms"),
    )
    return labelled.filter(is_scored & (purchases == 0) & (number <= moments.most_events))


def churn_rows(events: pl.DataFrame, moments: Moments) -> Examples:
    """Rows of churn. Label: no session of the visitor within the horizon after this one.

    Sessions too near to the end of the data to know are left out.
    """
    end_ms = events["event_time_ms"].max()
    taken = _churn_moments(events, moments).filter(pl.col("known_ms") <= end_ms)
    return to_examples(taken.sort("event_time_ms", maintain_order=True).collect(), OFFERED)


def _churn_moments(events: pl.DataFrame, moments: Moments) -> pl.LazyFrame:
    """The end of each session."""
    rows = _as_of(events, moments)
    ends = rows.filter(pl.col("event_no") == pl.col("event_no").max().over("visitor_id", "session_no"))
    following = pl.col("session_started_at_ms").shift(-1).over("visitor_id")
    horizon = pl.col("event_time_ms") + moments.horizon_ms
    return ends.sort("visitor_id", "session_no").with_columns(
        pl.lit("session_end").alias("points"),
        ((following > horizon) | following.is_null()).alias("label"),
        horizon.alias("known_ms"),
    )


def moment_table(model: str, events: pl.DataFrame, moments: Moments) -> pl.DataFrame:
    """Every moment at which the stream scores: the features, `label`, and when that is known, `known_ms`."""
    return {INTENT: _intent_moments, CHURN: _churn_moments}[model](events, moments).collect()


def labelled_moments(model: str, events: pl.DataFrame, moments: Moments) -> pl.DataFrame:
    """visitor_id, session_no, event_time_ms, label, known_ms of every moment whose label the events tell."""
    end_ms = events["event_time_ms"].max()
    known = moment_table(model, events, moments).filter(pl.col("known_ms") <= end_ms)
    # Two moments of one millisecond: the later one has seen what the stream's last score had seen.
    return known.select("visitor_id", "session_no", "event_time_ms", "label", "known_ms").unique(
        ["visitor_id", "event_time_ms"], keep="last", maintain_order=True
    )


def model_rows(model: str, events: pl.DataFrame, moments: Moments) -> Examples:
    """The rows of one of MODELS."""
    return {INTENT: intent_rows, CHURN: churn_rows}[model](events, moments)


def _as_of(events: pl.DataFrame, moments: Moments) -> pl.LazyFrame:
    return feature_rows(with_sessions(events, moments.session_gap_ms).lazy())


def _points(points: list[tuple[str, pl.Expr]]) -> pl.Expr:
    """The names of the points that apply, joined by `+`."""
    names = [pl.when(applies).then(pl.lit(name)) for name, applies in points]
    return pl.concat_str(names, separator="+", ignore_nulls=True).alias("points")


def numbered(rows: pl.DataFrame, *names: str) -> Integers:
    """A number for each combination of values that occurs."""
    texts = rows.select(pl.concat_str(names, separator="/")).to_series()
    return texts.rank("dense").to_numpy().astype(np.int64)


def to_examples(rows: pl.DataFrame, names: tuple[str, ...]) -> Examples:
    """The table's rows as arrays.

    Raises:
        BadInput: there are none.
    """
    if not len(rows):
        raise BadInput("no training row came out of the events: is the horizon longer than the data?")
    features = rows.select(pl.col(names).cast(pl.Float32)).to_numpy().astype(np.float32)
    return Examples(
        features=features,
        names=names,
        labels=rows["label"].to_numpy().astype(bool),
        at_ms=rows["event_time_ms"].to_numpy(),
        known_ms=rows["known_ms"].to_numpy(),
        owners=numbered(rows, "visitor_id"),
        sessions=numbered(rows, "visitor_id", "session_no"),
        points=rows["points"].to_numpy().astype(str),
        last_actions=rows["event_type"].to_numpy().astype(str),
    )
