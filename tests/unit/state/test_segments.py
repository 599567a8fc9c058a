"""Segments at their edges: due times to the millisecond, hysteresis, stays, late events, consent, edits, RFM."""

from __future__ import annotations

from itertools import permutations
from math import ceil, log
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from connectors.contracts.segments import Segment
from connectors.contracts.signals import Signal, signal_id
from state.engine import Engine
from state.logic import Out
from state.options import Options
from state.segments.definition import MOST_STARTS
from state.segments.language.cutoffs import Cutoffs
from state.segments.membership import Segments
from state.visitor import Visitor
from state.visitors.logic import CODEC
from tests.engine_runs import DAY, HOUR, MINUTE, T0, Document, documents, event, lines, run
from tests.segment_files import scaled, segments_of
from tests.segment_oracle import Teller, read

WEEK, FORTNIGHT = 7 * DAY, 14 * DAY
Step = tuple[int, str, str]


def moves(found: list[Document], who: str = "v") -> list[Step]:
    """When which segment was left and entered, as far as it was not taken back."""
    newest: dict[str, Document] = {}
    for one in sorted(found, key=lambda one: one["version"]):
        newest[one["signal_id"]] = one
    return [
        (one["occurred_at_ms"] - T0, one["evidence"].get("before", ""), one["evidence"]["segment"])
        for one in newest.values()
        if one["kind"] == "segment_entered" and one["status"] == "active" and one["visitor_id"] == who
    ]


def told(events: list[Document], until: int = 300 * DAY, segments: Segments | None = None) -> list[Step]:
    """The moves up to and with a time, whatever the slices."""
    found = []
    for slice_ms in (1_000, HOUR, 30 * DAY):
        out = run(lines(events), slice_ms, options=Options(), pack=None, segments=segments or segments_of())
        found.append([one for one in moves(documents(out, "signal")) if one[0] <= until])
    assert found[0] == found[1] == found[2]
    return found[0]


def views(*times: int, kind: str = "page_view", **more: Any) -> list[Document]:
    return [event("v", kind, at, **more) for at in times]


class Running:
    """An engine at work; event time is where it was put last."""

    def __init__(self, segments: Segments | None = None, **options: Any) -> None:
        self.engine = Engine(Options(**options), segments=segments or segments_of(), buckets=1)
        self.documents: list[Any] = []

    def take(self, *events: Document, until: int) -> Running:
        """Events of a slice, then everything due before `until`."""
        out = self.engine.take(lines(events), None, T0 + until)
        for bucket in self.engine.visitors:
            bucket.settle(T0 + until, out)
        return self._keep(out)

    def late(self, *events: Document) -> Running:
        return self._keep(self.engine.take_late(lines(events), None))

    def _keep(self, out: Out) -> Running:
        self.documents += out.documents
        return self

    def of(self, kind: str) -> list[Document]:
        return [orjson.loads(one.body) for one in self.documents if one.kind == kind and one.body]

    @property
    def moves(self) -> list[Step]:
        return moves(self.of("signal"))

    @property
    def visitor(self) -> Visitor:
        return self.engine.visitors[0].entity("v")


def test_one_visit_is_new_and_lapses_at_the_millisecond() -> None:
    assert told(views(0, MINUTE)) == [(0, "", "new"), (FORTNIGHT + MINUTE, "new", "lapsed")]


@pytest.mark.parametrize(("after", "is_moved"), [(-1, False), (0, False), (1, True)])
def test_what_is_due_happens_once_event_time_is_later(after: int, is_moved: bool) -> None:
    running = Running().take(*views(0), until=HOUR).take(until=FORTNIGHT + after)
    assert running.moves == [(0, "", "new"), (FORTNIGHT, "new", "lapsed")][: 1 + is_moved]


@pytest.mark.parametrize(
    ("back", "wanted"),
    [
        (FORTNIGHT - 1, [(0, "", "new"), (FORTNIGHT - 1, "new", "casual")]),
        (
            FORTNIGHT,
            [(0, "", "new"), (FORTNIGHT, "new", "casual")],
        ),  # the event comes before what is due with it
        (FORTNIGHT + 1, [(0, "", "new"), (FORTNIGHT, "new", "lapsed"), (FORTNIGHT + 1, "lapsed", "casual")]),
    ],
)
def test_an_event_at_the_due_millisecond_is_in_time(back: int, wanted: list[Step]) -> None:
    assert told(views(0, back), until=back) == wanted


def test_hysteresis_and_the_closed_form() -> None:
    """Three sessions at once are engaged; the sum of their weights says when it is over, to the millisecond."""
    times = [0, HOUR, 2 * HOUR, 3 * HOUR]
    found = told(views(*times), until=13 * DAY)
    weights = sum(2.718281828459045 ** ((at - 3 * HOUR) / (28 * DAY)) for at in times)
    due = 3 * HOUR + ceil(28 * DAY * log(weights / 2))
    assert due > 13 * DAY  # here the silence is first
    assert found == [(0, "", "new"), (3 * HOUR, "new", "engaged")]


@pytest.mark.parametrize("after", [-1, 0, 1])
def test_a_frequency_falls_where_thirty_digits_say_so(after: int, tmp_path: Path) -> None:
    path = scaled(tmp_path, 1, decay="2 d")
    events = views(0, HOUR, 2 * HOUR, 3 * HOUR)
    whole = Teller(read(path), events, exactly=True).tell(T0 + 300 * DAY)
    fall = next(at for at, before, _ in whole if before == "engaged")
    running = Running(segments_of(path)).take(*events, until=4 * HOUR).take(until=fall - T0 + after + 1)
    wanted = [(at - T0, *more) for at, *more in whole if at <= fall + after]
    assert running.moves == wanted and (len(wanted) == 3) == (after >= 0)


def test_a_fall_waits_for_the_minimum_stay_and_a_rise_does_not(tmp_path: Path) -> None:
    path = scaled(tmp_path, 1, decay="8 h")
    found = told(views(0, HOUR, 2 * HOUR, 3 * HOUR), until=2 * DAY, segments=segments_of(path))
    assert found == [(0, "", "new"), (3 * HOUR, "new", "engaged"), (DAY + 3 * HOUR, "engaged", "new")]


def test_a_purchase_raises_with_its_event_and_an_order_counts_once() -> None:
    order = {"order": {"order_id": "o", "revenue": 5}}
    events = [*views(0, HOUR), *views(HOUR + 1, HOUR + 2, kind="purchase", **order)]
    assert told(events, until=DAY) == [(0, "", "new")]  # twice within 28 days is 1.998
    events = [*views(0, 1 * HOUR, 2 * HOUR), *views(2 * HOUR + 1, kind="purchase", **order)]
    assert told(events, until=DAY) == [(0, "", "new"), (2 * HOUR + 1, "new", "engaged")]


def test_every_order_of_arrival_gives_the_same() -> None:
    events = views(0, HOUR, 2 * HOUR, 15 * DAY)
    wanted = told(events)
    for arrived in permutations(events):
        assert told([*arrived, arrived[0]]) == wanted


def test_a_buyer_is_waited_for_longer() -> None:
    falls = [*told(views(0, kind="purchase"))]
    assert falls == [(0, "", "new"), (FORTNIGHT, "new", "at_risk"), (56 * DAY, "at_risk", "lapsed")]


# ------------------------------------------------------------------------------------------------ late events


@pytest.mark.parametrize(
    ("late", "wanted"),
    [
        (-1, [(0, "", "new"), (FORTNIGHT, "new", "lapsed")]),  # earlier than the last event: nothing new
        (1, [(0, "", "new"), (FORTNIGHT + 1, "new", "lapsed")]),
        (FORTNIGHT - 1, [(0, "", "new"), (2 * FORTNIGHT - 1, "new", "lapsed")]),
    ],
)
def test_a_late_event_undoes_the_fall_that_it_would_have_prevented(late: int, wanted: list[Step]) -> None:
    running = Running().take(*views(0), until=HOUR).take(until=FORTNIGHT + HOUR).late(*views(late))
    assert running.take(until=2 * FORTNIGHT + HOUR).moves == wanted
    undone = [one for one in running.of("signal") if one["status"] == "retracted"]
    assert len(undone) == (2 if late > 0 else 0)
    assert all(one["version"] == T0 + FORTNIGHT + 1 for one in undone)
    assert running.of("segment")[-1]["segment"] == "lapsed"


def test_a_late_event_before_any_fall_counts_as_having_been_there() -> None:
    running = Running().take(*views(0), until=DAY).late(*views(HOUR)).take(until=15 * DAY)
    assert running.moves == [(0, "", "new"), (FORTNIGHT + HOUR, "new", "lapsed")]


# ---------------------------------------------------------------------------------------------------- consent


def test_withdrawn_consent_leaves_the_segment_without_a_signal() -> None:
    denied = event("v", "consent", HOUR, properties={"status": "denied"})
    running = Running().take(*views(0), denied, event("v", "page_view", HOUR + 1), until=40 * DAY)
    assert running.moves == [(0, "", "new")]
    assert {one["kind"] for one in running.of("signal")} == {"segment_entered"}
    assert running.of("segment")[-1] == {"visitor_id": "v", "version": T0 + HOUR}
    assert "segment" not in running.of("visitor")[-1] and running.visitor.segments is None


def test_consent_that_comes_back_begins_anew() -> None:
    words = [
        event("v", "consent", HOUR + at, properties={"status": word})
        for at, word in enumerate(("denied", "granted"))
    ]
    running = Running().take(*views(0), *words, event("v", "page_view", HOUR + 5), until=2 * HOUR)
    assert running.moves == [(0, "", "new"), (HOUR + 1, "", "new")]


def test_an_erased_visitor_is_in_no_segment() -> None:
    erased = event("v", "consent", HOUR, properties={"status": "erased"})
    running = Running().take(*views(0), erased, until=40 * DAY)
    assert [one.body for one in running.documents if one.kind == "segment"][-1] == b""
    assert running.moves == [(0, "", "new")]


# ------------------------------------------------------------------------------------------------ what is said


def test_signals_and_records_have_the_members_of_their_contracts() -> None:
    running = Running().take(*views(0, context={"device": "tv"}), until=HOUR).take(until=20 * DAY)
    first, left, entered = running.of("signal")
    for one in (first, left, entered):
        assert Signal.model_validate(one).to_document() == one
    assert left["evidence"]["entered_signal_id"] == first["signal_id"]
    assert left["evidence"] | {"next": "lapsed", "since_ms": T0} == left["evidence"]
    assert first["signal_id"] == signal_id("segment_entered", "lifecycle", "v", f"new {T0}")
    assert entered["evidence"]["recency_ms"] == FORTNIGHT and entered["context"] == {"device": "tv"}
    for record in running.of("segment"):
        assert Segment.model_validate(record).to_document() == record


def test_the_visitor_s_document_follows_a_fall_long_after_the_session() -> None:
    running = Running().take(*views(0, context={"country": "DE"}), until=DAY).take(until=20 * DAY)
    first, last = running.of("visitor")
    assert (first["segment"], last["segment"]) == ("new", "lapsed")
    assert (
        last["version"] == T0 + FORTNIGHT
        and last["last_seen_ms"] == T0
        and last["context"] == {"country": "DE"}
    )
    assert "features" in first and "features" not in last


# ------------------------------------------------------------------------------------------------------ edits


def test_edited_segments_are_taken_up_as_of_the_last_event(tmp_path: Path) -> None:
    running = Running().take(*views(0, HOUR), until=10 * DAY)
    assert running.moves == [(0, "", "new"), (WEEK, "new", "casual")]
    running.engine.visitors_logic.segments = segments_of(scaled(tmp_path, 2, version=2))
    running.take(event("v", "page_view", 11 * DAY), until=12 * DAY)
    half = [
        (0, "", "new"),
        (WEEK // 2, "new", "casual"),
        (WEEK + HOUR, "casual", "at_risk"),
        (11 * DAY, "at_risk", "casual"),
    ]
    assert set(half) <= set(running.moves)  # what the old ones said is swept from outside
    assert {one["rule"]["version"] for one in running.of("signal")} == {1, 2}


def test_a_longer_span_takes_back_nothing_that_it_did_not_say(tmp_path: Path) -> None:
    running = Running().take(*views(0), until=20 * DAY)
    path = scaled(tmp_path, 1, version=2)
    path.write_text(path.read_text().replace("14 d", "30 d"))
    running.engine.visitors_logic.segments = segments_of(path)
    running.take(event("v", "page_view", 21 * DAY), until=22 * DAY)
    assert running.moves[-1] == (21 * DAY, "new", "casual")


# -------------------------------------------------------------------------------------------------------- RFM

CUTOFFS = Cutoffs(
    date="2023-11-01", as_of_ms=T0 - DAY, buyers=9, source="a file",
    recency_ms=[DAY, 2 * DAY, 3 * DAY, 4 * DAY], frequency=[1, 1, 2, 3], monetary=[10, 20, 30, 40],
)  # fmt: skip


def bought(at: int, revenue: float) -> Document:
    return event("v", "purchase", at, order={"order_id": str(at), "revenue": revenue})


def classes(running: Running) -> list[tuple[int, str | None]]:
    found: list[tuple[int, str | None]] = []
    for one in running.of("segment"):
        if not found or found[-1][1] != one.get("rfm"):
            found.append((one["version"] - T0, one.get("rfm")))
    return found


def test_classes_are_those_of_the_cut_offs_and_fall_at_their_millisecond() -> None:
    running = Running(segments_of(cutoffs=CUTOFFS)).take(bought(0, 9), until=30 * DAY)
    assert classes(running) == [
        (0, None),
        (0, "promising"),
        (2 * DAY + 1, "fading"),
        (4 * DAY + 1, "hibernating"),
    ]
    running = Running(segments_of(cutoffs=CUTOFFS)).take(
        bought(0, 5), bought(1, 6), bought(2, 30), until=HOUR
    )
    assert classes(running)[-1] == (2, "champions")  # three purchases for 41
    assert "rfm" not in Running().take(bought(0, 5), until=DAY).of("visitor")[-1]


@pytest.mark.parametrize(("after", "is_stale"), [(0, False), (1, True)])
def test_cut_offs_that_are_too_old_are_said_to_be_so(after: int, is_stale: bool) -> None:
    old = CUTOFFS.model_copy(update={"as_of_ms": T0 - 35 * DAY - after})
    running = Running(segments_of(cutoffs=old)).take(bought(0, 9), until=DAY)
    found = running.of("visitor")[-1]
    assert (found["rfm"], found["cutoffs_date"], found["cutoffs_stale"]) == (
        "promising",
        "2023-11-01",
        is_stale,
    )


# ------------------------------------------------------------------------------------------------------ state


def test_what_is_remembered_is_bounded() -> None:
    events = [event("v", "page_view", number * HOUR) for number in range(100)]
    running = Running(visitor_memory_ms=1_000).take(*events, until=101 * HOUR)
    known = running.visitor.segments
    assert known is not None and len(known.starts) == MOST_STARTS
    assert known.starts[-1] == T0 + 99 * HOUR and len(known.stays) == 1
    running.take(until=300 * DAY)
    assert [bucket.due for bucket in running.engine.visitors] == [{}]  # lapsed, and then forgotten
    assert running.moves[-1][2] == "lapsed"


def test_bytes_of_before_have_no_segments_and_begin_with_the_next_event() -> None:
    members = msgspec.msgpack.decode(
        CODEC.encode(Visitor("v", seen_since=T0, last_at=T0, events=1, sessions=1))[1:]
    )
    before = b"\x01" + msgspec.msgpack.encode(members[:-2])
    visitor = CODEC.decode(before)
    assert visitor.segments is None and visitor.revenue == 0.0
    running = Running()
    bucket = running.engine.visitors[0]
    bucket.store.put("v", (1 << 62).to_bytes(8) + before)
    bucket.due["v"] = 1 << 62
    assert running.take(event("v", "page_view", DAY), until=2 * DAY).moves == [(DAY, "", "new")]
