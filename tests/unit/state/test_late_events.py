"""What comes behind the watermark retracts wrong signals, and changes nothing else."""

from __future__ import annotations

import orjson
import pytest

from state.engine import FINAL, Engine
from state.logic import Out, SourcePosition
from state.options import Options
from tests.engine_runs import HOUR, MINUTE, T0, Document, documents, event, lines, shipped, verdicts

POSITIONS = [SourcePosition("raw", 2, 7, T0 + HOUR)]


def engine_after(events: list[Document], until: int) -> tuple[Engine, list[Document]]:
    engine, out = Engine(Options(), shipped()), Out()
    found = engine.take(lines(events), None, T0 + until)
    for bucket in engine.visitors:
        bucket.settle(T0 + until, out)
    return engine, documents(found, "signal") + documents(out, "signal")


def cart(found: list[Document]) -> list[tuple[str, int]]:
    return [(one["status"], one["version"] - T0) for one in found if one["kind"] == "cart_abandoned"]


def test_a_late_purchase_retracts_with_the_last_word() -> None:
    engine, before = engine_after([event("v", "add_to_cart", 0)], HOUR)
    assert cart(before) == [("active", 30 * MINUTE)]
    out = engine.take_late(lines([event("v", "purchase", 10 * MINUTE)]), POSITIONS)
    assert cart(documents(out, "signal")) == [("retracted", 30 * MINUTE + 24 * HOUR + 1)]
    assert verdicts(out) == {}


def test_a_late_event_lies_in_its_topic_under_its_canonical_visitor() -> None:
    engine, _ = engine_after([event("d", "identify", 0, user_id="u")], HOUR)
    out = engine.take_late(lines([event("d", "page_view", 1, context={"device": "tv"})]), POSITIONS)
    (row,) = [document for document in out.documents if document.kind == "late"]
    assert (row.key, row.id) == ("u", "raw:2:7")
    found = orjson.loads(row.body)
    assert (found["visitor_id"], found["context"], found["source"]["offset"]) == ("u", {"device": "tv"}, 7)


def test_a_late_event_is_in_no_session_and_in_no_state() -> None:
    engine, _ = engine_after([event("v", "page_view", 0)], MINUTE)
    engine.take_late(lines([event("v", "page_view", 1), event("w", "purchase", 1)]), None)
    found = documents(engine.finish(), "session")
    assert [(one["visitor_id"], one["events"]) for one in found] == [("v", 1)]
    assert all(bucket.due == {} for bucket in engine.visitors)


def test_late_messages_that_are_no_events_are_refused_like_all_others() -> None:
    out = Engine(Options()).take_late([b"{"], POSITIONS)
    assert [one["reason"] for one in documents(out, "rejected")] == ["not_json"]


@pytest.mark.parametrize("status", ["denied", "granted"])
def test_a_late_event_after_a_denial_changes_nothing(status: str) -> None:
    word = event("v", "consent", MINUTE, properties={"status": status})
    engine, _ = engine_after([event("v", "add_to_cart", 0), word], HOUR)
    out = engine.take_late(lines([event("v", "purchase", 10 * MINUTE)]), None)
    assert [one for one, _ in cart(documents(out, "signal"))] == (
        ["retracted"] if status == "granted" else []
    )


def test_everybody_is_forgotten_in_the_end() -> None:
    engine, _ = engine_after([event("v", "purchase", 0), event("w", "page_view", 0)], MINUTE)
    for bucket in (*engine.devices, *engine.visitors):
        bucket.settle(FINAL, Out())  # type: ignore[attr-defined]
    assert [bucket.due for bucket in (*engine.devices, *engine.visitors) if bucket.due] == []
    assert [counts.entities for counts in engine.counts] == [0, 0]


def test_buyers_are_remembered_longer() -> None:
    options = Options(visitor_memory_ms=HOUR, rule_memory_ms=10 * HOUR)
    engine = Engine(options, shipped())
    engine.take(lines([event("v", "purchase", 0), event("w", "page_view", 0)]), None, T0 + MINUTE)
    for bucket in engine.visitors:
        bucket.settle(T0 + 5 * HOUR, Out())
    assert {name for bucket in engine.visitors for name in bucket.due} == {"v"}
