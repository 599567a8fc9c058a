"""Reads single messages of a topic again, by their offsets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.errors import BrokerUnavailable

_MOST_READERS = 16  # of one worker; each has a connection and some threads
_QUEUE_KBYTES = 4_096  # of a reader: what it fetches ahead
_FORWARD = 2_000  # messages: up to here reading on is cheaper than a seek, which empties the client's queue


@dataclass(frozen=True)
class Record:
    """One message with its place; value None is a record without a value; timestamp in epoch ms."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None


class Rereader:
    """A consumer that is moved by hand and commits nothing."""

    def __init__(self, properties: Mapping[str, str], give_up_after_s: float = 120.0) -> None:
        """Does not connect yet; `properties` are a Kafka client's."""
        self._consumer = Consumer(
            {
                **properties,
                "group.id": "footfall-reread",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": _QUEUE_KBYTES,
            }
        )
        self._give_up_after_s = give_up_after_s
        self._next: dict[tuple[str, int], int] = {}

    def close(self) -> None:
        """Leaves the broker."""
        self._consumer.close()

    def read(self, topic: str, partition: int, first: int, last: int) -> Iterator[Record]:
        """The messages at offsets first to last, both included; offsets that hold none are passed over.

        Raises:
            BrokerUnavailable: nothing came within the time given.
        """
        self._move(topic, partition, first)
        while (message := self._poll(topic, partition, last)) is not None:
            self._next[(topic, partition)] = message.offset() + 1
            if first <= message.offset() <= last:
                yield _record(message)
            if message.offset() >= last:
                return

    def _move(self, topic: str, partition: int, first: int) -> None:
        at = self._next.get((topic, partition))
        if at is not None and at <= first <= at + _FORWARD and self._is_assigned(topic, partition):
            return
        self._consumer.assign([TopicPartition(topic, partition, first)])
        self._next = {(topic, partition): first}

    def _is_assigned(self, topic: str, partition: int) -> bool:
        return any((a.topic, a.partition) == (topic, partition) for a in self._consumer.assignment())

    def _poll(self, topic: str, partition: int, last: int) -> Message | None:
        """The next message; None when the partition ends behind `last`: there is none left to come."""
        deadline = time.monotonic() + self._give_up_after_s
        while time.monotonic() < deadline:
            message = self._consumer.poll(1.0)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return message
            # An end before `last` is an old one: it was queued when an earlier read came that far.
            if error.code() == KafkaError._PARTITION_EOF and message.offset() > last:
                return None
        raise BrokerUnavailable(
            f"no message of {topic} partition {partition} came within {self._give_up_after_s:.0f} s; "
            "check kafka_bootstrap_servers and the broker's log, the job goes on from its checkpoint"
        )


class Rereaders:
    """A reader for each lane: a stream of places in one partition that come in their order.

    One reader for all would jump between partitions, and each jump throws away what was fetched ahead.
    """

    def __init__(self, properties: Mapping[str, str]) -> None:
        """Connects to nothing yet; `properties` are a Kafka client's."""
        self._properties = dict(properties)
        self._readers: dict[tuple[str, str, int], Rereader] = {}

    def close(self) -> None:
        """Leaves the broker."""
        for reader in self._readers.values():
            reader.close()

    def read(self, lane: str, topic: str, partition: int, first: int, last: int) -> Iterator[Record]:
        """The messages at offsets first to last of the partition, see `Rereader.read`; `lane` is any name.

        Raises:
            BrokerUnavailable: nothing came within the time given.
        """
        key = (lane, topic, partition)
        reader = self._readers.pop(key, None) or Rereader(self._properties)
        self._readers[key] = reader  # at the end: the first one is the one that nobody has used for longest
        if len(self._readers) > _MOST_READERS:
            self._readers.pop(next(iter(self._readers))).close()
        yield from reader.read(topic, partition, first, last)


def _record(message: Message) -> Record:
    _, timestamp_ms = message.timestamp()
    return Record(
        message.topic(), message.partition(), message.offset(), max(timestamp_ms, 0), message.value()
    )
