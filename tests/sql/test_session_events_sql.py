"""Events in their sessions: numbers, starts, forced closes; equal to the naive answer on random streams."""

from __future__ import annotations

from collections import defaultdict

import pytest

from connectors.sessions import Session, session_id
from tests import oracle
from tests.random_streams import stream
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
def answers(flink: Flink, request: pytest.FixtureRequest) -> dict[str, list[Row]]:
    arrange, settings = ORDERS[request.param]
    limits = {"session_max_ms": MAX_MS, "session_max_events": MAX_EVENTS}
    views = ["session_events", "sessions", "session_documents"]
    return flink.run(arrange(STORIES.events + STREAMS), views, **limits, **settings)


@pytest.fixture
def rows(answers: dict[str, list[Row]]) -> list[Row]:
    return answers["session_events"]


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
        assert numbers == list(range(1, len(events) + 1))
        in_order = sorted(events, key=lambda row: (row["event_time_ms"], row["sequence"], row["event_id"]))
        assert [row["event_no"] for row in in_order] == numbers


def test_the_previous_event_is_the_visitors(rows: list[Row]) -> None:
    visitors: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        visitors[row["visitor_id"]].append(row)
    for events in visitors.values():
        times = sorted(row["event_time_ms"] for row in events)
        found = sorted(row["previous_event_at_ms"] for row in events if row.get("previous_event_at_ms"))
        assert found == times[:-1]


def reason(part: oracle.Part) -> str:
    if len(part.events) == MAX_EVENTS:
        return "max_events"
    return "max_duration" if part.ends_by_ms - part.events[-1]["event_time_ms"] <= GAP else "gap"


def test_sessions_are_closed_by_force_and_say_why(answers: dict[str, list[Row]]) -> None:
    columns = ("visitor_id", "started_at_ms", "ended_at_ms", "events", "close_reason")
    found = [tuple(row[column] for column in columns) for row in answers["sessions"]]
    expected = [
        (*oracle._session(part.visitor_id, part.events).key, reason(part))
        for part in oracle.session_parts(STORIES.events + STREAMS, GAP, MAX_MS, MAX_EVENTS)
    ]
    assert sorted(found) == sorted(expected)
    assert {row[-1] for row in found} == {"gap", "max_events", "max_duration"}


def test_documents_of_all_reasons_are_what_the_contract_says(answers: dict[str, list[Row]]) -> None:
    documents = [Session.model_validate_json(row["document"]) for row in answers["session_documents"]]
    assert len(documents) == len({document.session_id for document in documents}) == len(answers["sessions"])
    ids = {row["session_id"] for row in answers["session_events"]}
    assert {document.session_id for document in documents} == ids
