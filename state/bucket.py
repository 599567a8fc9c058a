"""The entities of one key: live objects over a store of bytes, an index of due times, what has changed.

A bucket takes slices: all items of a stretch of event time, complete, so that they are only to be sorted.
What is due before an item is settled before it; what no item settles is settled when time has passed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, Generic, Protocol

from state.defects import raise_defect, raise_unread
from state.logic import NEVER, E, I, Logic, Out, SourcePosition

_HEAD = 8  # bytes in front of an entity's: when it is due next


class Store(Protocol):
    """What outlives the worker: bytes by id."""

    def get(self, key: str) -> bytes | None:
        """The bytes, if there are any."""

    def put(self, key: str, value: bytes) -> None:
        """Writes the bytes."""

    def remove(self, key: str) -> None:
        """Forgets them."""

    def items(self) -> Iterable[tuple[str, bytes]]:
        """All of them."""


class DictStore:
    """A store in memory, to run the engine without Flink."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """The bytes, if there are any."""
        return self.rows.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Writes the bytes."""
        self.rows[key] = value

    def remove(self, key: str) -> None:
        """Forgets them."""
        self.rows.pop(key, None)

    def items(self) -> Iterator[tuple[str, bytes]]:
        """All of them."""
        return iter(self.rows.items())


class Live:
    """The live objects of all buckets of a worker, the longest unused one first; bounded."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.objects: dict[tuple[int, str], Any] = {}

    def trim(self) -> None:
        """Drops what is too much; called between slices, when everything is in the store."""
        objects = self.objects
        for _ in range(len(objects) - self.most):
            del objects[next(iter(objects))]


class Counts:
    """What a worker's buckets have done, for metrics."""

    __slots__ = ("bytes", "cold_reads", "entities", "forgotten")

    def __init__(self) -> None:
        self.entities = self.cold_reads = self.forgotten = self.bytes = 0


class Bucket(Generic[E, I]):
    """The entities of one key."""

    def __init__(
        self,
        number: int,
        logic: Logic[E, I],
        store: Store,
        live: MutableMapping[tuple[int, str], E],
        counts: Counts,
    ) -> None:
        """Reads the store through, for the index of due times; the logic is told of each entity.

        Raises:
            StateTooNew: a newer release wrote an entity.
        """
        self.number, self.logic, self.store, self.live, self.counts = number, logic, store, live, counts
        self.due: dict[str, int] = {}
        for key, data in store.items():
            logic.opened(key, memoryview(data)[_HEAD:])
            self.due[key] = int.from_bytes(data[:_HEAD])
        self.heap = [(due, key) for key, due in self.due.items() if due < NEVER]
        heapify(self.heap)
        self.changed: set[str] = set()
        self.now = 0  # end of the last slice taken
        counts.entities += len(self.due)

    def take(self, items: Sequence[I], ends_at: int, out: Out) -> None:
        """Takes the items of a slice that ends before `ends_at`, then settles what is due by its end."""
        self._settle_before(ends_at, out)
        self.logic.slice_end = ends_at
        self._take(items, out)
        self._settle(ends_at, out)
        self.logic.slice_end = 0
        self._finish(out)

    def take_part(self, items: Sequence[I], ends_at: int, out: Out) -> None:
        """Takes some items of a slice, none earlier than those taken already; `take` ends the slice."""
        self._settle_before(ends_at, out)
        self.logic.slice_end = ends_at
        self._take(items, out)
        self.logic.slice_end = 0
        self._finish(out)

    def _settle_before(self, ends_at: int, out: Out) -> None:
        if self.logic.slice_ms:
            self._settle(ends_at - self.logic.slice_ms, out)

    def _take(self, items: Sequence[I], out: Out) -> None:
        logic, dues, live, number, item = self.logic, self.due, self.live, self.number, None
        try:
            for item in sorted(items, key=logic.order) if len(items) > 1 else items:
                key = logic.entity_id(item)
                at = item.at
                entity = live.get((number, key)) or self.entity(key)
                if dues[key] < at:
                    logic.settle(entity, at, out)
                    if logic.is_over(entity, at):
                        logic.forgotten(key)
                        entity = live[number, key] = logic.new(key)
                logic.take(entity, item, out)
                self.changed.add(key)
                due = logic.next_due(entity)
                if due != dues[key]:
                    self._schedule(key, due)
        except Exception as error:
            raise_defect(error, logic, item)
            raise

    def take_late(self, items: Sequence[I], out: Out) -> None:
        """Takes items that came behind the watermark."""
        logic, item = self.logic, None
        try:
            for item in sorted(items, key=logic.order):
                key = logic.entity_id(item)
                entity = self.entity(key)
                logic.take_late(entity, item, out)
                self.changed.add(key)
                self._schedule(key, logic.next_due(entity))
        except Exception as error:
            raise_defect(error, logic, item)
            raise
        self._finish(out)

    def settle(self, now: int, out: Out) -> None:
        """Does all that is due before `now`, and writes what has changed to the store."""
        self._settle(now, out)
        self._finish(out)

    def _settle(self, now: int, out: Out) -> None:
        heap, dues, entity = self.heap, self.due, None
        self.now = max(self.now, now)
        waiting = []  # for the end of the slice that is being taken
        try:
            while heap and heap[0][0] < now:
                due, key = heappop(heap)
                if dues.get(key) != due:
                    continue  # another entry stands for it
                entity = self.entity(key)
                again = self._settle_one(key, entity, now, out)
                if again < now and self.logic.slice_end:
                    waiting.append((again, key))
                elif again < NEVER:
                    heappush(heap, (again, key))
        except Exception as error:
            raise_defect(error, self.logic, entity)
            raise
        for entry in waiting:
            heappush(heap, entry)

    def _settle_one(self, key: str, entity: E, now: int, out: Out) -> int:
        """Does what is due; when it is due again."""
        logic = self.logic
        logic.settle(entity, now, out)
        if logic.is_over(entity, now):
            self.forget(key)
            return NEVER
        self.changed.add(key)
        due = self.due[key] = logic.next_due(entity)
        return due

    def _finish(self, out: Out) -> None:
        self.logic.end_slice(out)
        self.save()

    def may_be_due(self, now: int) -> bool:
        """Whether `settle` may find something; a cheap check for callers with many buckets."""
        return bool(self.heap) and self.heap[0][0] < now

    def next_due(self) -> int:
        """The earliest due time; NEVER if nothing is due."""
        heap, dues = self.heap, self.due
        while heap and dues.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else NEVER

    def entity(self, key: str) -> E:
        """The live object; read back where it is cold, new where nothing is known."""
        entity = self.live.get((self.number, key))
        if entity is not None:
            return entity
        if key in self.due:
            data = self.store.get(key)
            self.counts.cold_reads += 1
            entity = self.logic.decode(key, data[_HEAD:]) if data is not None else self.logic.new(key)
        else:
            entity = self.logic.new(key)
            self.due[key] = NEVER
            self.counts.entities += 1
        self.live[self.number, key] = entity
        return entity

    def forget(self, key: str) -> None:
        """Removes an entity for good."""
        if self.due.pop(key, None) is not None:
            self.counts.entities -= 1
            self.counts.forgotten += 1
        self.live.pop((self.number, key), None)
        self.changed.discard(key)
        self.logic.forgotten(key)
        self.store.remove(key)

    def save(self) -> None:
        """Writes the changed entities to the store; they are the last ones to leave the live objects."""
        live = self.live
        for key in self.changed:
            due = self.due[key]
            entity = live[self.number, key] = live.pop((self.number, key))
            data = due.to_bytes(_HEAD) + self.logic.encode(entity)
            self.counts.bytes += len(data)
            self.store.put(key, data)
        self.changed.clear()

    def _schedule(self, key: str, due: int) -> None:
        if self.due[key] == due:
            return
        self.due[key] = due
        if due < NEVER:
            heappush(self.heap, (due, key))


def read_items(
    logic: Logic[E, I],
    values: Sequence[bytes],
    positions: Sequence[SourcePosition] | None,
    late: bool,
    out: Out,
) -> list[I]:
    """The items in values; an error names the value that could not be read."""
    try:
        return logic.items(values, positions, late, out)
    except Exception as error:
        raise_unread(error, logic, values, positions)
        raise


def taken(
    bucket: Bucket[E, I],
    values: Sequence[bytes],
    positions: Sequence[SourcePosition] | None,
    ends_at: int,
    late: bool,
) -> Out:
    """What a handed-over slice leads to: items are read from it, then taken."""
    out = Out()
    found = read_items(bucket.logic, values, positions, late, out)
    if late:
        bucket.take_late(found, out)
    else:
        bucket.take(found, ends_at, out)
    return out
