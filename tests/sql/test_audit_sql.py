"""The audit's books: balanced over a story with every verdict, and off by exactly what is taken away."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import orjson
import pytest
from pyflink.common import RowKind
from pyflink.table import DataTypes, Schema, StreamTableEnvironment

from connectors.contracts.messages import read_written
from jobs import audit
from jobs.offline.audit.sums import hash_code
from jobs.settings import Settings
from state.logic import Document
from tests.sql.story import BROKEN, day
from tests.sql.tables import NO_ELASTICSEARCH, Answers, Flink, Message, Row, files, stamp, write_rows

TOO_LONG = re.compile(rb"[\d.]{990}")
TOPICS = ("raw", "ledger", "late", "rejected")
Topics = dict[str, list[Row]]


@pytest.fixture(scope="module")
def messages(story: Answers, story_messages: list[Message]) -> list[Message]:
    """Those that both sides read: an event with a number that Java finds too long is late, and not counted by it."""
    late = [read_written(one.body)["source"] for one in story.documents if _is_too_long(one)]
    unread = {(source["partition"], source["offset"]) for source in late}
    return [one for one in story_messages if (one.position.partition, one.position.offset) not in unread]


def _is_too_long(document: Document) -> bool:
    return document.kind == "late" and bool(TOO_LONG.search(document.body))


@pytest.fixture(scope="module")
def topics(story: Answers, messages: list[Message]) -> Topics:
    """What lies in the four topics after the story; late events and letters twice, as after a restart."""
    return {
        "raw": [_raw(message) for message in messages],
        "ledger": [_entry(row) for row in story.ledger],
        "late": _records(story, "late") * 2,
        "rejected": _records(story, "rejected") * 2,
    }


def _raw(message: Message) -> Row:
    text = (message.value or b"").decode("utf-8", "replace")
    position = message.position
    return {
        "record_value": text,
        "source_partition": position.partition,
        "source_timestamp": stamp(position.timestamp_ms),
    }


def _entry(row: Row) -> Row:
    entry = {**row, "partition": row["source_partition"]}
    return {"record_key": row["entry_id"], "record_value": orjson.dumps(entry).decode()}


def _records(story: Answers, kind: str) -> list[Row]:
    found = [one for one in story.documents if one.kind == kind and not _is_too_long(one)]
    return [{"record_key": one.key, "record_value": one.body.decode()} for one in found]


def run(flink: Flink, topics: Topics, query: str) -> list[Row]:
    """The rows of the query in the end."""
    result = audit_tables(flink, topics).sql_query(query).execute()
    names = result.get_table_schema().get_field_names()
    rows: Counter[bytes] = Counter()
    with result.collect() as changes:
        for change in changes:
            added = change.get_row_kind() in (RowKind.INSERT, RowKind.UPDATE_AFTER)
            rows[orjson.dumps(dict(zip(names, change, strict=True)))] += 1 if added else -1
    return [orjson.loads(row) for row, times in rows.items() for _ in range(times)]


def audit_tables(flink: Flink, topics: Topics) -> StreamTableEnvironment:
    settings = Settings(bounded=True, parallelism=1)
    env, folder = audit.audit_environment(settings), flink.new_folder()
    for name in TOPICS:
        write_rows(folder / f"{name}.jsonl", topics[name])
        env.create_temporary_table(f"{name}_read", files(folder / f"{name}.jsonl", _schema(name)))
    audit.build(env, NO_ELASTICSEARCH, settings)
    return env


def _schema(name: str) -> Schema:
    builder = Schema.new_builder().column("record_value", DataTypes.STRING())
    if name != "raw":
        return builder.column("record_key", DataTypes.STRING()).build()
    builder = builder.column("source_partition", DataTypes.INT())
    return builder.column("source_timestamp", DataTypes.TIMESTAMP_LTZ(3)).build()


@pytest.fixture(scope="module")
def windows(flink: Flink, topics: Topics) -> list[Row]:
    return run(flink, topics, "SELECT * FROM audit_windows")


def test_every_window_balances(windows: list[Row], messages: list[Message]) -> None:
    assert {row["difference"] for row in windows} == {0}
    assert {row["source_partition"] for row in windows} == {0, 1, 2, 3}
    assert sum(row["read"] for row in windows) == len(messages) - 2  # heartbeats
    for name in ("late", "duplicate", "not_json", "out_of_range", "future_timestamp", "no_consent"):
        assert sum(row[name] for row in windows) > 0, name


def test_the_same_ids_went_out_that_came_in(windows: list[Row]) -> None:
    """Where an id can be read on both sides: broken messages, and those whose bytes are not kept, may differ."""
    whole = [row for row in windows if row["arrived_in"] * 300_000 < day(BROKEN)]
    kept = [row for row in whole if not (row["no_consent"] or row["bot_quarantined"])]
    assert len(kept) > 10
    assert {row["checksum_difference"] for row in kept} == {0}


def test_what_is_lost_on_the_way_shows(flink: Flink, topics: Topics, windows: list[Row]) -> None:
    less = {**topics, "late": [], "rejected": []}
    less["ledger"] = [row for row in topics["ledger"] if '"valid"' not in row["record_value"]]
    rows = run(flink, less, "SELECT * FROM audit_windows")
    still = sum(row["duplicate"] for row in windows)
    assert sum(row["difference"] for row in rows) == sum(row["read"] for row in windows) - still
    assert any(row["checksum_difference"] for row in rows)


def test_a_document_says_the_same_as_its_window(flink: Flink, topics: Topics, windows: list[Row]) -> None:
    query = "SELECT audit_id, LAST_VALUE(document) AS document FROM audit_documents GROUP BY audit_id"
    found: dict[str, Any] = {
        row["audit_id"]: orjson.loads(row["document"]) for row in run(flink, topics, query)
    }
    for row in windows:
        document = found[f"ingest/{row['arrived_in']}/{row['source_partition']}"]
        assert (document["read"], document["difference"]) == (row["read"], 0)
        assert document["version"] == row["facts"]
        assert document["rejected"]["not_json"] == row["not_json"]


def test_the_checksum_can_be_made_outside_of_flink(windows: list[Row], messages: list[Message]) -> None:
    found = Counter({row["arrived_in"]: 0 for row in windows})
    for value, position in messages:
        if (
            position.timestamp_ms < day(BROKEN)
            and (event := read_written(value))["event_type"] != "heartbeat"
        ):
            found[position.timestamp_ms // 300_000] += hash_code(event["event_id"])
    for row in windows:
        found[row["arrived_in"]] -= row["read_checksum"]
    assert {key: rest for key, rest in found.items() if rest and key * 300_000 < day(BROKEN)} == {}
