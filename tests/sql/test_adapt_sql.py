"""ADAPT over a file of foreign messages, and what the planner makes of it: each message goes through its adapter once."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
from pyflink.table import DataTypes, Schema

from connectors.adapters import AUTO
from connectors.adapters.adapter import RecordMetadata
from connectors.contracts import topics
from jobs import adapt, wiring
from jobs import kafka_tables as kafka
from jobs.settings import Settings
from tests.sql.plans import operators
from tests.sql.tables import NO_KAFKA, Flink, b64, columns, files, rows, stamp, write_rows
from tests.unit.adapter_samples import FOOTFALL, SEGMENT_ADDED, T0
from udfs.adapt import SEPARATOR, UNKNOWN, texts

# What comes, and the headers beside it; not in the order in which it happened.
MESSAGES: list[tuple[bytes | None, dict[str, str]]] = [
    (orjson.dumps(FOOTFALL | {"sent_at_ms": T0 + 90_000}), {"received_at_ms": str(T0 + 90_000)}),
    (orjson.dumps(SEGMENT_ADDED), {"adapter": "segment", "received_at_ms": UNKNOWN}),
    (orjson.dumps(FOOTFALL), {}),
    (b"{", {}),
    (b"\xff\x00", {"adapter": "ga4"}),
    (None, {}),
]


def record_of(offset: int, headers: dict[str, str]) -> RecordMetadata:
    received = headers.get("received_at_ms")
    received_ms = None if received == UNKNOWN else int(received or T0 + offset)
    return RecordMetadata(topics.EVENTS_FOREIGN.name, 0, offset, T0 + offset, received_ms)


def row_of(offset: int, value: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "payload": None if value is None else b64(value),
        "headers": {name: b64(text.encode()) for name, text in headers.items()},
        "source_topic": topics.EVENTS_FOREIGN.name,
        "source_partition": 0,
        "source_offset": offset,
        "source_timestamp": stamp(T0 + offset),
    }


@pytest.fixture(params=[False, True], ids=["live", "history"])
def adapted(request: pytest.FixtureRequest, flink: Flink) -> list[list[Any]]:
    """kind, event time, record key and document of all that became of the messages; history in its order."""
    settings = Settings(bounded=request.param, parallelism=2)
    make = wiring.batch_environment if settings.bounded else wiring.environment
    env, folder = make("adapt", settings), flink.new_folder()
    write_rows(folder / "foreign", [row_of(at, *message) for at, message in enumerate(MESSAGES)])
    builder = Schema.new_builder().column("payload", DataTypes.BYTES())
    builder = builder.column("headers", DataTypes.MAP(DataTypes.STRING().not_null(), DataTypes.BYTES()))
    for name, (_, kind) in kafka.SOURCE_COLUMNS.items():
        builder = builder.column(name, kind)
    env.create_temporary_table("foreign_messages", files(folder / "foreign", builder.build()))
    adapt.build(env, settings)
    env.get_config().set("table.dml-sync", "true")
    inserts = wiring.Inserts(env)
    for view in ("events_in_order" if settings.bounded else "events_adapted", "messages_refused"):
        inserts.into(f"{view}_out", files(folder / view, columns(env, view)), f"SELECT * FROM {view}")  # noqa: S608
    inserts.submit()
    events = [
        ["event", row["record_key"], row["document"]]
        for view in ("events_in_order", "events_adapted")
        for row in rows(folder / view)
    ]
    if settings.bounded:
        times = [orjson.loads(document)["event_time_ms"] for *_, document in events]
        assert times == sorted(times) and len(set(times)) > 3
    return [
        *events,
        *(["rejected", row["letter_id"], row["letter"]] for row in rows(folder / "messages_refused")),
    ]


def test_every_message_becomes_what_its_adapter_says(adapted: list[list[Any]]) -> None:
    wanted = Counter[tuple[str, ...]]()
    for offset, (value, headers) in enumerate(MESSAGES):
        for text in texts(value, headers.get("adapter", AUTO), record_of(offset, headers), wiring.VERSION):
            kind, _, key, document = text.split(SEPARATOR)
            wanted[kind, key, document] += 1
    assert {kind for kind, *_ in wanted} == {"event", "rejected"}
    assert Counter(map(tuple, adapted)) == wanted


@pytest.mark.parametrize("bounded", [False, True])
def test_a_message_is_adapted_once_and_in_every_lane(flink: Flink, bounded: bool) -> None:
    settings = Settings(bounded=bounded)
    env = (wiring.batch_environment if bounded else wiring.environment)("adapt", settings)
    ends = replace(NO_KAFKA, bounded=bounded)
    env.create_temporary_table("foreign_messages", kafka.foreign_source(ends, topics.EVENTS_FOREIGN))
    adapt.build(env, settings)
    inserts = wiring.Inserts(env)
    raw, rejected = topics.EVENTS_RAW, topics.EVENTS_REJECTED
    adapt.write(inserts, ends.stamped_sink(raw), ends.text_sink(rejected), settings)
    plan = operators(inserts.explain())
    kinds = [one.kind for one in plan]
    assert kinds.count("PythonCalc") == kinds.count("TableSourceScan") == 1
    assert kinds.count("Sink") == 2 and kinds.index("PythonCalc") < kinds.index("Sink"), "both share it"
    (adapter,) = [one.given for one in plan if one.kind == "PythonCalc"]
    assert len(re.findall(r"\badapt_message\(", adapter)) == 1
    assert not [one for one in plan if one.kind == "Exchange" and "distribution=[single]" in one.given]
    sorts = [one.given for one in plan if one.kind == "Sort"]
    assert sorts == (["orderBy=[lane ASC, event_time_ms ASC]"] if bounded else [])
