"""Reads topics back from their beginning to the end they have now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, Message, TopicPartition

from connectors.errors import BrokerUnavailable

_QUIET_S = 30.0


def read_topic(properties: Mapping[str, str], topic: str) -> Iterator[Message]:
    """Every message of the topic up to the end offsets found at the start.

    Raises:
        BrokerUnavailable: nothing comes although there is more.
    """
    consumer = Consumer(
        {
            **properties,
            "group.id": "footfall-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        left = _ends(consumer, topic)
        consumer.assign([TopicPartition(topic, partition, first) for partition, (first, _) in left.items()])
        missing = {partition: last for partition, (first, last) in left.items() if last > first}
        while missing:
            for message in _batch(consumer, topic):
                yield message
                if message.offset() + 1 >= missing.get(message.partition(), 0):
                    missing.pop(message.partition(), None)
    finally:
        consumer.close()


def _batch(consumer: Consumer, topic: str) -> list[Message]:
    deadline = time.monotonic() + _QUIET_S
    while time.monotonic() < deadline:
        # A short wait: `consume` returns early only when it has all the messages it was asked for.
        messages = [message for message in consumer.consume(10_000, timeout=0.1) if not message.error()]
        if messages:
            return messages
    raise BrokerUnavailable(f"topic {topic} gave nothing for {_QUIET_S:.0f} s although it holds more")


def _ends(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    partitions = consumer.list_topics(topic, timeout=_QUIET_S).topics[topic].partitions
    return {
        number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_QUIET_S)
        for number in partitions
    }
