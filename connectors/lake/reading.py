"""Reads the lake that job `archive` writes: polars frames of its tables, and its events as messages again.

Any Parquet reader can read the files themselves: names that begin with `.` or `_` are not data. These
functions also know the columns of files that an older or a newer version wrote, and hours that are being
merged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import polars as pl

from connectors.contracts.blocks import Context, Order, Product
from connectors.errors import BadInput
from connectors.lake.tables import EVENTS, SESSIONS, SIGNALS, LakeTable

MERGING = "_merging.json"  # of an hour: {"into": file, "replaces": [files]}; see connectors/lake/merge.py
_KINDS: dict[str, type[pl.DataType]] = {"string": pl.String, "int": pl.Int32, "long": pl.Int64}
_BLOCKS = {"context": Context, "product": Product, "order": Order}
_LEAF_KINDS: dict[str, type[pl.DataType]] = {"str": pl.String, "int": pl.Int64, "float": pl.Float64}
_OBJECTS = (*_BLOCKS, "properties")
_HOUR_MS = 3_600_000


def scan_events(lake: Path, since_ms: int | None = None, until_ms: int | None = None) -> pl.LazyFrame:
    """Valid events, one row each; `event_time_ms` from `since_ms` to before `until_ms`, in no order.

    Columns: `lake_tables.EVENTS`. `context`, `product`, `order` and `properties` are JSON text: see `leaves`.

    Raises:
        BadInput: the folder has no such table.
    """
    return scan(lake, EVENTS, since_ms, until_ms)


def scan_sessions(lake: Path, since_ms: int | None = None, until_ms: int | None = None) -> pl.LazyFrame:
    """Closed sessions by the time of their last event; `document` is the contract's document, JSON text.

    Raises:
        BadInput: the folder has no such table.
    """
    return scan(lake, SESSIONS, since_ms, until_ms)


def scan_signals(lake: Path, since_ms: int | None = None, until_ms: int | None = None) -> pl.LazyFrame:
    """Every change of a signal by its time; `document` is the contract's document, JSON text.

    Raises:
        BadInput: the folder has no such table.
    """
    return scan(lake, SIGNALS, since_ms, until_ms)


def scan(
    lake: Path, table: LakeTable, since_ms: int | None = None, until_ms: int | None = None
) -> pl.LazyFrame:
    """A table's rows in the given time; only the hours that can hold some are opened.

    Raises:
        BadInput: the folder has no such table.
    """
    chosen = [hour for hour in hours(lake, table) if _overlaps(hour, since_ms, until_ms)]
    frame = read(table, [file for hour in chosen for file in data_files(hour)])
    if since_ms is not None:
        frame = frame.filter(pl.col(table.time) >= since_ms)
    if until_ms is not None:
        frame = frame.filter(pl.col(table.time) < until_ms)
    return frame


def read(table: LakeTable, files: list[Path]) -> pl.LazyFrame:
    """The files' rows with the table's columns: NULL where a file has none, without what the table lacks."""
    schema = {name: _KINDS[kind] for name, kind in table.columns.items()}
    if not files:
        return pl.LazyFrame(schema=schema)
    return pl.scan_parquet(
        files, schema=schema, missing_columns="insert", extra_columns="ignore", hive_partitioning=False
    )


def hours(lake: Path, table: LakeTable) -> list[Path]:
    """The folders of the table's hours in the order of time.

    Raises:
        BadInput: the folder has no such table.
    """
    folder = lake / table.name
    if not folder.is_dir():
        raise BadInput(
            f"{lake} is no lake: it has no folder {table.name}/", "give the archive_dir of job archive"
        )
    return sorted(folder.glob("day=*/hour=*"))


def hour_start_ms(hour: Path) -> int:
    """When the hour of a folder began, epoch milliseconds.

    >>> hour_start_ms(Path("lake/events/day=2023-11-14/hour=22"))
    1699999200000
    """
    day, clock = (part.partition("=")[2] for part in hour.parts[-2:])
    return int(datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H").replace(tzinfo=UTC).timestamp() * 1000)


def data_files(hour: Path) -> list[Path]:
    """The files that hold the hour's rows, each row once, also while the hour is being merged."""
    merging = _merging(hour)
    replaced, into = set(merging.get("replaces", ())), merging.get("into")
    files = [
        path for path in sorted(hour.iterdir()) if path.name[0] not in "._" and path.name not in replaced
    ]
    if into and not (hour / into).exists():
        files.append(hour / f".{into}")
    return files


def _merging(hour: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((hour / MERGING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _overlaps(hour: Path, since_ms: int | None, until_ms: int | None) -> bool:
    start_ms = hour_start_ms(hour)
    return (since_ms is None or start_ms + _HOUR_MS > since_ms) and (until_ms is None or start_ms < until_ms)


def leaves(*blocks: str) -> list[pl.Expr]:
    """Typed columns `<block>_<leaf>` of events' JSON text; NULL for what is absent or not of its kind.

    Args:
        blocks: context, product, order; none is all.

    >>> frame = pl.DataFrame({"product": ['{"product_id": "p", "price": 9.5}', None]})
    >>> frame.select(leaves("product"))["product_price"].to_list()
    [9.5, None]
    """
    return [
        pl.col(block)
        .str.json_path_match(f"$.{leaf.name}")
        .cast(_LEAF_KINDS[str(leaf.type).partition(" ")[0]], strict=False)
        .alias(f"{block}_{leaf.name}")
        for block in blocks or _BLOCKS
        for leaf in fields(_BLOCKS[block])
    ]


class Message(NamedTuple):
    """An event as the raw topic takes it: the contract's JSON, key and timestamp of the record; its time."""

    value: bytes
    key: str
    timestamp_ms: int
    event_time_ms: int


def messages(lake: Path) -> Iterator[Message]:
    """Every event of the lake in the order of event time; an hour at a time is in memory.

    Raises:
        BadInput: the folder is no lake.
    """
    for hour in hours(lake, EVENTS):
        frame = read(EVENTS, data_files(hour)).sort(EVENTS.order).collect()
        yield from map(message, frame.iter_rows(named=True))


def message(row: dict[str, Any]) -> Message:
    """The message that a row of the lake once was.

    >>> row = {"event_time_ms": 5, "visitor_id": "v", "context": '{"os":"x"}', "source_timestamp_ms": 7}
    >>> message(row).value
    b'{"event_time_ms":5,"visitor_id":"v","context":{"os":"x"}}'
    """
    document = {
        name: _embedded(value) if name in _OBJECTS else value
        for name, value in row.items()
        if value is not None and not name.startswith("source_")
    }
    return Message(
        orjson.dumps(document), row["visitor_id"], row["source_timestamp_ms"], row["event_time_ms"]
    )


def _embedded(text: str) -> object:
    """The text as the JSON that it is; a tracker may have sent plain text where an object belongs."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    # The text itself and not what was read from it: numbers stay as exact as they came.
    return orjson.Fragment(text) if isinstance(found, (dict, list)) else text
