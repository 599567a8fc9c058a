"""Events as a table, valid ones, each event_id once: from the lake or from JSON lines."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from connectors.errors import BadInput
from connectors.events import Event, validate_event
from connectors.features import SCROLL_PROPERTY
from connectors.lake import leaves, scan_events
from connectors.messages import decimal_of, text_of
from connectors.rejected import Reject

SCHEMA: dict[str, Any] = {
    "event_id": pl.String,
    "event_type": pl.String,
    "event_time_ms": pl.Int64,
    "sequence": pl.Int64,
    "visitor_id": pl.String,
    "device": pl.String,
    "channel": pl.String,
    "product_id": pl.String,
    "category": pl.String,
    "price": pl.Float64,
    "scroll_percent": pl.Float64,
}
_SESSION_GAP_MS = 1_800_000
MAX_PRICE = 1e12
_LEAVES = {
    "device": "context_device", "channel": "context_channel",
    "product_id": "product_product_id", "category": "product_category",
}  # fmt: skip
_ORDER = ["event_time_ms", "sequence", "event_id"]


def read_events(path: Path) -> pl.DataFrame:
    """The valid events of a lake's folder, or of a JSON-lines file, plain or .gz, in the order of time.

    Raises:
        BadInput: the path cannot be read or holds no valid event.
    """
    return lake_events(path) if path.is_dir() else _file_events(path)


def lake_events(lake: Path) -> pl.DataFrame:
    """The lake's events; columns, ranges and order as of `table`, without a look at the JSON of each.

    Raises:
        BadInput: the folder is no lake, or an empty one.
    """
    scrolled = pl.col("properties").str.json_path_match(f"$.{SCROLL_PROPERTY}").cast(pl.Float64, strict=False)
    rows = scan_events(lake).with_columns(*leaves("context", "product"), pl.col("sequence").fill_null(0))
    events = (
        rows.select(
            *("event_id", "event_type", "event_time_ms", "sequence", "visitor_id"),
            *(pl.col(leaf).alias(name) for name, leaf in _LEAVES.items()),
            _between(pl.col("product_price"), MAX_PRICE).alias("price"),
            pl.when(pl.col("event_type") == "scroll").then(_between(scrolled, 100)).alias("scroll_percent"),
        )
        .unique("event_id")
        .sort(_ORDER)
        .collect()
    )
    if not len(events):
        raise BadInput(f"{lake} holds no event yet: job archive shows a file when a checkpoint covers it")
    return events


def _between(value: pl.Expr, largest: float) -> pl.Expr:
    """As `_within`."""
    return pl.when(value.is_between(0, largest)).then(value)


def _file_events(path: Path) -> pl.DataFrame:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            return table(line for line in file if line.strip())
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} cannot be read: {error}; give a JSON-lines file, plain or .gz") from error


def table(messages: Iterable[bytes]) -> pl.DataFrame:
    """The valid events among messages, in the order of time, `sequence` and `event_id`.

    >>> line = b'{"schema":"event/1","event_id":"e","event_type":"search","event_time_ms":5,"visitor_id":"v"}'
    >>> table([line, line, b"[]"]).select("event_id", "event_time_ms").rows()
    [('e', 5)]

    Raises:
        BadInput: no message is a valid event.
    """
    rows = list(_rows(messages))
    if not rows:
        raise BadInput("no valid event came; training needs canonical events, one JSON object a line")
    events = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return events.unique("event_id", keep="first", maintain_order=True).sort(_ORDER)


def _rows(messages: Iterable[bytes]) -> Iterator[tuple[Any, ...]]:
    for message in messages:
        event = validate_event(message)
        if not isinstance(event, Reject) and not event.is_heartbeat:
            yield _row(event)


def _row(event: Event) -> tuple[Any, ...]:
    context, product = event.context, event.product
    return (
        event.event_id, event.event_type, event.event_time_ms, event.sequence, event.visitor_id,
        context and context.device, context and context.channel,
        product and product.product_id, product and product.category,
        _within(product.price if product else None, MAX_PRICE), _within(_scrolled(event), 100),
    )  # fmt: skip


def _within(value: float | None, largest: float) -> float | None:
    """The value, or None outside of 0 to the largest, as the stream has it."""
    return value if value is not None and 0 <= value <= largest else None


def _scrolled(event: Event) -> float | None:
    value = event.properties.get(SCROLL_PROPERTY) if event.event_type == "scroll" else None
    return None if value is None else decimal_of(text_of(value))


def with_sessions(events: pl.DataFrame, gap_ms: int = _SESSION_GAP_MS) -> pl.DataFrame:
    """Adds `session_no` (of the visitor) and `event_no` (in it), both from 1, and `session_started_at_ms`.

    A gap of more than `gap_ms` starts a session; events in the order of time are required.
    """
    since = pl.col("event_time_ms").diff().over("visitor_id")
    return events.with_columns(
        ((since > gap_ms).fill_null(True).cast(pl.Int64)).cum_sum().over("visitor_id").alias("session_no")
    ).with_columns(
        pl.int_range(1, pl.len() + 1).over("visitor_id", "session_no").alias("event_no"),
        pl.col("event_time_ms").first().over("visitor_id", "session_no").alias("session_started_at_ms"),
    )
