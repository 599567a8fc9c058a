"""The five real streams of the truth table as canonical events, for tests, replays and benchmarks.

The data is not part of this repository (licences differ). Its folder is named by FOOTFALL_TEST_DATA; without
that it is ``../shared/data`` beside the repository. Every reader skips the calling test when it is absent.

Truth's ties follow file order. Canonical events carry that order as ``sequence``: 0, 1, 2 … within one
millisecond of one visitor, so any shuffle of the file can be undone.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

Document = dict[str, Any]

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Stream:
    """One real stream: where it lies, how its columns become canonical ones, how a row becomes an event."""

    name: str
    file: str
    prepare: Callable[[pl.DataFrame, str], pl.DataFrame]
    convert: Callable[[tuple[Any, ...]], Document]


@dataclass
class Counts:
    """What `write_canonical` wrote: lines = events + duplicates + poison."""

    events: int = 0
    duplicates: int = 0
    poison: Counter[str] = field(default_factory=Counter)

    @property
    def lines(self) -> int:
        return self.events + self.duplicates + self.poison.total()


def data_root() -> Path:
    """The folder of the real data, whether or not it exists."""
    return Path(os.environ.get("FOOTFALL_TEST_DATA", _ROOT / ".." / "shared" / "data")).resolve()


def require() -> Path:
    """The folder of the real data; skips the calling test when it is absent."""
    root = data_root()
    if not (root / "truth" / "truth.json").is_file():
        pytest.skip(
            f"no real streams: {root}/truth/truth.json is absent; set FOOTFALL_TEST_DATA to their folder"
        )
    return root


def frame(stream: str, most: int | None = None) -> pl.DataFrame:
    """One row an event in file order: event_id, event_type, event_time_ms, visitor_id, the rest, sequence.

    `most` reads no more than the first so many; they are the same as in the whole.
    """
    spec = STREAMS[stream]
    rows = spec.prepare(pl.read_csv(require() / spec.file, infer_schema=False, n_rows=most), stream)
    return rows.with_columns(pl.int_range(pl.len()).over("visitor_id", "event_time_ms").alias("sequence"))


def canonical_events(stream: str, most: int | None = None) -> Iterator[Document]:
    """Events of the stream in file order, as canonical documents without ``received_at_ms``; `most` as above."""
    convert = STREAMS[stream].convert
    for row in frame(stream, most).iter_rows():
        yield convert(row)


def write_canonical(
    stream_name: str,
    out_path: Path,
    shuffle_within_ms: int = 0,
    duplicate_share: float = 0.0,
    seed: int = 0,
    poison_share: float = 0.0,
) -> Counts:
    """Write the stream as JSON lines in order of arrival; the same arguments give the same bytes.

    An event arrives at event_time_ms + uniform(0, shuffle_within_ms), a duplicate (the exact same bytes)
    within the same bound after its original, a poison line (stack/shop/poison.py) anywhere. Shares are fractions
    of the events.
    """
    rng = random.Random(seed)
    counts = Counts()
    arrivals: list[tuple[float, int, bytes]] = []
    for event in canonical_events(stream_name):
        arrival = event["event_time_ms"] + _delay(rng, shuffle_within_ms)
        line = orjson.dumps({**event, "received_at_ms": int(arrival)})
        arrivals.append((arrival, len(arrivals), line))
        counts.events += 1
        if duplicate_share and rng.random() < duplicate_share:
            arrivals.append((arrival + _delay(rng, shuffle_within_ms), len(arrivals), line))
            counts.duplicates += 1
    _add_poison(arrivals, counts, round(poison_share * counts.events), rng)
    _write_lines(out_path, (line for _, _, line in sorted(arrivals)))
    return counts


def truth_sessions(stream: str) -> set[tuple[str, int, int, int]]:
    """(visitor_id, started_at_ms, ended_at_ms, events) of every 30-minute session."""
    return _truth(stream, "sessions_30min", ["start_ms", "end_ms", "n_events"])


def truth_abandonments(stream: str) -> set[tuple[str, int, int]]:
    """(visitor_id, last_cart_ms, fires_at_ms) of every abandoned cart, the final watermark included."""
    return _truth(stream, "cart_abandonments", ["last_cart_ms", "fires_at_ms"])


def truth_numbers(stream: str) -> Document:
    """The stream's entry of truth.json."""
    entries: list[Document] = orjson.loads((require() / "truth" / "truth.json").read_bytes())
    return next(entry for entry in entries if entry.get("stream") == stream)


def _truth(stream: str, table: str, numbers: list[str]) -> set[tuple[Any, ...]]:
    path = require() / "truth" / f"{stream}.{table}.csv.gz"
    rows = pl.read_csv(path, infer_schema=False).select("user", pl.col(numbers).cast(pl.Int64))
    return set(rows.iter_rows())


def _delay(rng: random.Random, bound_ms: int) -> float:
    return rng.uniform(0, bound_ms) if bound_ms else 0


def _add_poison(
    arrivals: list[tuple[float, int, bytes]], counts: Counts, wanted: int, rng: random.Random
) -> None:
    if not wanted:
        return
    from stack.shop.poison import line_poison  # here, so that the streams can be read without the shop

    events = counts.events + counts.duplicates
    for kind, line in line_poison(rng.getrandbits(32), wanted):
        arrival = arrivals[rng.randrange(events)][0]
        arrivals.append((arrival, len(arrivals), line))
        counts.poison[kind] += 1


def _write_lines(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb", buffering=1 << 20) as out:
        out.writelines(line + b"\n" for line in lines)


# How each source becomes canonical. `prepare` names and casts columns (vectorised), `convert` nests one row.

_HEAD = ["event_id", "event_type", "event_time_ms", "visitor_id"]


def _document(head: tuple[Any, ...], sequence: int, adapter: str) -> Document:
    event_id, event_type, event_time_ms, visitor_id = head
    return {
        "schema": "event/1",
        "event_id": event_id,
        "event_type": event_type,
        "event_time_ms": event_time_ms,
        "visitor_id": visitor_id,
        "sequence": sequence,
        "source": {"adapter": adapter},
    }


def _present(**values: Any) -> Document:
    return {name: value for name, value in values.items() if value is not None}


_GA360_TYPES = {"other_event": "custom:other_event"}
_GA360_REST = [
    *("visit_id", "checkout_step", "page_path", "page_title", "search_keyword", "transaction_id"),
    *("revenue_usd", "product_skus", "product_prices_usd", "product_quantities"),
    *("device", "browser", "os", "country", "channel", "source"),
]


def _prepare_ga360(rows: pl.DataFrame, _stream: str) -> pl.DataFrame:
    # The contract has no bare "checkout": the first step is the start, the others are steps.
    kind, step = pl.col("event_type"), pl.col("checkout_step")
    checkout = pl.when(step == "1").then(pl.lit("checkout_start")).otherwise(pl.lit("checkout_step"))
    return rows.with_columns(
        pl.col("event_time_ms").cast(pl.Int64),
        pl.when(kind == "checkout").then(checkout).otherwise(kind.replace(_GA360_TYPES)).alias("event_type"),
        step.cast(pl.Int64),
        pl.col("revenue_usd").cast(pl.Float64),
    ).select(_HEAD + _GA360_REST)


def _ga360_event(row: tuple[Any, ...]) -> Document:
    visit, step, path, title, keyword, order_id, revenue, skus, prices, quantities = row[4:14]
    device, browser, system, country, channel, source, sequence = row[14:]
    event = _document(row[:4], sequence, "ga360")
    event["session_hint"] = visit
    event["context"] = _present(
        device=device,
        browser=browser,
        os=system,
        country=country,
        channel=channel,
        referrer=source,
        path=path,
    )
    if skus:
        event["product"] = _ga360_product(skus, prices, quantities, path)
    if order_id:
        event["order"] = _present(order_id=order_id, revenue=revenue, currency="USD")
    later_step = step if step > 1 else None
    event["properties"] = _present(title=title, search_keyword=keyword, checkout_step=later_step)
    return event


def _ga360_product(skus: str, prices: str | None, quantities: str | None, path: str | None) -> Document:
    quantity, price = _first(quantities), _first(prices)
    return _present(
        product_id=_first(skus),
        category=_ga360_category(path or ""),
        price=float(price) if price else None,
        quantity=int(quantity) if quantity else None,
        currency="USD",
    )


def _ga360_category(path: str) -> str | None:
    parts = path.split("/", 3)
    return parts[2].partition("?")[0] or None if len(parts) > 2 and parts[1] == "google+redesign" else None


def _first(joined: str | None) -> str | None:
    return joined.partition("|")[0] or None if joined else None


_TAOBAO_TYPES = {"pv": "page_view", "cart": "add_to_cart", "fav": "custom:favourite", "buy": "purchase"}


def _prepare_taobao(rows: pl.DataFrame, stream: str) -> pl.DataFrame:
    return rows.select(
        _row_ids(stream),
        pl.col("behavior").replace_strict(_TAOBAO_TYPES).alias("event_type"),
        (pl.col("timestamp").cast(pl.Int64) * 1000).alias("event_time_ms"),
        pl.col("user_id").alias("visitor_id"),
        "item_id",
        "category_id",
    )


def _taobao_event(row: tuple[Any, ...]) -> Document:
    product_id, category, sequence = row[4:]
    event = _document(row[:4], sequence, "taobao")
    event["product"] = {"product_id": product_id, "category": category}
    return event


_REES46_TYPES = {"view": "product_view", "cart": "add_to_cart", "purchase": "purchase"}


def _prepare_rees46(rows: pl.DataFrame, stream: str) -> pl.DataFrame:
    return rows.select(
        _row_ids(stream),
        pl.col("event_type").replace_strict(_REES46_TYPES),
        pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S UTC").dt.epoch("ms").alias("event_time_ms"),
        pl.col("user_id").alias("visitor_id"),
        "product_id",
        pl.coalesce("category_code", "category_id").alias("category"),
        "brand",
        pl.col("price").cast(pl.Float64),
        "user_session",
    )


def _rees46_event(row: tuple[Any, ...]) -> Document:
    product_id, category, brand, price, hint, sequence = row[4:]
    event = _document(row[:4], sequence, "rees46")
    event["session_hint"] = hint
    event["product"] = _present(
        product_id=product_id, category=category, brand=brand, price=price, currency="USD"
    )
    return event


_RETAILROCKET_TYPES = {"view": "product_view", "addtocart": "add_to_cart", "transaction": "purchase"}


def _prepare_retailrocket(rows: pl.DataFrame, stream: str) -> pl.DataFrame:
    return rows.select(
        _row_ids(stream),
        pl.col("event").replace_strict(_RETAILROCKET_TYPES).alias("event_type"),
        pl.col("timestamp").cast(pl.Int64).alias("event_time_ms"),
        pl.col("visitorid").alias("visitor_id"),
        "itemid",
        "transactionid",
    )


def _retailrocket_event(row: tuple[Any, ...]) -> Document:
    product_id, order_id, sequence = row[4:]
    event = _document(row[:4], sequence, "retailrocket")
    event["product"] = {"product_id": product_id}
    if order_id:
        event["order"] = {"order_id": order_id}
    return event


def _row_ids(stream: str) -> pl.Expr:
    return pl.format("{}-{}", pl.lit(stream), pl.int_range(1, pl.len() + 1)).alias("event_id")


_GA360_FILE = "ga360_store/events_20160801_20160814.csv.gz"
_TAOBAO_114_FILE = "taobao/userbehavior_114users_9days.csv.gz"
_TAOBAO_WIDE_FILE = "taobao/userbehavior_wide_15min.csv.gz"
_REES46_FILE = "rees46/2019-Oct-01_0000_0214.csv.gz"
_RETAILROCKET_FILE = "retailrocket/events_sample.csv.gz"

STREAMS: dict[str, Stream] = {
    stream.name: stream
    for stream in (
        Stream("ga360_20160801_20160814", _GA360_FILE, _prepare_ga360, _ga360_event),
        Stream("taobao_114users", _TAOBAO_114_FILE, _prepare_taobao, _taobao_event),
        Stream("taobao_wide_15min", _TAOBAO_WIDE_FILE, _prepare_taobao, _taobao_event),
        Stream("rees46_0000_0214", _REES46_FILE, _prepare_rees46, _rees46_event),
        Stream("retailrocket_sample", _RETAILROCKET_FILE, _prepare_retailrocket, _retailrocket_event),
    )
}
