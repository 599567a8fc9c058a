"""What `scripts/why` takes for the visitor's: from raw, late and rejected messages, and from Flink's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest

from connectors.contracts import topics
from connectors.contracts.pseudonyms import pseudonym
from connectors.flink.rest import FlinkRest
from jobs.offline.ledger import Ledger, Window
from jobs.offline.why import reading as why_reading
from jobs.offline.why.facts import OPTIONS, EventTime, Running
from jobs.offline.why.reading import Tap
from state.devices.judged import CARRIED
from tests.words import Document, event, t

RAW, LATE, VALID = topics.EVENTS_RAW.name, topics.EVENTS_LATE.name, topics.EVENTS_VALID.name


class FakeMessage:
    """One message of a topic, arrived at t(0)."""

    def __init__(self, value: bytes, offset: int = 0) -> None:
        self.value, self.partition, self.offset, self.timestamp = value, 1, offset, t(10)


def messages(*documents: Document | bytes) -> list[FakeMessage]:
    made = (one if isinstance(one, bytes) else orjson.dumps(one) for one in documents)
    return [FakeMessage(value, offset) for offset, value in enumerate(made)]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[FakeMessage]]:
    """The messages of each topic."""
    found: dict[str, list[FakeMessage]] = {}

    def read(_: Mapping[str, str], topic: str, **bounds: Any) -> Iterator[Any]:
        return iter(found.get(topic, []))

    monkeypatch.setattr(why_reading, "read_topic", read)
    return found


def tapped(*ids: str, hashed: Any = None) -> Tap:
    tap = Tap(frozenset(ids), 0, hashed)
    for topic in (RAW, LATE):
        list(tap.read({}, topic))
    return tap


def letter(offset: int, reason: str) -> Document:
    return {"topic": RAW, "partition": 1, "offset": offset, "reason": reason, "detail": "why"}


def page(visitor: str, at: int, **more: Any) -> Document:
    return event(visitor, "page_view", at, **more)


def valid(visitor: str, tap: Tap, key: bytes | None = None) -> list[Any]:
    return why_reading._valid({}, visitor, tap, OPTIONS, key, 0)[0]


def test_valid_events_are_made_of_raw_ones_by_the_engine(held: dict[str, list[FakeMessage]]) -> None:
    heartbeat, bad = event("anna", "heartbeat", t(1)), {**page("anna", t(2)), "event_type": "unheard_of"}
    first, late, ahead = page("anna", t(3)), page("anna", t(0)), page("anna", t(60 * 24))
    held[RAW] = messages(heartbeat, bad, first, first, late, ahead, page("berta", t(5)), b"no JSON of anna")
    held[LATE] = messages({**late, "source": {"topic": RAW, "partition": 1, "offset": 4}})
    tap = tapped("anna")
    found = valid("anna", tap)
    assert [(one["event_id"], one["source"]["offset"]) for one in found] == [(first["event_id"], 2)]
    assert [one["event_id"] for one in tap.late("anna")] == [late["event_id"]]


def test_what_was_held_back_is_not_valid_here_either(held: dict[str, list[FakeMessage]]) -> None:
    denied = event("anna", "consent", t(2), properties={"status": "denied"})
    held[RAW] = messages(page("anna", t(1)), denied, page("anna", t(3)))
    assert [one["event_type"] for one in valid("anna", tapped("anna"))] == ["page_view", "consent"]


def test_valid_events_of_a_topic_of_their_own_are_taken_as_they_are(
    held: dict[str, list[FakeMessage]],
) -> None:
    held[RAW] = messages(page("anna", t(3)))
    held[VALID] = messages(page("anna", t(9)), page("anna", t(7)), page("berta", t(8)))
    assert [one["event_time_ms"] for one in valid("anna", tapped("anna"))] == [t(7), t(9)]


def test_dead_letters_belong_to_the_visitor_by_source_position(held: dict[str, list[FakeMessage]]) -> None:
    held[RAW] = messages(
        event("anna", "page_view", t(1)), b'{"visitor_id": "anna", oops', event("berta", "page_view", t(2))
    )
    letters = [letter(0, "bot_quarantined"), letter(1, "not_json"), letter(2, "no_consent")]
    found = list(tapped("anna").refused(letters))
    assert [(one.reason, one.where, one.event is not None) for one in found] == [
        ("bot_quarantined", f"{RAW}:1:0", True),
        ("not_json", f"{RAW}:1:1", False),
    ]


def test_pseudonyms_are_found_behind_plain_ids(held: dict[str, list[FakeMessage]]) -> None:
    held[RAW] = messages(page("anna", t(1)), page("berta", t(1)))
    key = b"k" * 32
    anna = pseudonym("anna", key)
    tap = tapped(anna, hashed=lambda text: pseudonym(text, key))
    assert [one["visitor_id"] for one in valid(anna, tap, key)] == [anna]


LOGIN = event("phone", "identify", t(5), user_id="u")
DENIED = event("phone", "consent", t(6), properties={"status": "denied"})
OTHER = event("phone", "identify", t(6), user_id="w")


@pytest.mark.parametrize(
    ("events", "visitor", "mine"),
    [
        ([page("phone", t(4)), LOGIN, page("phone", t(5)), page("phone", t(6))], "u", 3),
        ([page("phone", t(4)), LOGIN, page("phone", t(6))], "phone", 1),
        ([LOGIN, DENIED, page("phone", t(7))], "u", 1),
        ([LOGIN, OTHER, page("phone", t(7))], "u", 1),
        ([LOGIN, page("u", t(6), anonymous_id="phone"), page("x", t(7), user_id="u")], "u", 3),
    ],
)
def test_whose_an_event_is(
    held: dict[str, list[FakeMessage]], events: list[Document], visitor: str, mine: int
) -> None:
    held[RAW] = messages(*events)
    assert len(valid(visitor, tapped("phone", "u"))) == mine


def test_a_guests_events_are_shared_with_the_user(held: dict[str, list[FakeMessage]]) -> None:
    held[RAW] = messages(event("phone", "add_to_cart", t(4)), LOGIN)
    tap = tapped("phone", "u")
    _, shared = why_reading._valid({}, "u", tap, OPTIONS, None, 0)
    assert [(one.event.event_type, one.role) for one in shared] == [("add_to_cart", CARRIED)]


def test_only_windows_that_are_over_are_held_against_the_ledger() -> None:
    ledger = Ledger({(0, 1): Window(read=3, valid=1), (300_000, 1): Window(read=1), (0, 2): Window(read=9)})
    arrivals = {(0, 1), (300_000, 1)}
    job = Running("footfall-suite", 0, {}, EventTime(300_000, "task"))
    assert why_reading._unaccounted(ledger, arrivals, 0, job) == 2
    assert why_reading._unaccounted(ledger, arrivals, 1, job) == 0
    assert why_reading._unaccounted(ledger, arrivals, 0, None) == 3


def answers(idle_ms: int) -> Any:
    """What a cluster answers whose metrics are there."""
    split = "0.Source__events.split.events_{}.watermark.{}"
    metrics = {
        split.format("raw-0", "currentWatermark"): "110",
        split.format("raw-1", "currentWatermark"): "100",
        split.format("reentry-0", "currentWatermark"): str(-(2**63)),
        split.format("raw-1", "idleTimeMsPerSecond"): str(idle_ms),
        "0.numRecordsIn": "7",
    }

    def get(_: FlinkRest, path: str, params: dict[str, str] | None = None) -> Any:
        if path.endswith("/watermarks"):
            return [{"id": "1.currentInputWatermark", "value": "95"}] if "/w/" in path else []
        if path.endswith("/metrics"):
            asked = params["get"].split(",") if params else list(metrics)
            return [{"id": name, "value": metrics[name]} for name in asked]
        return {"vertices": [{"id": "s", "name": "Source: events"}, {"id": "w", "name": "Window[3]"}]}

    return get


@pytest.mark.parametrize(("idle_ms", "partition"), [(0, "events_raw-1"), (1_000, "events_raw-0")])
def test_event_time_is_held_by_the_partition_behind_that_is_not_idle(
    monkeypatch: pytest.MonkeyPatch, idle_ms: int, partition: str
) -> None:
    monkeypatch.setattr("connectors.flink.rest.time.sleep", lambda seconds: None)
    monkeypatch.setattr(FlinkRest, "_get", answers(idle_ms))
    assert FlinkRest("http://host:1").event_time("job") == (95, "Window[3], subtask 1", partition)
