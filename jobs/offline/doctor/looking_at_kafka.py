"""Asks Kafka for what is judged; commits nothing, joins no group."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson
from kafka import KafkaConsumer, TopicPartition

from connectors.contracts.topics import TOPICS
from connectors.kafka.client import Properties, administrator, consumer, reported_broker_errors
from jobs.offline.doctor.kafka import FAILURES, LATE, RAW, REJECTED, SPAN_MS, Traffic

_SAMPLE = 500
_WAIT_MS = 2_000


def look(properties: Properties, prefix: str) -> Traffic:
    """The facts.

    Args:
        properties: of a Kafka client.
        prefix: of the jobs' groups, setting `kafka_group_id`.

    Raises:
        BrokerUnavailable: no broker answers.
    """
    traffic = Traffic(int(time.time() * 1000))
    with administrator(properties) as admin, reported_broker_errors(properties, "topics cannot be looked at"):
        described = {each["name"]: each["partitions"] for each in admin.describe_topics()}
        groups = [
            each["group_id"] for each in admin.list_groups() if each["group_id"].startswith(f"{prefix}-")
        ]
        committed = admin.list_group_offsets(dict.fromkeys(groups)) if groups else {}
    traffic.missing = [topic.name for topic in TOPICS if topic.name not in described]
    traffic.offline = {
        (name, one["partition_index"]): seen
        for name, partitions in described.items()
        for one in partitions
        if (seen := _offline(one))
    }
    client = consumer(properties, auto_offset_reset="earliest")
    try:
        with reported_broker_errors(properties, "topics cannot be looked at"):
            _count(client, traffic, [name for name in (RAW, REJECTED, LATE, FAILURES) if name in described])
            traffic.lag_s = {group: _lag_s(client, offsets) for group, offsets in committed.items()}
    finally:
        client.close()
    return traffic


def _offline(partition: dict[str, Any]) -> str:
    if partition["leader_id"] < 0:
        return "it has no leader"
    replicas, in_step = len(partition["replica_nodes"]), len(partition["isr_nodes"])
    return f"{in_step} of {replicas} replicas are in step" if in_step < replicas else ""


def _count(client: KafkaConsumer, traffic: Traffic, names: Iterable[str]) -> None:
    """What came lately into each topic, and samples of what was refused."""
    lately, all_ends = {}, {}
    for name in names:
        partitions = [TopicPartition(name, one) for one in sorted(client.partitions_for_topic(name))]
        ends = client.end_offsets(partitions)
        since = client.offsets_for_times(dict.fromkeys(partitions, traffic.now_ms - SPAN_MS))
        starts = {each: since[each].offset if since[each] else ends[each] for each in partitions}
        all_ends[name] = sum(ends.values())
        lately[name] = {each.partition: ends[each] - starts[each] for each in partitions}
        if name == RAW:
            last = [_at(client, each, ends[each] - 1) for each in partitions if ends[each]]
            traffic.newest_ms = max((each.timestamp for each in last if each), default=None)
        elif name == REJECTED:
            traffic.reasons = Counter(map(_reason, _sample(client, starts, ends)))
        elif name == FAILURES:
            traffic.failures = Counter(each.value.decode()[:120] for each in _sample(client, starts, ends))
    traffic.lately, traffic.ends = lately, all_ends


def _reason(letter: Any) -> str:
    document = orjson.loads(letter.value)
    return " ".join(filter(None, (document["reason"], document.get("field"))))


def _sample(client: KafkaConsumer, starts: dict[Any, int], ends: dict[Any, int]) -> list[Any]:
    """The newest records of each partition, a few hundred at most."""
    found: list[Any] = []
    for partition, end in ends.items():
        begin = max(starts[partition], end - _SAMPLE)
        if begin < end:
            found += _read(client, partition, begin, end)
    return found


def _at(client: KafkaConsumer, partition: TopicPartition, offset: int) -> Any:
    """The record there, or the next one: an offset may be a transaction's mark."""
    return next(iter(_read(client, partition, max(0, offset - 1), offset + 1)[-1:]), None)


def _read(client: KafkaConsumer, partition: TopicPartition, begin: int, end: int) -> list[Any]:
    client.assign([partition])
    client.seek(partition, begin)
    found: list[Any] = []
    deadline = time.monotonic() + _WAIT_MS / 1000
    while (client.position(partition) or 0) < end and time.monotonic() < deadline:
        found += [each for records in client.poll(200).values() for each in records if each.offset < end]
    return found


def _lag_s(client: KafkaConsumer, offsets: dict[TopicPartition, Any]) -> float:
    """Age of the oldest record that the group has not taken, in seconds."""
    ends = client.end_offsets(list(offsets))
    waiting = {each: meta.offset for each, meta in offsets.items() if 0 <= meta.offset < ends[each]}
    records = [
        found[0] for each, offset in waiting.items() if (found := _read(client, each, offset, offset + 1))
    ]
    return max((time.time() - each.timestamp / 1000 for each in records), default=0.0)
