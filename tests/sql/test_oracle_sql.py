"""Hundreds of random streams in one job: every answer equals the naive one of tests/oracle.py."""

from __future__ import annotations

import pytest

from tests import oracle
from tests.random_streams import stream
from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import ANSWERED_CARTS, CARTS, ORDERS, Document, by_arrival, is_recovered_cart

SEEDS = range(300)
VIEWS = ["sessions", CARTS, ANSWERED_CARTS, "events_late", "events_refused", "events_valid"]
Found = set[tuple[object, ...]]


@pytest.fixture(scope="module")
def events() -> list[Document]:
    return [event for seed in SEEDS for event in stream(seed)]


@pytest.fixture(scope="module", params=ORDERS)
def rows(flink: Flink, events: list[Document], request: pytest.FixtureRequest) -> dict[str, list[Row]]:
    arrange, settings = ORDERS[request.param]
    return flink.run(arrange(events), VIEWS, **settings)


def same(found: Found, expected: Found, events: list[Document]) -> None:
    """Fails with the first stream that differs, so that it can be told again on its own."""
    if odd := sorted(found ^ expected, key=str):
        visitor = str(odd[0][0])
        told = [str(event) for event in by_arrival(events) if event["visitor_id"] == visitor]
        here, there = ([row for row in side if row[0] == visitor] for side in (found, expected))
        story = "\n".join(told)
        pytest.fail(
            f"{len(odd)} rows differ; seed {visitor.partition('-')[0]}, visitor {visitor}:\n"
            f"found    {sorted(here, key=str)}\nexpected {sorted(there, key=str)}\n{story}"
        )


def test_the_streams_are_many_and_touch_every_view(
    rows: dict[str, list[Row]], events: list[Document]
) -> None:
    assert all(len(rows[view]) > 150 for view in ("sessions", CARTS, ANSWERED_CARTS))
    assert rows["events_late"] == rows["events_refused"] == []
    assert len(rows["events_valid"]) == len({event["event_id"] for event in events}) < len(events)


def test_sessions_equal_the_oracles(rows: dict[str, list[Row]], events: list[Document]) -> None:
    found = [
        (row["visitor_id"], row["started_at_ms"], row["ended_at_ms"], row["events"])
        for row in rows["sessions"]
    ]
    assert len(found) == len(set(found))
    same(set(found), {session.key for session in oracle.sessions(events)}, events)


def test_counts_by_type_equal_the_oracles(rows: dict[str, list[Row]], events: list[Document]) -> None:
    types = {"page_view", "add_to_cart", "purchase", "remove_from_cart", "custom:x"}
    found: Found = {
        (row["visitor_id"], row["started_at_ms"], kind, row[kind.partition(":")[0]])
        for row in rows["sessions"]
        for kind in types
        if row[kind.partition(":")[0]]
    }
    expected: Found = {
        (session.visitor_id, session.started_at_ms, kind, count)
        for session in oracle.sessions(events)
        for kind, count in session.types
    }
    same(found, expected, events)


def test_abandonments_equal_the_oracles(rows: dict[str, list[Row]], events: list[Document]) -> None:
    columns = ("visitor_id", "waits_since_ms", "due_at_ms", "event_id")
    found = [tuple(row[column] for column in columns) for row in rows[CARTS]]
    expected: Found = {(*fired.key, fired.last_cart_event_id) for fired in oracle.abandonments(events)}
    assert len(found) == len(set(found))
    same(set(found), expected, events)


def test_recoveries_equal_the_oracles(rows: dict[str, list[Row]], events: list[Document]) -> None:
    columns = ("visitor_id", "waits_since_ms", "answered_at_ms", "event_id")
    found = [
        tuple(row[column] for column in columns) for row in filter(is_recovered_cart, rows[ANSWERED_CARTS])
    ]
    expected: Found = {
        (fired.visitor_id, fired.last_cart_ms, fired.recovered_at_ms, fired.last_cart_event_id)
        for fired in oracle.abandonments(events)
        if fired.recovered_at_ms is not None
    }
    assert len(found) == len(set(found))
    same(set(found), expected, events)
