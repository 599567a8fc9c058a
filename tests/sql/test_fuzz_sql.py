"""Mutated events through the SQL of all stages: no expression of any view fails, and each is in one place."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import islice

import orjson
import pytest

from connectors.messages import read_written
from tests import fuzz
from tests.sql.tables import Flink, Row

START_MS, STEP_MS = 1_700_000_000_000, 500
COUNT = int(os.environ.get("FOOTFALL_FUZZ_SQL", "4000"))
SEED = int(os.environ.get("FOOTFALL_FUZZ_SEED", "3"))
# What leaves the job, and all that is computed on the way there.
VIEWS = (
    "events_checked", "events_on_time", "message_gaps", "events_late", "events_valid", "events_withheld", "ledger",
    "valid_documents", "late_documents", "ledger_entries", "alias_documents", "session_documents", "feature_documents",
    "visitor_documents", "signal_documents",
)  # fmt: skip


def _placed(value: bytes, offset: int) -> str | None:
    """The message with the columns of its place; None for what no line of a file can hold or is no object."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    if not text.startswith("{") or "\n" in text or "\r" in text:
        return None
    at = datetime.fromtimestamp((START_MS + offset * STEP_MS) / 1000, UTC).isoformat().replace("+00:00", "Z")
    place = {"source_topic": "t", "source_partition": 0, "source_offset": offset, "source_timestamp": at}
    members = orjson.dumps(place).decode()[1:-1]
    return "{" + members + ("" if text.lstrip("{ \t").startswith("}") else ",") + text[1:]


@pytest.fixture(scope="module")
def rows(flink: Flink) -> dict[str, list[Row]]:
    clock = iter(range(START_MS, START_MS + 100 * COUNT * STEP_MS, STEP_MS))
    made = (
        _placed(value, number) for number, (_, value) in enumerate(fuzz.messages(SEED, lambda: next(clock)))
    )
    messages = list(islice((message for message in made if message), COUNT))
    # So few visitors that each has a history.
    return flink.run((text.replace("visitor-1", "visitor-") for text in messages), VIEWS)


def test_every_event_is_in_one_place(rows: dict[str, list[Row]]) -> None:
    for view in ("events_late", "events_valid", "events_withheld"):
        assert rows[view], view
    refused = [row for row in rows["events_checked"] if row["refusal"]]
    repeated = [row for row in rows["events_on_time"] if row["repeat_no"] > 1]
    passed = len(rows["events_valid"]) + len(rows["events_late"]) + len(rows["events_withheld"])
    beats = sum(row["event_type"] == "heartbeat" for row in rows["events_checked"])
    assert passed + len(refused) + len(repeated) + beats == len(rows["events_checked"])


def test_the_ledger_counts_what_passed(rows: dict[str, list[Row]]) -> None:
    counted = {row["entry_id"]: row for row in rows["ledger"]}.values()
    valid = sum(row["events"] for row in counted if row["verdict"] == "valid")
    assert valid == len(rows["events_valid"])


def test_what_leaves_is_json(rows: dict[str, list[Row]]) -> None:
    for view, column in (
        ("signal_documents", "document"),
        ("valid_documents", "document"),
        ("late_documents", "document"),
    ):
        assert rows[view], view
        for row in rows[view]:
            assert read_written(row[column])
