"""Events as job `archive` leaves them: Parquet by day and hour, the blocks as JSON text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from connectors.lake import reading as lake
from connectors.lake.tables import EVENTS

_BLOCKS = ("context", "product", "order", "properties")


def write_lake(root: Path, documents: Iterable[dict[str, Any]]) -> Path:
    """Writes canonical events, one file an hour."""
    hours: dict[str, list[dict[str, Any]]] = {}
    for offset, document in enumerate(documents):
        moment = datetime.fromtimestamp(document["event_time_ms"] / 1000, UTC)
        row = {name: document.get(name) for name in EVENTS.columns}
        row |= {name: orjson.dumps(row[name]).decode() for name in _BLOCKS if row[name] is not None}
        row |= {"sequence": row["sequence"] or 0, "source_topic": "t", "source_partition": 0,
                "source_offset": offset, "source_timestamp_ms": document["event_time_ms"]}  # fmt: skip
        hours.setdefault(f"day={moment:%Y-%m-%d}/hour={moment:%H}", []).append(row)
    schema = {name: lake._KINDS[kind] for name, kind in EVENTS.columns.items()}
    for hour, rows in hours.items():
        folder = root / EVENTS.name / hour
        folder.mkdir(parents=True)
        pl.DataFrame(rows, schema=schema).write_parquet(folder / "part-0.parquet")
    return root
