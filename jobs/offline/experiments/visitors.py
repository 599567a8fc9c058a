"""A row each visitor: the arm of the first exposure, and what was bought before it and since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from connectors.contracts.blocks import Order
from connectors.lake.reading import leaves, scan_events
from jobs.offline.training.events import read_events
from state.events import Event, read_event

_SCHEMA = {
    "event_id": pl.String, "event_type": pl.String, "event_time_ms": pl.Int64, "visitor_id": pl.String,
    "anonymous_id": pl.String, "order_id": pl.String, "revenue": pl.Float64, "currency": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Events:
    """What of events matters here.

    Attributes:
        orders: a row each order: visitor_id, at_ms, revenue, currency.
        users: user by anonymous id, of devices that one user alone has used.
    """

    orders: pl.DataFrame
    users: dict[str, str]


def events(path: Path) -> Events:
    """Orders and links of a lake, or of JSON lines of canonical events.

    Raises:
        BadInput: it cannot be read.
    """
    found = _of_lake(path) if path.is_dir() else _of_file(path)
    pairs = found.select("anonymous_id", "visitor_id").drop_nulls().unique()
    pairs = pairs.filter(pl.col("anonymous_id") != pl.col("visitor_id"))
    alone = pairs.filter(pl.col("anonymous_id").is_unique())
    users = dict(alone.iter_rows())
    bought = found.filter(pl.col("event_type") == "purchase").unique("event_id")
    bought = bought.with_columns(_canonical("visitor_id", users))
    orders = bought.group_by("visitor_id", pl.coalesce("order_id", "event_id")).agg(
        pl.col("event_time_ms").min().alias("at_ms"),
        pl.col("revenue").max(),
        pl.col("currency").drop_nulls().first(),
    )
    return Events(orders.select("visitor_id", "at_ms", "revenue", "currency"), users)


def _of_lake(lake: Path) -> pl.DataFrame:
    frame = scan_events(lake)
    linked = frame.filter(pl.col("anonymous_id") != pl.col("visitor_id"))
    linked = linked.unique(["anonymous_id", "visitor_id"])
    bought = frame.filter(pl.col("event_type") == "purchase")
    both = pl.concat([linked, bought]).with_columns(leaves("order"))
    named = {f"order_{name}": name for name in ("revenue", "currency")} | {"order_order_id": "order_id"}
    return both.rename(named).select(list(_SCHEMA)).collect()


def _of_file(path: Path) -> pl.DataFrame:
    rows = []
    for _, message in read_events(path).messages():
        event = read_event(message)
        if isinstance(event, Event):
            order = Order.read(event.order) or Order()
            told = (event.event_id, event.event_type, event.at, event.visitor_id, event.anonymous_id)
            rows.append((*told, order.order_id, order.revenue, order.currency))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


@dataclass(frozen=True)
class Rows:
    """What is analysed.

    Attributes:
        visitors: visitor_id, exposed_id (who it was to us at the first exposure), exposed_ms, arm; converted,
            orders, priced, revenue, each with `_before` too.
        crossed: visitors who were exposed to two arms or more; they are left out.
        currency: of all revenue.
        other_currencies: orders that do not count for revenue, as they are of another one or of none.
    """

    visitors: pl.DataFrame
    crossed: int
    currency: str | None
    other_currencies: int


def rows(exposed: pl.DataFrame, found: Events, before_ms: int, currency: str | None = None) -> Rows:
    """Visitors by their first exposure.

    Args:
        exposed: rows of `exposures`.
        found: what was bought.
        before_ms: so long before the exposure counts as the time before.
        currency: of revenue; None takes the commonest.
    """
    named = exposed.with_columns(_canonical("visitor_id", found.users), exposed_id="visitor_id")
    visitors = named.group_by("visitor_id").agg(
        pl.col("exposed_id").sort_by("at_ms").first(),
        pl.col("arm").sort_by("at_ms").first(),
        pl.col("arm").n_unique().alias("arms"),
        pl.col("at_ms").min().alias("exposed_ms"),
    )
    single = visitors.filter(pl.col("arms") == 1).drop("arms")
    orders = found.orders.join(single, on="visitor_id")
    chosen = currency or _commonest(orders)
    is_priced = pl.col("revenue").is_not_null() & pl.col("currency").eq_missing(pl.lit(chosen, pl.String))
    orders = orders.with_columns(
        is_priced.cast(pl.Float64).alias("priced"), pl.when(is_priced).then("revenue").otherwise(0.0)
    )
    since = pl.col("at_ms") >= pl.col("exposed_ms")
    near = pl.col("at_ms") >= pl.col("exposed_ms") - before_ms
    table = _joined(_joined(single, orders.filter(since), ""), orders.filter(~since & near), "_before")
    others = int(orders.filter(since, pl.col("priced") == 0).height)
    return Rows(table.sort("visitor_id"), len(visitors) - len(single), chosen, others)


def _joined(visitors: pl.DataFrame, orders: pl.DataFrame, suffix: str) -> pl.DataFrame:
    sums = orders.group_by("visitor_id").agg(
        pl.lit(1.0).alias(f"converted{suffix}"),
        pl.len().cast(pl.Float64).alias(f"orders{suffix}"),
        pl.col("priced").sum().alias(f"priced{suffix}"),
        pl.col("revenue").sum().alias(f"revenue{suffix}"),
    )
    filled = visitors.join(sums, on="visitor_id", how="left")
    return filled.with_columns(pl.col([name for name in sums.columns if name != "visitor_id"]).fill_null(0.0))


def _commonest(orders: pl.DataFrame) -> str | None:
    counts = orders["currency"].drop_nulls().value_counts(sort=True)
    return (
        None if counts.is_empty() else str(counts.sort("count", "currency", descending=[True, False])[0, 0])
    )


def _canonical(column: str, users: dict[str, str]) -> pl.Expr:
    return pl.col(column).replace(users) if users else pl.col(column)
