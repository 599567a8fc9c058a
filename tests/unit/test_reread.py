"""Reading messages again by their place: what is yielded, when the consumer moves, when it gives up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from connectors import reread
from connectors.errors import BrokerUnavailable
from connectors.reread import Rereader, Rereaders

TOPIC = "footfall.events.raw"


class FakeMessage:
    """One message, or the end of the partition."""

    def __init__(self, offset: int, *, end: bool = False) -> None:
        self._offset, self._end = offset, end

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self._end else None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return (0, -1)

    def value(self) -> bytes:
        return str(self._offset).encode()


class FakeConsumer:
    """A partition with messages at the given offsets; after the last one comes the end, once."""

    def __init__(self, offsets: Sequence[int], end: int) -> None:
        self._offsets, self._end = offsets, end
        self._queue: list[FakeMessage] = []
        self._assigned: list[TopicPartition] = []
        self.moves: list[int] = []

    def assign(self, places: list[TopicPartition]) -> None:
        self._assigned = places
        first = places[0].offset
        self.moves.append(first)
        messages = [FakeMessage(offset) for offset in self._offsets if offset >= first]
        self._queue = [*messages, FakeMessage(self._end, end=True)]

    def assignment(self) -> list[TopicPartition]:
        return self._assigned

    def poll(self, timeout: float) -> FakeMessage | None:
        return self._queue.pop(0) if self._queue else None

    def close(self) -> None:
        self._queue = []


@pytest.fixture
def consumer() -> FakeConsumer:
    return FakeConsumer([0, 1, 2, 5, 6, 7, 8, 9], end=10)


@pytest.fixture
def reader(consumer: FakeConsumer, monkeypatch: pytest.MonkeyPatch) -> Rereader:
    monkeypatch.setattr(reread, "Consumer", lambda properties: consumer)
    return Rereader({}, give_up_after_s=0.05)


def offsets(reader: Rereader, first: int, last: int) -> list[int]:
    return [record.offset for record in reader.read(TOPIC, 0, first, last)]


def test_both_ends_are_included_and_holes_are_passed_over(reader: Rereader) -> None:
    assert offsets(reader, 1, 6) == [1, 2, 5, 6]


def test_a_hole_as_a_whole_gives_nothing(reader: Rereader) -> None:
    assert offsets(reader, 3, 4) == []


def test_a_range_behind_the_end_gives_what_there_is(reader: Rereader) -> None:
    assert offsets(reader, 8, 9) == [8, 9]


def test_reading_on_needs_no_move(reader: Rereader, consumer: FakeConsumer) -> None:
    assert offsets(reader, 0, 1) + offsets(reader, 5, 5) + offsets(reader, 8, 8) == [0, 1, 5, 8]
    assert consumer.moves == [0]


def test_reading_back_or_far_ahead_moves(reader: Rereader, consumer: FakeConsumer) -> None:
    offsets(reader, 5, 5)
    offsets(reader, 0, 0)
    assert consumer.moves == [5, 0]


def test_a_missing_timestamp_is_zero(reader: Rereader) -> None:
    (record,) = reader.read(TOPIC, 0, 2, 2)
    assert (record.timestamp_ms, record.value) == (0, b"2")


def test_silence_is_an_error_with_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = FakeConsumer([], end=0)
    monkeypatch.setattr(reread, "Consumer", lambda properties: silent)
    with pytest.raises(BrokerUnavailable, match=rf"{TOPIC} partition 0.*kafka_bootstrap_servers"):
        offsets(Rereader({}, give_up_after_s=0.01), 3, 3)


class FakeReader:
    """Remembers what it was asked for, and whether it was closed."""

    made: list[FakeReader]

    def __init__(self, properties: object) -> None:
        self.asked: list[tuple[int, int]] = []
        self.closed = False
        self.made.append(self)

    def read(self, topic: str, partition: int, first: int, last: int) -> list[int]:
        self.asked.append((partition, first))
        return [first]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def lanes(monkeypatch: pytest.MonkeyPatch) -> Rereaders:
    FakeReader.made = []
    monkeypatch.setattr(reread, "Rereader", FakeReader)
    return Rereaders({})


def test_a_lane_of_a_partition_has_a_reader_of_its_own(lanes: Rereaders) -> None:
    for lane, partition, first in (("gaps", 0, 9), ("events", 0, 3), ("gaps", 1, 5), ("gaps", 0, 12)):
        found: list[Any] = list(lanes.read(lane, TOPIC, partition, first, first))
        assert found == [first]
    assert [reader.asked for reader in FakeReader.made] == [[(0, 9), (0, 12)], [(0, 3)], [(1, 5)]]


def test_the_reader_that_was_not_used_for_longest_is_closed(lanes: Rereaders) -> None:
    for partition in (*range(16), 0, 16):
        list(lanes.read("gaps", TOPIC, partition, 0, 0))
    assert [number for number, reader in enumerate(FakeReader.made) if reader.closed] == [1]
    lanes.close()
    assert sum(reader.closed for reader in FakeReader.made) == 17
