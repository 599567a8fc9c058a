"""A bucket: what is due is settled in time, what changed is in the store, what is cold is read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from connectors.errors import StateTooNew
from state.bucket import Bucket, Counts, DictStore, Live, taken
from state.logic import NEVER, Logic, Out, SourcePosition


class Tick(NamedTuple):
    at: int
    name: str


@dataclass
class Alarm:
    """Rings so long after its last tick; asks at each tick and is answered when the slice is over."""

    last_at: int = 0
    due: int = NEVER
    asked_in: int = 0
    ticks: list[int] = field(default_factory=list)


class Alarms(Logic[Alarm, Tick]):
    """Ticks are `name time` as text."""

    def __init__(self, wait: int = 10, memory: int = 100) -> None:
        self.wait, self.memory, self.decoded = wait, memory, 0

    def items(
        self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None, late: bool, out: Out
    ) -> list[Tick]:
        return [Tick(int(value.split()[1]), value.split()[0].decode()) for value in values]

    def check(self, data: bytes) -> None:
        if data[0] > ord("~"):
            raise StateTooNew("too new")

    def order(self, item: Tick) -> tuple[int, int, str]:
        return item.at, 0, item.name

    def entity_id(self, item: Tick) -> str:
        return item.name

    def new(self, entity_id: str) -> Alarm:
        return Alarm()

    def take(self, entity: Alarm, item: Tick, out: Out) -> None:
        entity.ticks.append(item.at)
        entity.last_at, entity.due, entity.asked_in = item.at, item.at + self.wait, self.slice_end
        out.add("tick", item.name, "", item.at, b"")

    def take_late(self, entity: Alarm, item: Tick, out: Out) -> None:
        out.add("late", item.name, "", item.at, b"")

    def settle(self, entity: Alarm, now: int, out: Out) -> None:
        if entity.due < now:
            out.add("ring", "", "", entity.due, b"")
            entity.due = NEVER
        if entity.asked_in and entity.asked_in != self.slice_end:
            out.add("answer", "", "", entity.asked_in, b"")
            entity.asked_in = 0

    def next_due(self, entity: Alarm) -> int:
        return min(
            entity.due, entity.last_at + self.memory, entity.asked_in - 1 if entity.asked_in else NEVER
        )

    def is_over(self, entity: Alarm, now: int) -> bool:
        return entity.last_at + self.memory < now

    def encode(self, entity: Alarm) -> bytes:
        return repr((entity.last_at, entity.due, entity.asked_in, entity.ticks)).encode()

    def decode(self, entity_id: str, data: bytes) -> Alarm:
        self.decoded += 1
        return Alarm(*eval(data))


def bucket(store: DictStore | None = None, live: Live | None = None, **spans: int) -> Bucket[Alarm, Tick]:
    return Bucket(0, Alarms(**spans), store or DictStore(), (live or Live(100)).objects, Counts())


def pairs(out: Out) -> list[tuple[str, int]]:
    return [(document.kind, document.version) for document in out.documents]


def take(one: Bucket[Alarm, Tick], ends_at: int, *ticks: str) -> list[tuple[str, int]]:
    return pairs(taken(one, [tick.encode() for tick in ticks], None, ends_at, late=False))


def settle(one: Bucket[Alarm, Tick], now: int) -> list[tuple[str, int]]:
    out = Out()
    one.settle(now, out)
    return pairs(out)


def test_items_come_in_order_and_what_is_due_before_one_is_settled_before_it() -> None:
    assert take(bucket(), 100, "a 30", "a 1", "a 11", "a 22") == [
        ("tick", 1), ("tick", 11), ("ring", 21), ("tick", 22), ("tick", 30), ("ring", 40),
    ]  # fmt: skip


def test_due_at_a_moment_is_settled_once_event_time_is_behind_it() -> None:
    one = bucket()
    take(one, 5, "a 1")
    settle(one, 5)
    assert one.next_due() == 11
    assert settle(one, 11) == []
    assert settle(one, 12) == [("ring", 11)]
    assert one.next_due() == 101


def test_what_is_asked_in_a_slice_is_answered_when_the_slice_is_over() -> None:
    one = bucket()
    assert take(one, 50, "a 1", "a 40") == [("tick", 1), ("ring", 11), ("tick", 40)]
    assert one.next_due() == 49
    assert settle(one, 50) == [("answer", 50)]
    assert one.next_due() == 50
    assert take(one, 100, "a 60") == [("ring", 50), ("tick", 60), ("ring", 70)]
    assert take(one, 200, "b 150") == [("tick", 150), ("answer", 100), ("ring", 160)]


def test_a_forgotten_entity_comes_back_as_a_new_one() -> None:
    one = bucket()
    take(one, 5, "a 1")
    settle(one, 500)
    assert (one.due, one.live, one.counts.entities, one.counts.forgotten) == ({}, {}, 0, 1)
    take(one, 700, "a 600")
    assert one.entity("a").ticks == [600]
    take(one, 1_000, "a 900")  # over since 700, in the middle of a slice
    assert one.entity("a").ticks == [900]


def test_what_changed_is_in_the_store_and_read_back_when_it_is_cold() -> None:
    store = DictStore()
    one = bucket(store)
    take(one, 5, "a 1", "b 2")
    one.live.clear()
    take(one, 8, "a 6")
    assert one.entity("a").ticks == [1, 6]
    # b, too: what it asked was to be answered.
    assert (one.counts.cold_reads, one.logic.decoded) == (2, 2)  # type: ignore[attr-defined]
    other = bucket(store)
    assert (set(other.due), other.counts.entities, other.next_due()) == ({"a", "b"}, 2, 7)
    assert other.entity("b").ticks == [2]


def test_the_longest_unused_leave_the_live_objects_first() -> None:
    live = Live(2)
    one = bucket(live=live)
    take(one, 5, "a 1", "b 1")
    settle(one, 5)
    take(one, 6, "c 5", "a 5")
    live.trim()
    assert {key for _, key in live.objects} == {"c", "a"}


def test_late_items_are_taken_apart_and_kept() -> None:
    one = bucket()
    out = taken(one, [b"a 1"], None, 0, late=True)
    assert pairs(out) == [("late", 1)]
    assert set(one.due) == {"a"}


def test_counts_add_up() -> None:
    out, more = Out(), Out()
    position = SourcePosition("t", 1, 2, 300_001)
    for one in (out, more, more):
        one.count("valid", position, 5, -3)
    out.add_counts(more)
    assert out.counts == {("valid", 1, 300_000, 0): [3, -9]}
    assert more.counts == {("valid", 1, 300_000, 0): [2, -6]}


def test_a_newer_release_s_state_is_refused_before_anything_is_taken() -> None:
    store = DictStore()
    store.put("a", NEVER.to_bytes(8) + b"\xff")
    with pytest.raises(StateTooNew):
        Bucket(0, Alarms(), store, Live(10).objects, Counts())
