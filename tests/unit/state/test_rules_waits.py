"""Waits: exact at both limits, in every order of arrival, recovered, taken back, in the contract's words."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contracts.signals import Signal, signal_id
from tests.rule_stories import WAYS, Way, moments, plain_cart, rule, shipped, signals, signals_with_late
from tests.words import DAY, MINUTE, Document, cart, event, page, purchase, t

FIRES = t(30)  # of a cart at t(0)
END = FIRES + DAY  # of its recovery
# Both definitions of a cart say the same of what is never taken out.
CARTS = [pytest.param(plain_cart(), id="plain"), pytest.param(shipped("cart_abandoned"), id="content")]
both = pytest.mark.parametrize("rule_", CARTS)
every_way = pytest.mark.parametrize("way", WAYS, ids=str)

# name, events, what is said in the end
STORIES: list[tuple[str, list[Document], list[tuple[str, int]]]] = [
    ("nothing follows", [cart(t(0)), page(t(1))], [("active", FIRES)]),
    ("bought a millisecond before the timeout", [cart(t(0)), purchase(FIRES - 1)], []),
    ("bought at exactly the timeout", [cart(t(0)), purchase(FIRES)], []),
    ("bought a millisecond after it", [cart(t(0)), purchase(FIRES + 1)], [("active", FIRES), ("recovered", FIRES)]),
    ("a further one arms again", [cart(t(0)), cart(t(20)), purchase(t(45))], []),
    ("the last one fires", [cart(t(0)), cart(t(20))], [("active", t(50))]),
    ("armed again at exactly the timeout", [cart(t(0)), cart(FIRES)], [("active", t(60))]),
    ("after the timeout it is another", [cart(t(0)), cart(FIRES + 1)], [("active", FIRES), ("active", t(60, 1))]),
    ("never anything in it", [purchase(t(0)), page(t(1))], []),
    ("bought behind it in one millisecond", [cart(t(0), sequence=0), purchase(t(0), sequence=1)], []),
    ("bought before it in one millisecond", [cart(t(0), sequence=1), purchase(t(0), sequence=0)], [("active", FIRES)]),
    ("with equal sort keys the purchase answers", [purchase(t(0), event_id="a"), cart(t(0), event_id="b")], []),
    ("equal sort keys, the other way round", [cart(t(0), event_id="a"), purchase(t(0), event_id="b")], []),
    ("equal sort keys and put in again", [purchase(t(0), event_id="a"), cart(t(0), event_id="b"), cart(t(1))], [("active", t(31))]),
    ("the largest sequence is inside its millisecond", [cart(t(0), sequence=999_999), purchase(t(0), sequence=999_998)], [("active", FIRES)]),
    ("the next millisecond is later", [cart(t(0), sequence=999_999), purchase(t(0, 1), sequence=0)], []),
    ("bought before", [purchase(t(0)), cart(t(5))], [("active", t(35))]),
    ("bought in between", [cart(t(0)), purchase(t(5)), cart(t(10))], [("active", t(40))]),
    ("recovered at once", [cart(t(0)), purchase(FIRES + 1)], [("active", FIRES), ("recovered", FIRES)]),
    ("recovered at exactly the end", [cart(t(0)), purchase(END)], [("active", FIRES), ("recovered", FIRES)]),
    ("a millisecond too late to recover", [cart(t(0)), purchase(END + 1)], [("active", FIRES)]),
    ("only the first purchase recovers", [cart(t(0)), purchase(t(90)), purchase(t(91))], [("active", FIRES), ("recovered", FIRES)]),
    ("recovers all of its last day", [cart(t(0)), cart(t(60)), purchase(t(120))],
     [("active", FIRES), ("active", t(90)), ("recovered", FIRES), ("recovered", t(90))]),
    ("an older one stays", [cart(t(0)), cart(t(60)), purchase(END + 1)], [("active", FIRES), ("active", t(90)), ("recovered", t(90))]),
    ("an earlier purchase recovers nothing", [purchase(t(0)), cart(t(40))], [("active", t(70))]),
    ("clears one and recovers the one before", [cart(t(0)), cart(t(60)), purchase(t(65))], [("active", FIRES), ("recovered", FIRES)]),
    ("after a recovery it is on its own", [cart(t(0)), purchase(t(60)), cart(t(70))],
     [("active", FIRES), ("recovered", FIRES), ("active", t(100))]),
    ("another visitor's purchase", [cart(t(0)), {**purchase(t(10)), "visitor_id": "w"}], [("active", FIRES)]),
]  # fmt: skip


@both
@every_way
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story[0])
def test_a_cart(rule_: Any, way: Way, story: tuple[str, list[Document], list[tuple[str, int]]]) -> None:
    _, events, expected = story
    assert moments(signals([rule_], events, way)) == expected


@both
@every_way
def test_evidence_uses_the_nouns_of_the_rule(rule_: Any, way: Way) -> None:
    first, last, bought = cart(t(0)), cart(t(20)), purchase(t(90))
    active, recovered = signals([rule_], [first, last, bought], way)
    given = {"last_cart_event_id": last["event_id"], "last_cart_at_ms": t(20), "cart_events": 2}
    assert active["evidence"] == given
    assert recovered["evidence"] == {
        **given, "purchase_event_id": bought["event_id"], "purchase_at_ms": t(90)
    }  # fmt: skip
    assert active["signal_id"] == recovered["signal_id"]
    assert active["signal_id"] == signal_id(rule_.signal_kind, rule_.name, "v", last["event_id"])
    assert (active["version"], recovered["version"]) == (t(50), t(90))
    assert "session_id" not in active
    for one in (active, recovered):
        assert Signal.model_validate(one).to_document() == one
        assert one["expires_at_ms"] - one["occurred_at_ms"] == rule_.expires
        assert one["rule"] == {"name": rule_.name, "version": rule_.version}


CONTEXTS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("as it came", [{"device": "mobile", "nested": {"a": [1, None, "é"]}}], {"device": "mobile", "nested": {"a": [1, None, "é"]}}),
    ("the last one's", [{"device": "mobile"}, {"device": "desktop"}], {"device": "desktop"}),
    ("the one before where it is absent", [{"device": "mobile"}, None], {"device": "mobile"}),
    ("none", [None], {}),
    ("a text", ["garbage"], {}),
    ("an array", [[1, 2]], {}),
]  # fmt: skip


@both
@pytest.mark.parametrize("given", CONTEXTS, ids=lambda given: given[0])
def test_the_context_is_that_of_what_started_it(
    rule_: Any, given: tuple[str, list[Any], dict[str, Any]]
) -> None:
    events = [cart(t(number), context=context) for number, context in enumerate(given[1])]
    later = purchase(t(90), context={"device": "other"})
    assert [one["context"] for one in signals([rule_], [*events, later])] == [given[2], given[2]]


# ------------------------------------------------------------------------------------------ late answers

# at, when it comes in, what is said in the end
LATE: list[tuple[str, int, int, list[tuple[str, int]]]] = [
    ("in time by its own clock", t(20), t(35), [("active", FIRES), ("retracted", FIRES)]),
    ("at exactly the start", t(0), t(35), [("active", FIRES), ("retracted", FIRES)]),
    ("a millisecond before the start", t(0) - 1, t(35), [("active", FIRES)]),
    ("at exactly the timeout", FIRES, t(35), [("active", FIRES), ("retracted", FIRES)]),
    ("a millisecond after the timeout", FIRES + 1, t(35), [("active", FIRES)]),
    ("while the wait is still open", t(20), t(25), [("active", FIRES), ("retracted", FIRES)]),
    ("a day later", t(20), t(20) + DAY, [("active", FIRES), ("retracted", FIRES)]),
]


@both
@every_way
@pytest.mark.parametrize("story", LATE, ids=lambda story: story[0])
def test_a_late_answer_takes_back(
    rule_: Any, way: Way, story: tuple[str, int, int, list[tuple[str, int]]]
) -> None:
    _, at, comes, expected = story
    way = Way(way.name, way.arrange, min(way.slice_ms, MINUTE), way.live)
    events = [cart(t(0)), page(comes + MINUTE)]
    found = signals_with_late([rule_], events, [(comes, purchase(at, event_id="late"))], way)
    assert moments(found) == expected
    if len(found) == 2:
        assert found[1]["version"] == END + 1
        assert found[1]["evidence"]["purchase_event_id"] == "late"


@both
def test_nothing_overtakes_a_retraction(rule_: Any) -> None:
    events = [cart(t(0)), page(t(36)), purchase(t(50))]
    found = signals_with_late([rule_], events, [(t(35), purchase(t(20), event_id="late"))])
    assert moments(found) == [("active", FIRES), ("recovered", FIRES), ("retracted", FIRES)]


@both
def test_a_late_start_starts_nothing(rule_: Any) -> None:
    assert signals_with_late([rule_], [page(t(0)), page(t(9))], [(t(8), cart(t(1)))]) == []


# ------------------------------------------------------------------------------- since the session's first

HESITATION = shipped("checkout_hesitation")


def start(at_ms: int, **more: Any) -> Document:
    return event("v", "checkout_start", at_ms, **more)


def step(at_ms: int, **more: Any) -> Document:
    return event("v", "checkout_step", at_ms, **more)


FIRST: list[tuple[str, list[Document], list[tuple[str, int]]]] = [
    ("nothing follows", [start(t(0))], [("active", t(10))]),
    ("steps do not start again", [start(t(0)), step(t(8)), step(t(9))], [("active", t(10))]),
    ("a millisecond before", [start(t(0)), purchase(t(10) - 1)], []),
    ("at exactly the timeout", [start(t(0)), purchase(t(10))], []),
    ("a millisecond after", [start(t(0)), purchase(t(10) + 1)], [("active", t(10)), ("recovered", t(10))]),
    ("bought before", [purchase(t(0)), start(t(1))], [("active", t(11))]),
    ("each session's first", [start(t(0)), start(t(15)), start(t(50))], [("active", t(10)), ("active", t(60))]),
    ("answered, a second one in the session does not wait", [start(t(0)), purchase(t(5)), step(t(20))], []),
    ("exactly the session gap is one session", [start(t(0)), start(t(30))], [("active", t(10))]),
    ("a millisecond more is another", [start(t(0)), start(t(30, 1))], [("active", t(10)), ("active", t(40, 1))]),
    ("recovered at exactly the end", [start(t(0)), purchase(t(10) + DAY)], [("active", t(10)), ("recovered", t(10))]),
    ("a millisecond too late", [start(t(0)), purchase(t(10) + DAY + 1)], [("active", t(10))]),
    ("two in the first millisecond", [start(t(0)), step(t(0), sequence=1)], [("active", t(10))]),
]  # fmt: skip


@every_way
@pytest.mark.parametrize("story", FIRST, ids=lambda story: story[0])
def test_since_the_first(way: Way, story: tuple[str, list[Document], list[tuple[str, int]]]) -> None:
    _, events, expected = story
    found = signals([HESITATION], events, way)
    assert moments(found) == expected
    for one in found:
        assert one["evidence"]["first_checkout_at_ms"] == one["occurred_at_ms"] - 10 * MINUTE
        assert one["session_id"]


# ------------------------------------------------------------------------------------------- of any kind

SPANS = {"1 ms": 1, "2 s": 2_000, "10 min": 10 * MINUTE, "45 min": 45 * MINUTE, "24 h": DAY, "30 d": 30 * DAY}


# A session is never longer than a day.
SINCE = [("last", span) for span in SPANS] + [("first", span) for span, ms in SPANS.items() if ms <= DAY]


@pytest.mark.parametrize("off_ms", [-1, 0, 1])
@pytest.mark.parametrize(("since", "span"), SINCE)
@every_way
def test_any_span_is_exact(way: Way, since: str, span: str, off_ms: int) -> None:
    waiting = rule(
        "{kind: absence, where: {event_type: search}, without: {event_type: click}}", within=span, since=since
    )
    answer = event("v", "click", t(0) + SPANS[span] + off_ms)
    expected = [("active", t(0) + SPANS[span])] if off_ms > 0 else []
    assert moments(signals([waiting], [event("v", "search", t(0)), answer], way)) == expected


@pytest.mark.parametrize("off_ms", [-1, 0, 1])
@pytest.mark.parametrize("recovery", SPANS)
@every_way
def test_any_recovery_is_exact(way: Way, recovery: str, off_ms: int) -> None:
    text = "{kind: absence, where: {event_type: search}, without: {event_type: click}, within: 5 min}"
    answer = event("v", "click", t(5) + SPANS[recovery] + off_ms)
    found = signals([rule(text, recovered_within=recovery)], [event("v", "search", t(0)), answer], way)
    recovered = [] if off_ms > 0 else [("recovered", t(5))]
    # An answer at exactly the timeout is in time.
    assert moments(found) == ([] if answer["event_time_ms"] == t(5) else [("active", t(5)), *recovered])


@every_way
def test_what_starts_and_ends_starts(way: Way) -> None:
    text = """
        kind: absence
        where: {event_type: {in: [form_start, click]}}
        without: {event_type: {in: [form_submit, click]}}
        within: 10 min
        recovered_within: 1 h
    """
    given = [event("v", "form_start", t(0)), event("v", "click", t(5)), event("v", "click", t(20))]
    found = signals([rule(text)], given, way)
    assert moments(found) == [("active", t(15)), ("recovered", t(15)), ("active", t(30))]


@pytest.mark.parametrize("away_ms", [7 * DAY - 1, 7 * DAY, 7 * DAY + 1])
@every_way
def test_a_silence_that_ends(way: Way, away_ms: int) -> None:
    found = signals([shipped("returning_visitor")], [page(t(0)), page(t(0) + away_ms)], way)
    assert moments(found) == ([("active", t(0) + away_ms)] if away_ms >= 7 * DAY else [])
    for one in found:
        given = {"event_id": page(t(0) + away_ms)["event_id"], "last_seen_ms": t(0), "away_ms": away_ms}
        assert one["evidence"] == given
        assert one["session_id"]


@every_way
def test_one_session_after_another_without_an_answer(way: Way) -> None:
    form = shipped("form_abandoned")
    given = [event("v", "form_start", t(0)), event("v", "form_start", t(3)), page(t(4))]
    sent = [event("v", "form_start", t(60)), event("v", "form_submit", t(61))]
    found = signals([form], [*given, *sent, event("v", "form_start", t(200))], way)
    assert [one["evidence"] for one in found] == [
        {"form_events": 2, "started_at_ms": t(0), "ended_at_ms": t(4)},
        {"form_events": 1, "started_at_ms": t(200), "ended_at_ms": t(200)},
    ]
    assert moments(found) == [("active", t(34)), ("active", t(230))]
