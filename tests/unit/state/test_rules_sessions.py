"""What a session's end answers, and sequences: which steps, in which order, within which span."""

from __future__ import annotations

from itertools import product as combinations
from typing import Any

import pytest

from connectors.contracts.sessions import session_id
from connectors.contracts.signals import signal_id
from tests.rule_stories import WAYS, Way, moments, rule, shipped, signals
from tests.words import DAY, MINUTE, Document, cart, event, page, purchase, t, taken_out

every_way = pytest.mark.parametrize("way", WAYS, ids=str)
GAP = 30 * MINUTE


def view(at_ms: int, category: Any = None, **more: Any) -> Document:
    return event("v", "product_view", at_ms, product={"category": category}, **more)


# -------------------------------------------------------------------------------------------- session ends

STEPS = {"view": "product_view", "cart": "add_to_cart", "checkout": "checkout_step", "purchase": "purchase"}


@pytest.mark.parametrize("there", list(combinations([False, True], repeat=4)), ids=str)
@pytest.mark.parametrize("way", WAYS[:2], ids=str)
def test_the_furthest_step_whatever_is_missing_before(way: Way, there: tuple[bool, ...]) -> None:
    names = [name for name, is_there in zip(STEPS, there, strict=True) if is_there]
    given = [event("v", STEPS[name], t(0, number)) for number, name in enumerate(names)]
    found = signals([shipped("funnel_step")], [*given, page(t(1))], way)
    assert moments(found) == ([("active", t(31))] if names else [])
    for one in found:
        number = list(STEPS).index(names[-1])
        dropped = {"dropped_before": list(STEPS)[number + 1]} if number < 3 else {}
        assert one["evidence"] == {"step": number + 1, "reached": names[-1], **dropped, "steps": 4}
        assert one["signal_id"] == signal_id("funnel_step", "funnel_step", "v", one["session_id"])


@every_way
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("threshold", ["exactly: 2", "at_least: 2", "more_than: 2"])
def test_a_count_when_the_session_is_over(way: Way, threshold: str, number: int) -> None:
    text = f"{{kind: count, where: {{event_type: {{in: [search, click]}}}}, within: session, {threshold}, at: session_end}}"
    given = [event("v", "search" if one % 2 else "click", t(one)) for one in range(number)]
    found = signals([rule(text)], [*given, page(t(9))], way)
    fires = {"exactly: 2": number == 2, "at_least: 2": number >= 2, "more_than: 2": number > 2}[threshold]
    assert moments(found) == ([("active", t(9) + GAP)] if fires else [])
    for one in found:
        assert one["evidence"] == {"count": number, "started_at_ms": t(0), "ended_at_ms": t(9)}


@every_way
@pytest.mark.parametrize("gap_ms", [GAP - 1, GAP, GAP + 1])
def test_a_bounce_is_a_session_of_one_event(way: Way, gap_ms: int) -> None:
    found = signals([shipped("bounce")], [page(t(0)), page(t(0) + gap_ms)], way)
    alone = [("active", t(0) + GAP), ("active", t(0) + gap_ms + GAP)]
    assert moments(found) == (alone if gap_ms > GAP else [])
    assert [one["session_id"] for one in found] == [session_id("v", one - GAP) for _, one in moments(found)]


@every_way
@pytest.mark.parametrize("answer", [None, "product_click", "product_view", "add_to_cart", "click"])
def test_a_search_that_leads_nowhere(way: Way, answer: str | None) -> None:
    given = [event("v", "search", t(0)), *([event("v", answer, t(1))] if answer else [])]
    found = signals([shipped("search_without_interaction")], given, way)
    assert len(found) == (1 if answer in (None, "click") else 0)
    for one in found:
        ended = given[-1]["event_time_ms"]
        assert one["evidence"] == {"search_events": 1, "started_at_ms": t(0), "ended_at_ms": ended}


def test_the_context_is_that_of_the_sessions_first_event() -> None:
    given = [
        page(t(0), context={"device": "mobile"}),
        page(t(1), context={"device": "desktop"}),
        event("v", "search", t(2)),
    ]
    (found,) = signals([shipped("search_without_interaction")], given)
    assert found["context"] == {"device": "mobile"}


def test_a_session_that_is_cut_answers_for_each_part() -> None:
    given = [event("v", "search", t(0, number)) for number in range(7)]
    counting = rule(
        "{kind: count, where: {event_type: search}, within: session, at_least: 1, at: session_end}"
    )
    found = signals([counting], given, session_max_events=3)
    assert sorted(one["evidence"]["count"] for one in found) == [1, 3, 3]


# ----------------------------------------------------------------------------------------------- deviation

PAUSED = shipped("suggestions_paused")


@every_way
@pytest.mark.parametrize(
    ("began", "different"),
    [
        ("abc", 1), ("aba", 0), ("aab", 0), ("abca", 2), ("abcd", 2), ("abb", 0), ("ab", 0), ("a-bc", 1),
        ("a--b--c", 1), ("abcb", 1), ("aaa", 0), ("abac", 1),
    ],
)  # fmt: skip
def test_sessions_that_do_not_agree(way: Way, began: str, different: int) -> None:
    given = [view(t(60 * number), None if name == "-" else name) for number, name in enumerate(began)]
    found = signals([PAUSED], given, way)
    assert len(found) == different
    for one in found:
        assert one["evidence"]["sessions"] == one["evidence"]["different"] == 3


@every_way
@pytest.mark.parametrize("off_ms", [-1, 0, 1])
def test_sessions_lie_within_the_span_by_their_beginnings(way: Way, off_ms: int) -> None:
    last = t(0) + 30 * DAY + off_ms
    given = [view(t(0), "a"), view(t(100), "b"), view(last, "c"), view(last + MINUTE, "d")]
    found = signals([PAUSED], given, way)
    assert moments(found) == ([("active", last + MINUTE + GAP)] if off_ms <= 0 else [])
    for one in found:
        assert one["evidence"] == {"sessions": 3, "different": 3, "since_ms": t(0), "category": "c"}
        assert one["signal_id"] == signal_id(
            "suggestions_paused", "suggestions_paused", "v", session_id("v", last)
        )


# ----------------------------------------------------------------------------------------------- sequences

HESITATION = shipped("price_hesitation")
MOVES = {"+": cart, "-": taken_out}


def moves(signs: str, products: str | None = None) -> list[Document]:
    """`+` puts in, `-` takes out, one a minute; of products a, b … or of one."""
    names = products or "a" * len(signs)
    return [
        MOVES[sign](t(number), product={"product_id": names[number]}) for number, sign in enumerate(signs)
    ]


@every_way
@pytest.mark.parametrize(
    ("signs", "products", "at"),
    [
        ("+-+", None, [2]), ("++-+", None, [3]), ("+--+", None, [3]), ("-+-+", None, [3]), ("+-", None, []),
        ("++", None, []), ("-+", None, []), ("+-+-+", None, [2]), ("+-++-+", None, [2, 5]), ("+-+-+-+", None, [2, 6]),
        ("+-+", "aba", []), ("++-+", "abaa", [3]), ("++--++", "ababab", [4, 5]), ("+-++-+", "aaabbb", [2, 5]),
        ("+-+", "abb", []), ("-+", "ab", []), ("+++---+++", None, [6]),
    ],
)  # fmt: skip
def test_steps_in_their_order(way: Way, signs: str, products: str | None, at: list[int]) -> None:
    found = signals([HESITATION], moves(signs, products), way)
    assert moments(found) == [("active", t(number)) for number in at]
    assert all("session_id" not in one for one in found)


@every_way
@pytest.mark.parametrize("off_ms", [-1, 0, 1])
def test_the_last_step_lies_within_the_span_of_the_first(way: Way, off_ms: int) -> None:
    given = moves("+-")
    last = cart(t(0) + DAY + off_ms, product={"product_id": "a"})
    found = signals([HESITATION], [*given, last], way)
    assert len(found) == (1 if off_ms <= 0 else 0)
    for one in found:
        assert one["evidence"] == {
            "product_id": "a", "first_at_ms": t(0), "first_event_id": given[0]["event_id"],
            "last_event_id": last["event_id"],
        }  # fmt: skip
        assert one["signal_id"] == signal_id(
            "price_hesitation", "price_hesitation", "v", given[0]["event_id"]
        )


@every_way
def test_a_later_beginning_may_still_be_in_time(way: Way) -> None:
    given = moves("++-")
    last = cart(t(0) + DAY + 1, product={"product_id": "a"})
    (found,) = signals([HESITATION], [*given, last], way)
    assert found["evidence"]["first_at_ms"] == t(1)


@every_way
@pytest.mark.parametrize("number", [2, 3, 4, 5])
@pytest.mark.parametrize("between", [0, 1, 3])
def test_as_many_steps_as_there_are(way: Way, number: int, between: int) -> None:
    types = ["search", "click", "scroll", "promo_view", "promo_click"][:number]
    steps = ", ".join(f"{{event_type: {name}}}" for name in types)
    given = []
    for index, name in enumerate(types):
        given.append(event("v", name, t(index)))
        given += [page(t(index, one + 1)) for one in range(between)]
    found = signals([rule(f"{{kind: sequence, steps: [{steps}], within: 1 h}}")], given, way)
    assert moments(found) == [("active", t(number - 1))]
    assert (
        signals(
            [rule(f"{{kind: sequence, steps: [{steps}], within: 1 h}}")], given[: -between or None][:-1], way
        )
        == []
    )


@every_way
def test_an_event_is_used_once(way: Way) -> None:
    both = "{event_type: {in: [search, click]}}"
    text = f"{{kind: sequence, steps: [{both}, {both}], within: 1 h}}"
    given = [event("v", "search", t(number)) for number in range(5)]
    assert moments(signals([rule(text)], given, way)) == [("active", t(1)), ("active", t(3))]


@every_way
def test_a_purchase_between_is_anything(way: Way) -> None:
    given = [*moves("+-"), purchase(t(5)), cart(t(6), product={"product_id": "a"})]
    assert moments(signals([HESITATION], given, way)) == [("active", t(6))]
