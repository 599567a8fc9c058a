"""Reads topics back, from their beginning or a kept offset, to the end they have when the reading starts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Protocol

from kafka import KafkaConsumer, TopicPartition

from connectors.errors import BrokerUnavailable
from connectors.kafka.client import Properties, consumer, reported_broker_errors
from connectors.kafka.partitions import partition_of

_QUIET_S = 30.0
_AT_ONCE = 10_000


class Message(Protocol):
    """A record as it was read.

    Attributes:
        timestamp: epoch milliseconds.
    """

    partition: int
    offset: int
    timestamp: int
    key: Any  # bytes or None, as the value: a reader knows which topics have records without
    value: Any
    headers: list[tuple[str, bytes]]


def read_topic(
    properties: Properties,
    topic: str,
    since_ms: int = 0,
    key: str | None = None,
    offsets: MutableMapping[int, int] | None = None,
) -> Iterator[Message]:
    """Every committed message of the topic, up to the end offsets found at the start.

    Needs no consumer group and commits nothing.

    Args:
        properties: of a Kafka client.
        topic: its name; one that does not exist has no messages.
        since_ms: only from the first record on that is not older, epoch milliseconds.
        key: only the partition in which it lies; of a topic that the jobs write.
        offsets: next one by partition, from which to read; a partition that is not in it, or whose offset
            the topic no longer has, is read from its beginning. Moved on as partitions are over.

    Raises:
        BrokerUnavailable: no broker answers, or nothing comes although there is more.
    """
    # The broker need not wait for more: what comes later is not wanted.
    client = consumer(properties, fetch_max_wait_ms=20, auto_offset_reset="earliest")
    offsets = {} if offsets is None else offsets
    try:
        with reported_broker_errors(properties, f"topic {topic} cannot be read"):
            ends = _ends(client, topic, key)
            starts = _starts(client, ends, offsets, since_ms)
        for partition, end in ends.items():
            if starts[partition] >= end:
                offsets[partition.partition] = end
        unfinished = {partition: end for partition, end in ends.items() if starts[partition] < end}
        yield from _read(properties, client, starts, unfinished, offsets)
    finally:
        client.close()


def end_offsets(properties: Properties, topic: str) -> dict[int, int]:
    """The offset behind the last committed record of each partition.

    Raises:
        BrokerUnavailable: no broker answers.
    """
    client = consumer(properties)
    try:
        with reported_broker_errors(properties, f"topic {topic} cannot be read"):
            return {partition.partition: end for partition, end in _ends(client, topic, None).items()}
    finally:
        client.close()


def _read(
    properties: Properties,
    client: KafkaConsumer,
    starts: Mapping[TopicPartition, int],
    unfinished: dict[TopicPartition, int],
    offsets: MutableMapping[int, int],
) -> Iterator[Message]:
    client.assign(list(unfinished))
    for partition in unfinished:
        client.seek(partition, starts[partition])
    heard = time.monotonic()
    while unfinished:
        with reported_broker_errors(properties, "records cannot be read"):
            found = client.poll(100, max_records=_AT_ONCE)
        for partition, records in found.items():
            end = unfinished[partition]
            yield from (record for record in records if record.offset < end)
        over = _over(client, unfinished)
        for partition in over:
            offsets[partition.partition] = unfinished.pop(partition)
        client.pause(*over)
        if found or over:
            heard = time.monotonic()
        elif time.monotonic() - heard > _QUIET_S:
            topic = next(iter(unfinished)).topic
            raise BrokerUnavailable(f"topic {topic} gave nothing for {_QUIET_S:.0f} s and has not ended")


def _over(client: KafkaConsumer, unfinished: Mapping[TopicPartition, int]) -> list[TopicPartition]:
    """The partitions read to their ends, whose last offset may be a transaction's mark and no record."""
    return [partition for partition, end in unfinished.items() if (client.position(partition) or 0) >= end]


def _ends(client: KafkaConsumer, topic: str, key: str | None) -> dict[TopicPartition, int]:
    """The end offset of each partition, or of the key's."""
    numbers = sorted(client.partitions_for_topic(topic))
    if key is not None and numbers:
        numbers = [partition_of(key, len(numbers))]
    found: dict[TopicPartition, int] = client.end_offsets([TopicPartition(topic, one) for one in numbers])
    return found


def _starts(
    client: KafkaConsumer, ends: Mapping[TopicPartition, int], offsets: Mapping[int, int], since_ms: int
) -> dict[TopicPartition, int]:
    """Where reading begins; the end, where there is nothing to read."""
    if since_ms:
        found = client.offsets_for_times(dict.fromkeys(ends, since_ms))
        return {
            partition: found[partition].offset if found[partition] else end for partition, end in ends.items()
        }
    begins = client.beginning_offsets(list(ends))
    kept = {partition: offsets.get(partition.partition, -1) for partition in ends}
    return {
        partition: kept[partition]
        if begins[partition] <= kept[partition] <= ends[partition]
        else begins[partition]
        for partition in ends
    }
