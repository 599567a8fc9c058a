"""The benchmark's work with confluent-kafka (librdkafka)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from tests.bench.clients.interface import Record


class Confluent:
    """See `interface.Client`."""

    def __init__(self, servers: str) -> None:
        self._servers = {"bootstrap.servers": servers}

    def feed(self, topic: str, records: Iterable[Record], compression: str) -> int:
        settings = {
            "compression.type": compression or "none",
            "linger.ms": 5,
            "batch.size": 400_000,
            "queue.buffering.max.messages": 200_000,
        }
        producer = self._producer(**settings)
        told = Told()
        for record in records:
            while True:
                try:
                    producer.produce(
                        topic, record.value, record.key, record.partition, told.take, record.timestamp_ms
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
            producer.poll(0)
        producer.flush(60)
        return told.good()

    def read(self, topic: str, partitions: int) -> tuple[int, int]:
        consumer = Consumer(
            {
                **self._servers,
                "group.id": "bench",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
            }
        )
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
        left, found, length = set(range(partitions)), 0, 0
        while left:
            for message in consumer.consume(10_000, 0.1):
                error = message.error()
                if error is None:
                    found += 1
                    length += len(message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
        consumer.close()
        return found, length

    def transactions(self, topic: str, sizes: Sequence[int], value: bytes, name: str) -> list[float]:
        took = []
        producer = self._producer(**{"transactional.id": name})
        producer.init_transactions(30)
        for size in sizes:
            began = time.perf_counter()
            producer.begin_transaction()
            for number in range(size):
                producer.produce(topic, value, partition=number % 4)
            producer.commit_transaction(30)
            took.append(time.perf_counter() - began)
        return took

    def gate(self, topic: str, value: bytes, name: str) -> None:
        producer = self._producer(**{"transactional.id": name})
        producer.init_transactions(30)
        producer.begin_transaction()
        for number in range(4):
            producer.produce(topic, value, partition=number)
        producer.flush(30)
        producer.commit_transaction(30)

    def open(self) -> Callable[[str, Sequence[Record], Callable[[], None]], None]:
        producer = self._producer(**{"linger.ms": 0})
        threading.Thread(target=_poll, args=(producer,), daemon=True).start()

        def write(topic: str, records: Sequence[Record], acknowledged: Callable[[], None]) -> None:
            told = Told(len(records), acknowledged)
            for record in records:
                producer.produce(topic, record.value, record.key, record.partition, told.take)

        return write

    def _producer(self, **more: object) -> Producer:
        return Producer({**self._servers, "acks": "all", "enable.idempotence": True, **more})


class Told:
    """What became of records; calls back when so many are acknowledged."""

    def __init__(self, expected: int = 0, then: Callable[[], None] | None = None) -> None:
        self._count, self._refused, self._expected, self._then = 0, 0, expected, then

    def take(self, error: object, _: object) -> None:
        self._count += 1
        self._refused += error is not None
        if self._count == self._expected and self._then and not self._refused:
            self._then()

    def good(self) -> int:
        assert not self._refused
        return self._count


def _poll(producer: Producer) -> None:
    while True:
        producer.poll(1.0)


def client(servers: str) -> Confluent:
    return Confluent(servers)
