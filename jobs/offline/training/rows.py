"""Training rows out of a history: as of when models are asked, labelled by what came after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from connectors.contracts.model_inputs import CHURN, INTENT, OFFERED
from connectors.errors import BadInput
from jobs.offline.training.asked import Asked, asked_in
from jobs.offline.training.events import Events
from jobs.offline.training.examples import Examples, Floats, Integers
from state.options import HOUR_MS as HOUR_MS
from state.options import Options


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

    def options(self, *emits: str) -> Options:
        """The engine's options: it writes these documents alone."""
        return Options(
            score_every_events=self.every,
            score_max_events=self.most_events,
            session_gap_ms=self.session_gap_ms,
            emits=frozenset(emits),
        )


@dataclass(frozen=True)
class Labelled:
    """The moments of one model.

    Attributes:
        rows: as of `Asked`, with points, label, and known_ms: when the label was known, event time.
        asked: what they were taken from.
    """

    rows: pl.DataFrame
    asked: Asked

    def known(self) -> pl.DataFrame:
        """The moments whose label the events tell."""
        return self.rows.filter(pl.col("known_ms") <= self.asked.end_ms)


def labelled(model: str, events: Events, moments: Moments) -> Labelled:
    """The moments at which a model is asked, with their labels."""
    asked = asked_in(events, moments.options())
    find = {INTENT: _intent, CHURN: _churn}[model]
    return Labelled(find(asked, moments), asked)


def _intent(asked: Asked, moments: Moments) -> pl.DataFrame:
    """Label: a purchase in the rest of the session, known when its gap is over."""
    rows = asked.with_values(
        "count_add_to_cart", "count_checkout_start", "count_checkout_step", "count_purchase"
    )
    is_end = pl.col("model") == CHURN  # asked of each session when it is over
    ends = rows.filter(is_end).select(
        "session_id", (pl.col("count_purchase") > 0).alias("label"), pl.col("closed_at_ms").alias("known_ms")
    )
    taken = rows.filter(~is_end).with_columns(_points(moments)).drop("closed_at_ms")
    return taken.join(ends, on="session_id", maintain_order="left")


def _points(moments: Moments) -> pl.Expr:
    """Why the model was asked: the names of the points that apply, joined by `+`."""
    kind, number = pl.col("event_type"), pl.col("event_no")
    checkouts = pl.col("count_checkout_start") + pl.col("count_checkout_step")
    points = {
        "event": number % moments.every == 0,
        "event_5": number == 5,
        "first_cart": (kind == "add_to_cart") & (pl.col("count_add_to_cart") == 1),
        "checkout": kind.is_in(["checkout_start", "checkout_step"]) & (checkouts == 1),
    }
    names = [pl.when(applies).then(pl.lit(name)) for name, applies in points.items()]
    return pl.concat_str(names, separator="+", ignore_nulls=True).alias("points")


def _churn(asked: Asked, moments: Moments) -> pl.DataFrame:
    """Label: no session of the visitor within the horizon after this one."""
    ends = asked.with_values("session_seconds").filter(pl.col("model") == CHURN)
    time = pl.col("event_time_ms")
    began = time - (pl.col("session_seconds").cast(pl.Float64) * 1_000).round().cast(pl.Int64)
    following = began.shift(-1).over("visitor_id", order_by="event_time_ms")
    horizon = time + moments.horizon_ms
    rows = ends.with_columns(
        pl.lit("session_end").alias("points"),
        ((following > horizon) | following.is_null()).alias("label"),
        horizon.alias("known_ms"),
    )
    return rows.sort("event_time_ms", "visitor_id", maintain_order=True)


def model_rows(model: str, events: Events, moments: Moments) -> Examples:
    """The rows of one of MODELS; of churn without sessions that are too near to the end to know.

    Raises:
        BadInput: there are none.
    """
    found = labelled(model, events, moments)
    rows = found.known() if model == CHURN else found.rows
    if not len(rows):
        raise BadInput("no training row came out of the events: is the horizon longer than the data?")
    return to_examples(rows, found.asked.vectors)


def numbered(rows: pl.DataFrame, name: str) -> Integers:
    """A number for each value that occurs."""
    return rows[name].rank("dense").to_numpy().astype(np.int64)


def to_examples(rows: pl.DataFrame, vectors: Floats) -> Examples:
    """The rows as arrays; column `row` is the index of each one's vector."""
    return Examples(
        features=vectors[rows["row"].to_numpy()],
        names=OFFERED,
        labels=rows["label"].to_numpy().astype(bool),
        at_ms=rows["event_time_ms"].to_numpy(),
        known_ms=rows["known_ms"].to_numpy(),
        owners=numbered(rows, "visitor_id"),
        sessions=numbered(rows, "session_id"),
        points=rows["points"].to_numpy().astype(str),
        last_actions=rows["event_type"].to_numpy().astype(str),
    )


def labelled_moments(model: str, events: Events, moments: Moments) -> pl.DataFrame:
    """visitor_id, session_id, event_time_ms, label, known_ms of every moment whose label the events tell."""
    known = labelled(model, events, moments).known()
    # Two moments of one millisecond: the later one has seen what the stream's last score had seen.
    return known.select("visitor_id", "session_id", "event_time_ms", "label", "known_ms").unique(
        ["visitor_id", "event_time_ms"], keep="last", maintain_order=True
    )
