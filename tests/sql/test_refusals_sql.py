"""Validation in SQL against the reference in connectors/events.py: where they agree, where SQL cannot know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.events import EVENT_TYPES, validate_event
from connectors.rejected import Reject
from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import Document, message, page, t

ABSENT = object()
NOW_MS = t(0)
GOOD = page("v", NOW_MS)
REQUIRED = ("schema", "event_id", "event_type", "event_time_ms", "visitor_id")
Case = tuple[dict[str, Any], str | None]


def each(field: str, values: list[Any], verdict: str | None) -> list[Case]:
    return [({field: value}, f"{verdict}:{field}" if verdict else None) for value in values]


# What is changed in a good event, and the verdict: None is accepted.
AGREED: list[Case] = [
    ({}, None),
    *(case for field in REQUIRED for case in each(field, [ABSENT, None], "missing_field")),
    *each("schema", ["event/2", "", "EVENT/1", 1, True, {}, ["event/1"]], "unknown_schema"),
    *each("event_id", [{}, {"a": 1}, [], ["e"], True, False], "wrong_type"),
    *each("visitor_id", [{}, {"a": 1}, [], ["v"], True, False], "wrong_type"),
    *each("event_time_ms", [1.5, "yesterday", "", "1.0", "1e3", "0x5", True, {}, [], 10**30], "wrong_type"),
    *each("event_time_ms", [f"{NOW_MS}.5", f"{NOW_MS}.", NOW_MS + 0.5], "wrong_type"),
    *each("sequence", [1.5, "first", "", "1.0", "1e3", True, {}, [], 10**30], "wrong_type"),
    *each("event_id", ["e", "é" * 128, "😀" * 128, " ", 5, 1.5, "{", "[", "{a}", "null"], None),
    *each("event_id", ["", "é" * 129], "out_of_range"),
    *each("visitor_id", ["v", "é" * 256, "😀" * 256, 5, "[v]"], None),
    *each("visitor_id", ["", "😀" * 257], "out_of_range"),
    *each("event_type", [*EVENT_TYPES, "heartbeat", "custom:x", "custom:_", "custom:é\n", "custom:%"], None),
    *each("event_type", ["", "buy", "custom:", "custom", "Custom:x", "page_view ", 5], "out_of_range"),
    *each("event_time_ms", [0, NOW_MS, str(NOW_MS), "0", NOW_MS + 300_000], None),
    *each("event_time_ms", [-1, 4_102_444_800_001, "-1", 10**17], "out_of_range"),
    *each("event_time_ms", [NOW_MS + 300_001, 4_102_444_800_000], "future_timestamp"),
    *each("sequence", [0, 999_999, "7", None], None),
    *each("sequence", [-1, 1_000_000], "out_of_range"),
    *each("context", [5, "text", [], None, {"device": {}}], None),
    *each("received_at_ms", ["then", -1, None, {}], None),
    ({"schema": "event/9", "event_id": ABSENT}, "unknown_schema:schema"),
    ({"schema": ABSENT, "event_id": ABSENT}, "missing_field:schema"),
    ({"visitor_id": None, "event_time_ms": "x"}, "missing_field:visitor_id"),
    ({"event_time_ms": "x", "event_id": ""}, "wrong_type:event_time_ms"),
    ({"event_id": "", "event_type": "buy"}, "out_of_range:event_id"),
    ({"event_type": "buy", "event_time_ms": -1}, "out_of_range:event_type"),
    ({"event_time_ms": NOW_MS + 300_001, "sequence": -1}, "out_of_range:sequence"),
]


def _of_size(characters: int) -> dict[str, Any]:
    """What makes the good event's text so long, in the columns that SQL counts."""
    ids = ("event_id", "event_type", "visitor_id", "anonymous_id", "user_id")
    rest = sum(len(GOOD.get(name, "")) for name in ids) + len('{"b":""}')
    return {"properties": {"b": "x" * (characters - rest)}, "context": None, "product": None}


# The JSON reader gives every leaf as text: SQL cannot tell `true` from `"true"`. (changed, SQL, the contract)
DIFFERENT: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({"event_id": "true"}, "wrong_type:event_id", None),
    ({"visitor_id": "false"}, "wrong_type:visitor_id", None),
    ({"event_id": '{"a": 1}'}, "wrong_type:event_id", None),
    ({"visitor_id": "[1]"}, "wrong_type:visitor_id", None),
    ({"event_type": True}, "out_of_range:event_type", "wrong_type:event_type"),
    ({"event_type": {"custom:": 1}}, "out_of_range:event_type", "wrong_type:event_type"),
    # SQL reads any number of 64 bits, with sign and blanks; the contract up to 18 digits and a minus.
    ({"event_time_ms": f"+{NOW_MS}"}, None, "wrong_type:event_time_ms"),
    ({"event_time_ms": f" {NOW_MS} "}, None, "wrong_type:event_time_ms"),
    ({"event_time_ms": 10**18}, "out_of_range:event_time_ms", "wrong_type:event_time_ms"),
    # SQL counts the characters of what it keeps, the contract the bytes of the message.
    (_of_size(1_000_001), "oversized:", "oversized:None"),
    (_of_size(1_000_000), None, "oversized:None"),
    ({"unknown": "x" * 1_000_000}, None, "oversized:None"),
    # Of several wrong types SQL names the number, the contract the id.
    ({"event_id": {}, "event_time_ms": "x"}, "wrong_type:event_time_ms", "wrong_type:event_id"),
]
CHANGES = [changes for changes, _ in AGREED] + [changes for changes, _, _ in DIFFERENT]


def changed(changes: dict[str, Any]) -> Document:
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ABSENT}


def shown(changes: dict[str, Any]) -> str:
    return ",".join(
        f"{name}={'absent' if value is ABSENT else repr(value)[:24]}" for name, value in changes.items()
    )


def contract(changes: dict[str, Any]) -> str | None:
    found = validate_event(json.dumps(changed(changes)).encode(), NOW_MS)
    return f"{found.reason}:{found.field}" if isinstance(found, Reject) else None


@pytest.fixture(scope="module")
def rows(flink: Flink) -> dict[str, list[Row]]:
    """One message for each case, its place in CHANGES as the offset; behind them an array of two events."""
    messages = [_message(changed(changes), offset) for offset, changes in enumerate(CHANGES)]
    two = [_message({**GOOD, "event_id": name}, len(CHANGES)) for name in ("left", "right")]
    messages.append(f"[{','.join(two)}]")
    return flink.run(messages, ["events_checked", "events_refused", "message_gaps"], out_of_orderness_ms=0)


def _message(event: Document, offset: int) -> str:
    return message(event, 0, offset, timestamp_ms=NOW_MS)


@pytest.fixture(scope="module")
def refusals(rows: dict[str, list[Row]]) -> dict[int, str | None]:
    return {row["source_offset"]: row["refusal"] for row in rows["events_checked"]}


@pytest.mark.parametrize("place", range(len(AGREED)), ids=[shown(changes) for changes, _ in AGREED])
def test_sql_judges_as_the_contract_does(refusals: dict[int, str | None], place: int) -> None:
    changes, verdict = AGREED[place]
    assert refusals[place] == verdict
    assert contract(changes) == verdict


@pytest.mark.parametrize("place", range(len(DIFFERENT)), ids=[shown(changes) for changes, _, _ in DIFFERENT])
def test_the_known_differences_are_these(refusals: dict[int, str | None], place: int) -> None:
    changes, in_sql, in_the_contract = DIFFERENT[place]
    assert refusals[len(AGREED) + place] == in_sql
    assert contract(changes) == in_the_contract


def test_an_array_of_events_is_read_as_its_events(rows: dict[str, list[Row]]) -> None:
    """The contract refuses it as not_an_object; the JSON reader gives a row for each element instead."""
    found = [row for row in rows["events_checked"] if row["source_offset"] == len(CHANGES)]
    assert [(row["event_id"], row["refusal"]) for row in found] == [("left", None), ("right", None)]
    assert rows["message_gaps"] == []


def test_whatever_is_refused_is_among_the_refused(rows: dict[str, list[Row]]) -> None:
    found = {(row["first_offset"], row["last_offset"], row["refusal"]) for row in rows["events_refused"]}
    checked = rows["events_checked"]
    assert found == {(row["source_offset"],) * 2 + (row["refusal"],) for row in checked if row["refusal"]}
