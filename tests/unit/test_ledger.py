"""The ledger's sums: what balances, what does not, what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from connectors.contracts import topics
from jobs.offline.ledger import WINDOW_MS, Ledger, Window, read_ledger, read_letters
from stack.runs.feed import heartbeat

RAW = topics.EVENTS_RAW.name
AT_MS = 10 * WINDOW_MS


class FakeMessage:
    """One message of a topic."""

    def __init__(self, value: bytes, *, key: str = "", offset: int = 0, at_ms: int = AT_MS) -> None:
        self.value, self.key, self.partition, self.offset, self.timestamp = (
            value,
            key.encode(),
            0,
            offset,
            at_ms,
        )
        self.headers: list[tuple[str, bytes]] = []


def entry(verdict: str, events: int, *, entry_id: str = "") -> FakeMessage:
    document = {
        "entry_id": entry_id or verdict,
        "verdict": verdict,
        "partition": 0,
        "arrived_in_ms": AT_MS,
        "events": events,
    }
    return FakeMessage(orjson.dumps(document))


def letter(reason: str, key: str, *, topic: str = RAW) -> FakeMessage:
    offset = int(key.rpartition(":")[2])
    document = {"reason": reason, "topic": topic, "partition": 0, "offset": offset, "timestamp_ms": AT_MS + 1}
    return FakeMessage(orjson.dumps(document), key=key)


def balance(**messages: list[FakeMessage]) -> Ledger:
    """The ledger over topics with these messages: raw, late, rejected, entries."""
    names = {"raw": RAW, "late": topics.EVENTS_LATE.name, "rejected": topics.EVENTS_REJECTED.name}
    held = {names.get(name, topics.LEDGER.name): rows for name, rows in messages.items()}

    def read(properties: Mapping[str, str], topic: str) -> Iterator[Any]:
        return iter(held.get(topic, []))

    return read_ledger({}, read_letters({}, read), read)


def test_a_window_balances_when_everything_read_became_something() -> None:
    window = Window(read=10, valid=5, duplicate=2, late=1, rejected=Counter(not_json=2))
    assert window.difference() == 0
    assert Window(read=3, valid=2).difference() == 1
    assert Window(read=1, valid=2).difference() == -1


def test_two_wrongs_in_two_windows_do_not_balance_each_other() -> None:
    windows = {(0, 0): Window(read=1), (0, 1): Window(valid=1)}
    found = Ledger(windows)
    assert found.total().difference() == 0
    assert not found.balanced


def test_what_was_refused_at_the_door_counts_as_read_and_rejected() -> None:
    total = Ledger({(0, 0): Window(read=1, valid=1)}, oversized=2).total()
    assert (total.read, total.rejected, total.difference()) == (3, {"oversized": 2}, 0)


def test_the_document_has_totals_and_windows_in_order() -> None:
    windows = {(600_000, 1): Window(read=1, valid=1), (300_000, 0): Window(read=2, valid=2)}
    document = Ledger(windows).to_document()
    assert (document["balanced"], document["read"], document["rejected_total"]) == (True, 3, 0)
    assert [row["window_start_ms"] for row in document["windows"]] == [300_000, 600_000]


def test_the_newest_count_of_an_entry_is_its_largest() -> None:
    raw = [FakeMessage(b"{}", offset=offset) for offset in range(7)]
    entries = [entry("valid", 2), entry("valid", 7), entry("valid", 5)]
    found = balance(raw=raw, entries=entries)
    assert found.total().valid == 7 and found.balanced


def test_entries_of_one_arrival_window_add_up() -> None:
    entries = [entry("valid", 2, entry_id="a"), entry("valid", 3, entry_id="b"), entry("duplicate", 1)]
    total = balance(entries=entries).total()
    assert (total.valid, total.duplicate) == (5, 1)


def test_heartbeats_count_nowhere() -> None:
    raw = [FakeMessage(heartbeat(5, "h"), offset=0), FakeMessage(b"{}", offset=1)]
    found = balance(raw=raw, entries=[entry("heartbeat", 1), entry("valid", 1)])
    assert found.balanced and found.total().read == 1


def test_late_and_rejected_come_from_their_topics_once_each() -> None:
    late = FakeMessage(orjson.dumps({"source": {"topic": RAW, "partition": 0, "offset": 1}}))
    found = balance(
        raw=[FakeMessage(b"{}", offset=offset) for offset in range(3)],
        late=[late, late],
        rejected=[letter("not_json", "raw:0:2"), letter("not_json", "raw:0:2")],
        entries=[entry("valid", 1)],
    )
    assert found.balanced
    assert found.total().to_document() == {
        "read": 3,
        "valid": 1,
        "duplicate": 0,
        "late": 1,
        "rejected": {"not_json": 1},
        "difference": 0,
    }


def test_a_lost_message_shows_in_its_window() -> None:
    raw = [FakeMessage(b"{}", offset=0), FakeMessage(b"{}", offset=1, at_ms=AT_MS + WINDOW_MS)]
    found = balance(raw=raw, entries=[entry("valid", 1)])
    assert {key: window.difference() for key, window in found.windows.items()} == {
        (AT_MS, 0): 0,
        (AT_MS + WINDOW_MS, 0): 1,
    }
    assert not found.balanced


def test_letters_of_other_topics_are_of_no_window() -> None:
    found = balance(rejected=[letter("oversized", "file:0:3", topic="file")])
    assert (found.windows, found.oversized) == ({}, 1)
