"""Events in their sessions: numbers, starts, forced closes; equal to the naive answer on random streams."""

from __future__ import annotations

from collections import defaultdict

import pytest

from connectors.sessions import session_id
from tests import oracle
from tests.sql.random_streams import stream
from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import ORDERS, Stories, page, t

MAX_MS, MAX_EVENTS = 4 * 3_600_000, 5
GAP = 1_800_000
STORIES = Stories()
STORIES.tell(page("alone", t(0)))
STORIES.tell(page("gap", t(0)), page("gap", t(30)), page("gap", t(60, ms=1)))
STORIES.tell(*(page("long", t(minute)) for minute in range(0, 24 * 60 + 1, 60)), page("long", t(25)))
STORIES.tell(*(page("steady", t(0, ms=20 * 60_000 * at)) for at in range(25)))
STORIES.tell(*(page("many", t(0, ms=at)) for at in range(12)))
STORIES.tell(*(page("burst", t(0, ms=at // 4), sequence=at % 4) for at in range(14)))
STREAMS = [found for seed in range(200) for found in stream(seed)]


@pytest.fixture(scope="module", params=ORDERS)
def rows(flink: Flink, request: pytest.FixtureRequest) -> list[Row]:
    arrange, settings = ORDERS[request.param]
    limits = {"session_max_ms": MAX_MS, "session_max_events": MAX_EVENTS}
    return flink.run(arrange(STORIES.events + STREAMS), ["session_events"], **limits, **settings)[
        "session_events"
    ]


def test_every_event_is_in_the_oracles_session(rows: list[Row]) -> None:
    found = {
        (row["event_id"], row["session_started_at_ms"], row["session_part"], row["session_ends_by_ms"])
        for row in rows
    }
    parts = oracle.session_parts(STORIES.events + STREAMS, GAP, MAX_MS, MAX_EVENTS)
    expected = {
        (event["event_id"], part.id_start_ms, part.number, part.ends_by_ms)
        for part in parts
        for event in part.events
    }
    assert len(rows) == len(found) > 1000
    assert found == expected


def test_the_id_is_the_contracts(rows: list[Row]) -> None:
    for row in rows:
        assert row["session_id"] == session_id(
            row["visitor_id"], row["session_started_at_ms"], row["session_part"]
        )


def test_events_are_numbered_from_1_in_the_order_of_time(rows: list[Row]) -> None:
    sessions: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        sessions[row["session_id"]].append(row)
    for events in sessions.values():
        numbers = [row["event_no"] for row in sorted(events, key=lambda row: row["event_no"])]
        first = numbers[0]
        assert numbers == list(range(first, first + len(events)))
        assert first == 1 or events[0]["session_part"] > 0
        times = [row["event_time_ms"] for row in sorted(events, key=lambda row: row["event_no"])]
        assert times == sorted(times)


def test_the_previous_event_is_the_visitors(rows: list[Row]) -> None:
    visitors: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        visitors[row["visitor_id"]].append(row)
    for events in visitors.values():
        times = sorted(row["event_time_ms"] for row in events)
        found = sorted(row["previous_event_at_ms"] for row in events if row.get("previous_event_at_ms"))
        assert found == times[:-1]
