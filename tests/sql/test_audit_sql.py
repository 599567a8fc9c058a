"""The audit's books: balanced over a stream with every verdict, and off by exactly what is taken away."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
import pytest
from pyflink.common import RowKind
from pyflink.table import DataTypes, Schema, TableEnvironment

from cli import local_flink
from connectors.audit import hash_code
from jobs import audit
from jobs.settings import Settings
from tests.sql.tables import NO_ELASTICSEARCH, Flink, Row
from tests.sql.test_ledger_sql import EVENTS, messages
from tests.sql.vocabulary import by_arrival

TOPICS = ("raw", "ledger", "late", "rejected")
Topics = dict[str, list[Row]]


@pytest.fixture(scope="module")
def topics(flink: Flink) -> Topics:
    """What lies in the four topics after ingest and sessions have run over the ledger's story."""
    views = ["ledger_entries", "session_ledger", "late_documents", "events_refused"]
    lines = messages(by_arrival(EVENTS))
    live = {"bounded": False, "idle_timeout_ms": 0, "ledger_step_ms": 10_000}
    found = flink.run(lines, views, **live)
    raw = list(_raw(lines))
    refused = {
        (row["source_partition"], offset)
        for row in found["events_refused"]
        for offset in range(row["first_offset"], row["last_offset"] + 1)
    }
    entries = [*found["ledger_entries"], *found["session_ledger"]]
    return {
        "raw": raw,
        "ledger": [{"record_key": row["entry_id"], "record_value": row["entry"]} for row in entries],
        # Twice: a restart may write them again.
        "late": [{"record_key": "v", "record_value": row["document"]} for row in found["late_documents"]] * 2,
        "rejected": [_letter(row) for row in raw if (row["source_partition"], row["offset"]) in refused] * 2,
    }


def _raw(lines: list[str]) -> Iterable[Row]:
    """The messages that the lines are, and between them those that no event could be read from."""
    next_offset: dict[int, int] = {}
    for line in lines:
        event = orjson.loads(line)
        place = {key: event[key] for key in ("source_partition", "source_timestamp")}
        offset, partition = event["source_offset"], event["source_partition"]
        for lost in range(next_offset.get(partition, 0), offset):
            yield {**place, "offset": lost, "record_value": f"garbage {lost}"}
        yield {**place, "offset": offset, "record_value": line}
        next_offset[partition] = offset + 1


def _letter(row: Row) -> Row:
    document = {
        "reason": "not_json" if row["record_value"].startswith("garbage") else "out_of_range",
        "topic": "footfall.events.raw",
        "partition": row["source_partition"],
        "offset": row["offset"],
        "timestamp_ms": round(datetime.fromisoformat(row["source_timestamp"]).timestamp() * 1000),
        "payload_base64": base64.b64encode(row["record_value"].encode()).decode(),
    }
    key = f"footfall.events.raw:{row['source_partition']}:{row['offset']}"
    return {"record_key": key, "record_value": orjson.dumps(document).decode()}


def run(flink: Flink, topics: Topics, view: str) -> list[Row]:
    """The view's rows in the end."""
    env = audit_tables(flink, topics)
    result = env.sql_query(f"SELECT * FROM {view}").execute()
    names = result.get_table_schema().get_field_names()
    rows: dict[str, Row] = {}
    with result.collect() as changes:
        for change in changes:
            row = dict(zip(names, change, strict=True))
            key = orjson.dumps(
                [row.get(name) for name in ("window_start_ms", "arrived_in", "source_partition")]
            )
            if change.get_row_kind() in (RowKind.INSERT, RowKind.UPDATE_AFTER):
                rows[key] = row
            elif change.get_row_kind() == RowKind.DELETE:
                del rows[key]
    return list(rows.values())


def audit_tables(flink: Flink, topics: Topics) -> TableEnvironment:
    settings = Settings({"bounded": True, "parallelism": 1})
    env, folder = flink.environment(settings), flink.new_folder()
    for name in TOPICS:
        path = folder / f"{name}.jsonl"
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in topics[name]))
        env.create_temporary_table(f"{name}_read", local_flink.files(path, _schema(name), {"format": "json"}))
    audit.build(env, NO_ELASTICSEARCH, settings)
    return env


def _schema(name: str) -> Schema:
    builder = Schema.new_builder().column("record_value", DataTypes.STRING())
    if name != "raw":
        return builder.column("record_key", DataTypes.STRING()).build()
    builder = builder.column("source_partition", DataTypes.INT())
    return builder.column("source_timestamp", DataTypes.TIMESTAMP_LTZ(3)).build()


def without(topics: Topics, name: str, text: str) -> Topics:
    """The topics without the records of one that hold the text."""
    kept = [row for row in topics[name] if text not in row["record_value"]]
    assert len(kept) < len(topics[name])
    return {**topics, name: kept}


@pytest.fixture(scope="module")
def windows(flink: Flink, topics: Topics) -> list[Row]:
    return run(flink, topics, "audit_windows")


def test_every_window_balances_by_count_and_by_checksum(windows: list[Row]) -> None:
    rows = windows
    assert {(row["difference"], row["checksum_difference"]) for row in rows} == {(0, 0)}
    assert {row["source_partition"] for row in rows} == {0, 1}
    beats = sum(event["event_type"] == "heartbeat" for event in EVENTS)
    lost = sum(event["lost_before"] for event in EVENTS)
    assert sum(row["read"] for row in rows) == len(EVENTS) + lost - beats
    assert sum(row["late"] for row in rows) == 1
    assert sum(row["duplicate"] for row in rows) == 3
    assert sum(row["not_json"] for row in rows) == lost
    assert sum(row["out_of_range"] for row in rows) == 2


def test_what_is_lost_on_the_way_shows(flink: Flink, topics: Topics, windows: list[Row]) -> None:
    less = without(without(without(topics, "late", "dora"), "rejected", "footfall"), "ledger", '"valid"')
    rows = run(flink, less, "audit_windows")
    gone = ("late", "valid", "not_json", "out_of_range")
    assert sum(row[name] for row in rows for name in gone) == 0
    assert sum(row["difference"] for row in rows) == sum(row[name] for row in windows for name in gone)
    assert any(row["checksum_difference"] for row in rows)


def test_sessions_took_in_what_ingest_found_valid(flink: Flink, topics: Topics) -> None:
    rows = run(flink, topics, "audit_sessions")
    assert {(row["difference"], row["checksum_difference"]) for row in rows} == {(0, 0)}
    assert sum(row["sessions"] for row in rows) == sum(row["valid"] for row in rows) > 5


def test_what_sessions_did_not_take_in_shows(flink: Flink, topics: Topics) -> None:
    rows = run(flink, without(topics, "ledger", '"sessions"'), "audit_sessions")
    assert all(row["difference"] == row["valid"] > 0 for row in rows)
    assert all(row["checksum_difference"] == row["valid_checksum"] for row in rows)


def test_a_document_says_the_same_as_its_window(flink: Flink, topics: Topics, windows: list[Row]) -> None:
    env = audit_tables(flink, topics)
    found: dict[str, dict[str, Any]] = {}
    with env.sql_query("SELECT audit_id, document FROM audit_documents").execute().collect() as changes:
        for change in changes:
            if change.get_row_kind() in (RowKind.INSERT, RowKind.UPDATE_AFTER):
                found[change[0]] = orjson.loads(change[1])
    for row in windows:
        document = found[f"ingest/{row['arrived_in']}/{row['source_partition']}"]
        assert (document["read"], document["difference"], document["version"]) == (
            row["read"],
            0,
            row["facts"],
        )
        assert document["rejected"]["not_json"] == row["not_json"]


def test_the_checksum_can_be_made_outside_of_flink(windows: list[Row], topics: Topics) -> None:
    found = Counter({row["arrived_in"]: 0 for row in windows})
    for row in topics["raw"]:
        event = orjson.loads(row["record_value"]) if row["record_value"].startswith("{") else {}
        if event.get("event_id") and event["event_type"] != "heartbeat":
            found[event["received_at_ms"] // 300_000] += hash_code(event["event_id"])
    assert dict(found) == {
        key: sum(row["read_checksum"] for row in windows if row["arrived_in"] == key) for key in found
    }
