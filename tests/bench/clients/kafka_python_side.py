"""The benchmark's work with kafka-python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.bench.clients.interface import Record


class KafkaPython:
    """See `interface.Client`."""

    def __init__(self, servers: str) -> None:
        self._servers = servers

    def feed(self, topic: str, records: Iterable[Record], compression: str) -> int:
        producer = self._producer(compression_type=compression or None, linger_ms=5, batch_size=400_000)
        outcome = Told()
        for record in records:
            future = producer.send(
                topic, record.value, record.key, None, record.partition, record.timestamp_ms
            )
            future.add_callback(outcome.take).add_errback(outcome.refuse)
        producer.flush(60)
        return outcome.good()

    def read(self, topic: str, partitions: int) -> tuple[int, int]:
        consumer = KafkaConsumer(
            bootstrap_servers=self._servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            fetch_max_wait_ms=20,
            max_partition_fetch_bytes=4 << 20,
            metrics_enabled=False,
        )
        assigned = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(assigned)
        consumer.seek_to_beginning(*assigned)
        ends, found, length = consumer.end_offsets(assigned), 0, 0
        left = {partition for partition in assigned if ends[partition]}
        while left:
            for partition, records in consumer.poll(100, max_records=10_000).items():
                found += len(records)
                length += sum(len(record.value) for record in records)
                if consumer.position(partition) >= ends[partition]:
                    left.discard(partition)
        consumer.close()
        return found, length

    def transactions(self, topic: str, sizes: Sequence[int], value: bytes, name: str) -> list[float]:
        took = []
        producer = self._producer(transactional_id=name)
        producer.init_transactions()
        for size in sizes:
            began = time.perf_counter()
            producer.begin_transaction()
            for number in range(size):
                producer.send(topic, value, partition=number % 4)
            producer.commit_transaction()
            took.append(time.perf_counter() - began)
        producer.close()
        return took

    def gate(self, topic: str, value: bytes, name: str) -> None:
        with self._producer(transactional_id=name) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            for number in range(4):
                producer.send(topic, value, partition=number)
            producer.flush(30)
            producer.commit_transaction()

    def open(self) -> Callable[[str, Sequence[Record], Callable[[], None]], None]:
        producer = self._producer(linger_ms=0)

        def write(topic: str, records: Sequence[Record], acknowledged: Callable[[], None]) -> None:
            outcome = Told(len(records), acknowledged)
            for record in records:
                future = producer.send(topic, record.value, record.key, None, record.partition)
                future.add_callback(outcome.take).add_errback(outcome.refuse)

        return write

    def _producer(self, **more: object) -> KafkaProducer:
        settings = {"acks": "all", "enable_idempotence": True, "metrics_enabled": False}
        return KafkaProducer(bootstrap_servers=self._servers, **settings, **more)


class Told:
    """What became of records; calls back when so many are acknowledged."""

    def __init__(self, expected: int = 0, then: Callable[[], None] | None = None) -> None:
        self._count, self._refused, self._expected, self._then = 0, 0, expected, then

    def take(self, _: object) -> None:
        self._count += 1
        if self._count == self._expected and self._then and not self._refused:
            self._then()

    def refuse(self, _: object) -> None:
        self._refused += 1

    def good(self) -> int:
        assert not self._refused
        return self._count


def client(servers: str) -> KafkaPython:
    return KafkaPython(servers)
