"""The lake's tables: folders of Parquet by day and hour, and the columns of each. Pure.

A table is a folder of the lake; below it lie `day=YYYY-MM-DD/hour=HH/` of event time, UTC. Columns are only
ever added: a file that was written before reads with NULLs there, and an old reader passes over what it does
not know. What no column carries is in the table's JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "int", "long"]
PARTITIONS = ("day", "hour")


@dataclass(frozen=True)
class LakeTable:
    """One table.

    Attributes:
        name: its folder.
        time: the column, epoch milliseconds UTC, that says in which day and hour a row lies.
        order: the columns that put an hour's rows in order.
        columns: kinds by name, in the order of the file.
    """

    name: str
    time: str
    order: tuple[str, ...]
    columns: Mapping[str, Kind]


EVENTS = LakeTable(
    name="events",
    time="event_time_ms",
    order=("event_time_ms", "sequence", "source_partition", "source_offset"),
    columns={
        "schema": "string",
        "event_id": "string",
        "event_type": "string",
        "event_time_ms": "long",
        "received_at_ms": "long",
        "visitor_id": "string",
        "anonymous_id": "string",
        "user_id": "string",
        "session_hint": "string",
        "sequence": "long",
        "context": "string",
        "product": "string",
        "order": "string",
        "properties": "string",
        "source_topic": "string",
        "source_partition": "int",
        "source_offset": "long",
        "source_timestamp_ms": "long",
    },
)
SESSIONS = LakeTable(
    name="sessions",
    time="version",
    order=("version", "session_id"),
    columns={
        "session_id": "string",
        "visitor_id": "string",
        "version": "long",
        "started_at_ms": "long",
        "ended_at_ms": "long",
        "events": "long",
        "close_reason": "string",
        "document": "string",
    },
)
SIGNALS = LakeTable(
    name="signals",
    time="version",
    order=("version", "signal_id"),
    columns={
        "signal_id": "string",
        "visitor_id": "string",
        "version": "long",
        "kind": "string",
        "status": "string",
        "occurred_at_ms": "long",
        "document": "string",
    },
)
LAKE_TABLES = (EVENTS, SESSIONS, SIGNALS)
