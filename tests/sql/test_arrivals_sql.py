"""What the order of arrival does: late events, duplicates, heartbeats, and stamps that must not move event time.

Every story has a day of its own, so that none finds event time moved by another.
"""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from connectors.events import Event, validate_event
from jobs.settings import Settings
from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import (
    ANSWERED_CARTS,
    CARTS,
    DAY,
    MINUTE,
    RAW_TOPIC,
    Document,
    Stories,
    by_arrival,
    cart,
    event,
    heartbeat,
    is_recovered_cart,
    page,
    placed,
    purchase,
    t,
)

SETTINGS = Settings()
BOUND = SETTINGS.out_of_orderness_ms
GAP = SETTINGS.session_gap_ms
TIMEOUT = SETTINGS.cart_timeout_ms
VIEWS = [
    "events_valid",
    "events_on_time",
    "events_late",
    "events_refused",
    "verdicts",
    "ledger",
    "ledger_entries",
]
STORIES = Stories()


def day(number: int, ms: int = 0) -> int:
    return t(0) + number * DAY + ms


class Answers:
    """The rows of the one run."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self.rows = rows

    def of(self, view: str, visitor: str) -> list[Row]:
        return [row for row in self.rows[view] if row["visitor_id"] == visitor]

    def count(self, view: str, visitor: str) -> int:
        return len(self.of(view, visitor))

    def sessions(self, visitor: str) -> list[tuple[int, int]]:
        return sorted((row["started_at_ms"], row["events"]) for row in self.of("sessions", visitor))


@pytest.fixture(scope="module")
def answers(flink: Flink) -> Answers:
    more = ["late_documents", "sessions", CARTS, ANSWERED_CARTS]
    return Answers(flink.run(placed(by_arrival(STORIES.events)), VIEWS + more))


# ----------------------------------------------------------------------------------------------------- lateness


@STORIES.tell(page("ahead", day(1, BOUND)), page("at the bound", day(1), delay_ms=BOUND))
def test_an_event_at_exactly_the_bound_is_in_time(answers: Answers) -> None:
    assert answers.sessions("at the bound") == [(day(1), 1)]
    assert answers.count("events_late", "at the bound") == 0


LATE = page("late", day(2), delay_ms=BOUND + 1, context={"device": "mobile"}, properties={"a": 1})


@STORIES.tell(page("too far", day(2, BOUND + 1)), LATE)
def test_an_event_a_millisecond_behind_the_bound_is_late(answers: Answers) -> None:
    assert answers.count("events_late", "late") == 1
    assert [answers.count(view, "late") for view in ("events_valid", "sessions")] == [0, 0]


def test_a_late_event_is_kept_as_it_came_with_its_place(answers: Answers) -> None:
    (row,) = answers.of("late_documents", "late")
    (late,) = answers.of("events_late", "late")
    kept = validate_event(row["document"].encode())
    assert isinstance(kept, Event)
    assert {name: kept.document[name] for name in LATE} == LATE
    source = kept.document["source"]
    assert source.pop("timestamp_ms") > 0
    assert source == {"topic": RAW_TOPIC, "partition": 0, "offset": late["source_offset"]}


# An event at the very end of a window, from as far behind as is allowed: the window must not have closed before.
BEHIND = range(BOUND - 3, BOUND + 1)


def at_the_edge(visitor: str, first: Document, last: Document, behind_ms: int) -> list[Document]:
    """First, then another visitor's event that moves time on, then last, by so much behind it."""
    last = {**last, "received_at_ms": last["event_time_ms"] + behind_ms}
    return [first, page(f"before {visitor}", last["received_at_ms"]), last]


def edge_of_session(behind_ms: int) -> list[Document]:
    start, visitor = day(10 + behind_ms - BOUND), f"session {behind_ms}"
    return at_the_edge(visitor, page(visitor, start), page(visitor, start + GAP), behind_ms)


def edge_of_cart(behind_ms: int) -> list[Document]:
    start, visitor = day(20 + behind_ms - BOUND), f"cart {behind_ms}"
    return at_the_edge(visitor, cart(visitor, start), purchase(visitor, start + TIMEOUT), behind_ms)


@pytest.mark.parametrize("behind_ms", BEHIND)
@STORIES.tell(*(event for behind_ms in BEHIND for event in edge_of_session(behind_ms)))
def test_a_session_waits_for_everything_that_is_in_time(answers: Answers, behind_ms: int) -> None:
    assert [events for _, events in answers.sessions(f"session {behind_ms}")] == [2]


@pytest.mark.parametrize("behind_ms", BEHIND)
@STORIES.tell(*(event for behind_ms in BEHIND for event in edge_of_cart(behind_ms)))
def test_a_cart_waits_for_everything_that_is_in_time(answers: Answers, behind_ms: int) -> None:
    visitor = f"cart {behind_ms}"
    assert [answers.count(view, visitor) for view in (CARTS, ANSWERED_CARTS)] == [0, 0]


@STORIES.tell(*edge_of_session(BOUND + 1), *edge_of_cart(BOUND + 1))
def test_what_is_late_changes_nothing_that_was_said(answers: Answers) -> None:
    session, cart_visitor = f"session {BOUND + 1}", f"cart {BOUND + 1}"
    assert [events for _, events in answers.sessions(session)] == [1]
    assert answers.count(CARTS, cart_visitor) == 1
    assert not any(map(is_recovered_cart, answers.of(ANSWERED_CARTS, cart_visitor)))
    assert answers.count("events_late", session) == answers.count("events_late", cart_visitor) == 1


# ------------------------------------------------------------------------------------------- stamps and heartbeats

AHEAD_MS = 4 * MINUTE  # less than what counts as future: only its form keeps such a stamp from moving time
BAD_STAMPS = {
    "the year 2099": 4_070_908_800_000,
    "a bit in the future": day(30, 5 * MINUTE + 1),
    "a fraction as text": f"{day(30, AHEAD_MS)}.5",
    "a fraction": day(30, AHEAD_MS) + 0.5,
    "an exponent": f"{day(30, AHEAD_MS)}e0",
    "beyond 2100": 4_102_444_800_001,
    "more than 64 bits": 10**30,
    "words": "tomorrow",
    "an object": {"ms": day(30, AHEAD_MS)},
    "negative": -1,
    "nothing": None,
}


def badly_stamped(visitor: str) -> Document:
    return page(visitor, day(30), event_id=visitor) | {"event_time_ms": BAD_STAMPS[visitor]}


@STORIES.tell(*map(badly_stamped, BAD_STAMPS), page("after all of them", day(30, 1)))
def test_a_refused_stamp_does_not_move_event_time(answers: Answers) -> None:
    assert not set(BAD_STAMPS) & {row["visitor_id"] for row in answers.rows["events_valid"]}
    assert answers.sessions("after all of them") == [(day(30, 1), 1)]


@STORIES.tell(heartbeat("pulse", day(40, BOUND + 1)), page("behind the pulse", day(40), delay_ms=BOUND + 1))
def test_a_heartbeat_moves_event_time(answers: Answers) -> None:
    assert answers.count("events_late", "behind the pulse") == 1


def test_a_heartbeat_is_no_event_of_a_visitor(answers: Answers) -> None:
    assert [answers.count(view, "pulse") for view in ("events_valid", "events_late", "sessions")] == [0, 0, 0]
    assert Counter(row["verdict"] for row in answers.rows["verdicts"])["heartbeat"] == 1


@STORIES.tell(
    page("fresh", day(41, BOUND + 1)), event("slow pulse", "heartbeat", day(41), delay_ms=BOUND + 1)
)
def test_a_heartbeat_that_comes_late_is_counted_nowhere(answers: Answers) -> None:
    assert [answers.count(view, "slow pulse") for view in ("events_on_time", "events_late")] == [0, 0]


# --------------------------------------------------------------------------------------------------- duplicates


def copies(visitor: str, at_ms: int, delays_ms: list[int]) -> list[Document]:
    return [{**page(visitor, at_ms), "received_at_ms": at_ms + delay_ms} for delay_ms in delays_ms]


@STORIES.tell(*copies("thrice", day(50), [0, 5, 1_000]))
def test_copies_are_numbered_and_the_first_is_valid(answers: Answers) -> None:
    assert [row["repeat_no"] for row in answers.of("events_on_time", "thrice")] == [1, 2, 3]
    (valid,) = answers.of("events_valid", "thrice")
    assert valid["received_at_ms"] == day(50)
    assert answers.sessions("thrice") == [(day(50), 1)]


@STORIES.tell(page("stolen id", day(51), event_id="x"), purchase("other visitor", day(51, 1), event_id="x"))
def test_an_id_counts_once_whoever_uses_it(answers: Answers) -> None:
    assert answers.count("events_valid", "stolen id") == 1
    assert [answers.count(view, "other visitor") for view in ("events_valid", "events_on_time")] == [0, 1]


@STORIES.tell(page("moving on", day(52, BOUND + 1)), *copies("late copy", day(52), [0, BOUND + 1]))
def test_a_copy_that_comes_late_is_late_and_no_duplicate(answers: Answers) -> None:
    assert [row["repeat_no"] for row in answers.of("events_on_time", "late copy")] == [1]
    assert answers.count("events_late", "late copy") == 1


@STORIES.tell(
    page("too early", day(53), event_id="y", schema="event/9"), page("accepted", day(53, 1), event_id="y")
)
def test_a_refused_event_does_not_take_the_id(answers: Answers) -> None:
    assert answers.count("events_valid", "accepted") == 1


# ------------------------------------------------------------------------------------------------ nothing is lost


def test_every_message_is_in_exactly_one_place(answers: Answers) -> None:
    places = [
        row["source_offset"] for view in ("events_on_time", "events_late") for row in answers.rows[view]
    ]
    places += [row["first_offset"] for row in answers.rows["events_refused"]]
    late_pulse = len(placed(by_arrival(STORIES.events))) - len(places)
    assert len(set(places)) == len(places)
    assert late_pulse == 1  # by contract a heartbeat is counted nowhere


def test_the_ledger_counts_every_punctual_event_by_its_verdict(answers: Answers) -> None:
    counted: Counter[str] = Counter()
    for row in answers.rows["ledger"]:
        counted[row["verdict"]] += row["events"]
    assert counted == Counter(row["verdict"] for row in answers.rows["verdicts"])
    assert counted["valid"] == len(answers.rows["events_valid"])
    assert counted.total() == len(answers.rows["events_on_time"])


def test_a_ledger_entry_is_its_row_as_a_document(answers: Answers) -> None:
    rows = {row["entry_id"]: dict(row) for row in answers.rows["ledger"]}
    assert len(rows) == len(answers.rows["ledger_entries"]) == len(answers.rows["ledger"])
    for entry in answers.rows["ledger_entries"]:
        row = rows[entry["entry_id"]]
        partition = row.pop("source_partition")
        assert orjson.loads(entry["entry"]) == {**row, "partition": partition}
