"""Reads topics back, from their beginning or a kept place, to the end they have when the reading starts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, MutableMapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.errors import BrokerUnavailable
from connectors.kafka.partitions import partition_of
from connectors.wording import plainly

_QUIET_S = 30.0


def read_topic(
    properties: Mapping[str, str],
    topic: str,
    group: str = "footfall-reader",
    since_ms: int = 0,
    key: str | None = None,
    places: MutableMapping[int, int] | None = None,
) -> Iterator[Message]:
    """Every committed message of the topic, up to the end offsets found at the start.

    The last offset of a partition may be no message (the mark of a transaction's end), so a partition is also
    over where the broker says that it ends.

    Args:
        properties: of a Kafka client.
        topic: its name.
        group: consumer group; nothing is committed.
        since_ms: only from the first record on that is not older, epoch milliseconds.
        key: only the partition in which it lies; of a topic that the jobs write.
        places: next offset by partition, from which to read; a partition that is not in it, or whose place
            the topic no longer has, is read from its beginning. Moved on as partitions are over.

    Raises:
        BrokerUnavailable: no broker answers, or nothing comes although there is more.
    """
    consumer = Consumer(
        {
            **properties,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,  # the broker need not wait for more: what comes later is not wanted
        }
    )
    places = {} if places is None else places
    try:
        unfinished = _ends(consumer, topic)
        if key is not None and unfinished:
            number = partition_of(key, len(unfinished))
            unfinished = {number: unfinished[number]}
        begins = {number: places.get(number, OFFSET_BEGINNING) for number in unfinished}
        consumer.assign(_starts(consumer, topic, begins, since_ms))
        while unfinished:
            for message in _batch(consumer, topic):
                if message.error() or message.offset() >= unfinished.get(message.partition(), 0):
                    end = unfinished.pop(message.partition(), None)
                    if end is not None:
                        places[message.partition()] = end
                else:
                    yield message
    finally:
        consumer.close()


def _ends(consumer: Consumer, topic: str) -> dict[int, int]:
    """The end offset of each partition."""
    try:
        partitions = consumer.list_topics(topic, timeout=_QUIET_S).topics[topic].partitions
        places = {number: TopicPartition(topic, number) for number in partitions}
        return {
            number: consumer.get_watermark_offsets(at, timeout=_QUIET_S)[1] for number, at in places.items()
        }
    except KafkaException as error:
        raise BrokerUnavailable(
            f"no broker answers: {plainly(error)}", "check kafka_bootstrap_servers"
        ) from error


def _starts(consumer: Consumer, topic: str, begins: Mapping[int, int], since_ms: int) -> list[TopicPartition]:
    if not since_ms:
        return [TopicPartition(topic, number, place) for number, place in begins.items()]
    moments = [TopicPartition(topic, number, since_ms) for number in begins]
    found: list[TopicPartition] = consumer.offsets_for_times(moments, timeout=_QUIET_S)
    return found


def _batch(consumer: Consumer, topic: str) -> list[Message]:
    """Messages, and the ends of partitions among them as errors; other errors the client mends itself."""
    deadline = time.monotonic() + _QUIET_S
    while time.monotonic() < deadline:
        # A short wait: `consume` returns early only when it has all the messages it was asked for.
        messages = [each for each in consumer.consume(10_000, timeout=0.1) if _is_news(each)]
        if messages:
            return messages
    raise BrokerUnavailable(f"topic {topic} gave nothing for {_QUIET_S:.0f} s and has not ended")


def _is_news(message: Message) -> bool:
    error = message.error()
    return error is None or error.code() == KafkaError._PARTITION_EOF
