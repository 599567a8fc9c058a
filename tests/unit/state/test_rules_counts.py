"""Counting and dwelling: exact at thresholds and at the ends of spans, once for what they fire once for."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contracts.sessions import session_id
from connectors.contracts.signals import signal_id
from tests.rule_stories import WAYS, Way, moments, rule, shipped, signals
from tests.words import DAY, MINUTE, SECOND, Document, event, page, purchase, t

every_way = pytest.mark.parametrize("way", WAYS, ids=str)
SESSION = session_id("v", t(0))


def view(at_ms: int, kind: str = "product_view", **product: Any) -> Document:
    return event("v", kind, at_ms, product=product)


def click(at_ms: int, path: str | None = "/a", **more: Any) -> Document:
    return event("v", "click", at_ms, context={"path": path} if path else {}, **more)


def order(at_ms: int, order_id: str | None, **more: Any) -> Document:
    return purchase(at_ms, order={"order_id": order_id} if order_id else {}, **more)


# ------------------------------------------------------------------------------------------ in a session


@every_way
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize(
    "threshold", ["more_than: 3", "at_least: 4", "at_least: 1", "more_than: 0", "at_least: 9"]
)
def test_a_count_fires_once_at_its_threshold(way: Way, threshold: str, number: int) -> None:
    counting = rule(f"{{kind: count, where: {{event_type: search}}, within: session, {threshold}}}")
    found = signals([counting], [event("v", "search", t(one)) for one in range(number)], way)
    at = counting.least - 1
    assert moments(found) == ([("active", t(at))] if number > at else [])
    for one in found:
        assert one["evidence"] == {
            "count": counting.least, "first_at_ms": t(0), "event_id": event("v", "search", t(at))["event_id"]
        }  # fmt: skip
        assert one["session_id"] == SESSION
        assert one["signal_id"] == signal_id("story", "story", "v", SESSION)


@every_way
@pytest.mark.parametrize("gap_ms", [30 * MINUTE - 1, 30 * MINUTE, 30 * MINUTE + 1])
def test_a_count_ends_with_its_session(way: Way, gap_ms: int) -> None:
    at = [t(0), t(0) + gap_ms, t(0) + gap_ms + 1, t(0) + gap_ms + 2]
    found = signals([shipped("category_interest")], [view(one, category="shoes") for one in at], way)
    assert moments(found) == ([("active", at[3])] if gap_ms <= 30 * MINUTE else [])


@every_way
def test_each_value_of_the_key_counts_apart(way: Way) -> None:
    given = [view(t(number), category="ab"[number % 2]) for number in range(8)]
    found = signals([shipped("category_interest")], [*given, view(t(8)), view(t(9), category="c")], way)
    assert [(one["evidence"]["category"], one["occurred_at_ms"]) for one in found] == [
        ("a", t(6)),
        ("b", t(7)),
    ]
    anchors = [f"{SESSION}/a", f"{SESSION}/b"]
    assert [one["signal_id"] for one in found] == [
        signal_id("category_interest", "category_interest", "v", anchor) for anchor in anchors
    ]


KEYS: list[tuple[Any, str | None]] = [
    ("shoes", "shoes"), ("it's \"so\"", "it's \"so\""), ("é😀", "é😀"), (7, "7"), (7.5, "7.5"), (True, "true"),
    (None, None), ({"a": 1}, None), ([1], None), ("x" * 40_000, "x" * 40_000),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key[0])[:20])
@every_way
def test_a_key_is_any_leaf_as_text(way: Way, key: tuple[Any, str | None]) -> None:
    given = [view(t(number), product_id=key[0]) for number in range(3)]
    found = signals([shipped("product_revisit")], given, way)
    assert [one["evidence"]["product_id"] for one in found] == ([] if key[1] is None else [key[1]])


# ----------------------------------------------------------------------------------------- within a span


@every_way
@pytest.mark.parametrize("off_ms", [-1, 0, 1])
@pytest.mark.parametrize("number", [2, 3, 4, 50])
def test_a_count_within_a_span(way: Way, number: int, off_ms: int) -> None:
    text = f"{{kind: count, where: {{event_type: click}}, within: 10 min, at_least: {number}}}"
    at = [t(0, one) for one in range(number - 1)] + [t(10, off_ms)]
    found = signals([rule(text)], [click(one) for one in at], way)
    assert moments(found) == ([("active", t(10, off_ms))] if off_ms <= 0 else [])
    for one in found:
        assert one["evidence"]["count"] == number
        assert one["evidence"]["first_at_ms"] == t(0)


@every_way
@pytest.mark.parametrize("last_ms", [1_999, 2_000, 2_001])
def test_rage_is_once_a_session_and_page(way: Way, last_ms: int) -> None:
    given = [click(t(0, ms)) for ms in (0, 500, 1_000, last_ms, last_ms + 1)]
    found = signals([shipped("rage_clicks")], given, way)
    fourth = last_ms if last_ms <= 2_000 else last_ms + 1
    assert moments(found) == [("active", t(0, fourth))]
    again = [click(t(60, ms)) for ms in (0, 1, 2, 3, 4)] + [click(t(61, ms), "/b") for ms in (0, 1, 2, 3)]
    found = signals([shipped("rage_clicks")], [*given, *again], way)
    assert [one["evidence"]["path"] for one in found] == ["/a", "/a", "/b"]


@every_way
def test_every_occurrence_where_the_rule_says_so(way: Way) -> None:
    text = "{kind: count, where: {event_type: click}, within: 2 s, at_least: 2, once: occurrence}"
    given = [click(t(0, ms)) for ms in (0, 1_000, 3_000, 5_001)]
    found = signals([rule(text)], given, way)
    assert moments(found) == [("active", t(0, 1_000)), ("active", t(0, 3_000))]
    assert [one["signal_id"] for one in found] == [
        signal_id("story", "story", "v", one["event_id"]) for one in given[1:3]
    ]
    assert all("session_id" not in one for one in found)


@every_way
@pytest.mark.parametrize("off_ms", [-1, 0, 1])
def test_first_and_repeated_orders_meet_at_a_year(way: Way, off_ms: int) -> None:
    given = [order(t(0), "o1"), order(t(0) + 365 * DAY + off_ms, "o2")]
    found = signals([shipped("first_purchase"), shipped("repeat_purchase")], given, way)
    second = "repeat_purchase" if off_ms <= 0 else "first_purchase"
    assert [one["kind"] for one in found] == ["first_purchase", second]


@every_way
def test_a_repeated_order_counts_once(way: Way) -> None:
    both = [shipped("first_purchase"), shipped("repeat_purchase")]
    given = [order(t(0), "o1"), order(t(3), "o1"), order(t(0) + 300 * DAY, "o1")]
    assert [one["kind"] for one in signals(both, given, way)] == ["first_purchase"]
    # The order itself still lies where it was first told.
    later = order(t(0) + 366 * DAY, "o2")
    assert [one["kind"] for one in signals(both, [*given, later], way)] == [
        "first_purchase",
        "first_purchase",
    ]


@every_way
def test_orders_without_an_id_are_orders_of_their_own(way: Way) -> None:
    both = [shipped("first_purchase"), shipped("repeat_purchase")]
    found = signals(both, [order(t(0), None), order(t(0) + DAY, None)], way)
    assert [one["kind"] for one in found] == ["first_purchase", "repeat_purchase"]


@every_way
def test_events_of_one_millisecond_are_ordered_by_sequence(way: Way) -> None:
    text = "{kind: count, where: {event_type: click}, within: 2 s, at_least: 3}"
    given = [click(t(0), sequence=number) for number in (2, 0, 1)]
    (found,) = signals([rule(text)], given, way)
    assert found["evidence"]["event_id"] == click(t(0), sequence=2)["event_id"]


# ----------------------------------------------------------------------------------------------- dwelling


@every_way
@pytest.mark.parametrize("kind", ["video_progress", "video_complete"])
@pytest.mark.parametrize("off_ms", [-1, 0, 1, 5_000])
def test_fifteen_seconds_of_video(way: Way, off_ms: int, kind: str) -> None:
    given = [event("v", "video_start", t(0)), event("v", "video_progress", t(0, 7))]
    last = event("v", kind, t(0) + 15 * SECOND + off_ms)
    more = event("v", "video_progress", t(20))
    found = signals([shipped("video_engagement")], [*given, last, page(t(1)), more], way)
    first = last if off_ms >= 0 else more
    assert moments(found) == [("active", first["event_time_ms"])]
    assert found[0]["evidence"] == {
        "count": 3 if first is last else 4, "first_at_ms": t(0), "event_id": first["event_id"]
    }  # fmt: skip


@every_way
def test_dwelling_begins_anew_in_another_session_and_with_another_key(way: Way) -> None:
    text = "{kind: dwell, where: {event_type: product_view}, key: product.product_id, within: session, at_least: 1 min}"
    given = [view(t(0), product_id="a"), view(t(1), product_id="b"), view(t(40), product_id="a")]
    assert signals([rule(text)], given, way) == []
    (found,) = signals([rule(text)], [*given, view(t(41), product_id="a")], way)
    assert found["evidence"]["product_id"] == "a"
    assert found["session_id"] == session_id("v", t(40))
