"""The ends to Kafka: only what is acknowledged counts, a broker that is away is waited for, nothing is read twice."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, KafkaTimeoutError

from connectors.errors import BrokerUnavailable
from services import broker, feed
from services.broker import Broker
from services.feed import KafkaFeed
from services.records import Record
from tests.services.conftest import wait_until

RECORDS = [Record("t", b"k", b"1"), Record("t", None, b"2")]


class Promise:
    """The future of one record."""

    def __init__(self, outcome: object) -> None:
        self._outcome = outcome

    def add_both(self, found: Any) -> None:
        if self._outcome is not None:
            threading.Thread(target=found, args=(self._outcome,)).start()


class Producer:
    """What a test says becomes of each record."""

    def __init__(self, outcomes: list[object], fails: int = 0) -> None:
        self.outcomes, self.fails = outcomes, fails
        self.sent: list[tuple[str, bytes | None, bytes]] = []
        self.config: dict[str, Any] = {}
        self.closed = False

    def __call__(self, **config: Any) -> Producer:
        if self.fails:
            self.fails -= 1
            raise KafkaConnectionError
        self.config = config
        return self

    def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def send(self, topic: str, value: bytes, key: bytes | None) -> Promise:
        self.sent.append((topic, key, value))
        return Promise(self.outcomes.pop(0))

    def close(self, timeout: float | None = None) -> None:
        self.closed = True


def made(monkeypatch: pytest.MonkeyPatch, producer: Producer, ack_ms: int = 5_000, most: int = 5) -> Broker:
    monkeypatch.setattr(broker, "KafkaProducer", producer)
    monkeypatch.setattr(broker, "_RETRY_S", 0.01)
    monkeypatch.setattr(broker, "is_reachable", lambda servers: True)
    return Broker("127.0.0.1:1", "", ["t"], ack_ms, most)


async def connected(one: Broker) -> Broker:
    await one.start()
    async with asyncio.timeout(10):
        while not one.ready:
            await asyncio.sleep(0.01)
    return one


def test_it_connects_when_the_broker_comes_and_asks_for_all_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer(["ok", "ok"], fails=3)
    one = made(monkeypatch, producer)

    async def sent() -> None:
        with pytest.raises(BrokerUnavailable, match="not connected"):
            await one.send(RECORDS)
        await connected(one)
        await one.send(RECORDS)
        await one.send([])
        await one.close()

    asyncio.run(sent())
    assert producer.sent == [tuple(record) for record in RECORDS] and producer.closed
    assert producer.config["acks"] == "all" and producer.config["enable_idempotence"] is True


@pytest.mark.parametrize("outcomes", [["ok", KafkaTimeoutError("by the test")], ["ok", None]])
def test_one_record_without_an_acknowledgement_fails_all(
    monkeypatch: pytest.MonkeyPatch, outcomes: list[object]
) -> None:
    one = made(monkeypatch, Producer(list(outcomes)), ack_ms=100)

    async def sent() -> None:
        await connected(one)
        with pytest.raises(BrokerUnavailable, match="did not acknowledge"):
            await one.send(RECORDS)
        assert not one.ready  # for a moment
        await one.close()

    asyncio.run(sent())


def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    one = made(monkeypatch, Producer([None] * 4), ack_ms=300, most=2)

    async def sent() -> list[Any]:
        await connected(one)
        answers = await asyncio.gather(*(one.send(RECORDS[:1]) for _ in range(3)), return_exceptions=True)
        await one.close()
        return answers

    found = sorted(str(answer).partition(";")[0] for answer in asyncio.run(sent()))
    assert "2 batches wait for Kafka already" in found[0] and len(found) == 3


class Topics:
    """A broker's records, and consumers of them that fail where a test says so."""

    def __init__(self, records: dict[tuple[str, int], list[bytes]]) -> None:
        self.records = {TopicPartition(*partition): list(values) for partition, values in records.items()}
        self.young_from: dict[TopicPartition, int | None] = defaultdict(int)
        self.fail_at: int | None = None
        self.polls = 0

    def __call__(self, **config: Any) -> Consumer:
        assert config["group_id"] is None and config["enable_auto_commit"] is False
        return Consumer(self)


class Consumer:
    def __init__(self, topics: Topics) -> None:
        self._topics, self._at = topics, dict.fromkeys(topics.records, 0)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {partition.partition for partition in self._topics.records if partition.topic == topic}

    def assign(self, partitions: list[TopicPartition]) -> None:
        assert set(partitions) == set(self._topics.records)

    def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: len(self._topics.records[partition]) for partition in partitions}

    def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        offsets = {partition: self._topics.young_from[partition] for partition in times}
        return {
            partition: None if at is None else type("At", (), {"offset": at})
            for partition, at in offsets.items()
        }

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._at[partition] = offset

    def position(self, partition: TopicPartition) -> int:
        return self._at[partition]

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        self._topics.polls += 1
        if self._topics.polls == self._topics.fail_at:
            raise KafkaTimeoutError("by the test")
        for partition, values in self._topics.records.items():
            if self._at[partition] < len(values):
                value = values[self._at[partition]]
                self._at[partition] += 1
                return {partition: [type("Record", (), {"topic": partition.topic, "value": value})]}
        threading.Event().wait(0.005)
        return {}

    def close(self) -> None:
        pass


def fed(monkeypatch: pytest.MonkeyPatch, topics: Topics, until: int) -> tuple[list[bytes], list[bool]]:
    """What was handed on, and whether it had caught up before each."""
    monkeypatch.setattr(feed, "KafkaConsumer", topics)
    monkeypatch.setattr(feed, "_RETRY_S", 0.01)
    monkeypatch.setattr(feed, "is_reachable", lambda servers: True)
    one, found, caught = KafkaFeed("127.0.0.1:1", "", ["s", "o"], 1_000), [], []

    def take(messages: Any) -> None:
        caught.append(one.caught_up)
        found.extend(value for _, value in messages)

    async def run() -> None:
        await one.start(take)
        async with asyncio.timeout(10):
            while len(found) < until or not one.caught_up:
                await asyncio.sleep(0.01)
        topics.records[TopicPartition("s", 1)].append(b"later")
        async with asyncio.timeout(10):
            while found[-1:] != [b"later"]:
                await asyncio.sleep(0.01)
        await one.close()

    asyncio.run(run())
    return found, caught


def test_everything_that_is_young_enough_is_read_and_then_it_has_caught_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topics = Topics({("s", 0): [b"old", b"a"], ("s", 1): [b"b"], ("o", 0): [b"old"]})
    topics.young_from = {TopicPartition("s", 0): 1, TopicPartition("s", 1): 0, TopicPartition("o", 0): None}
    found, caught = fed(monkeypatch, topics, 2)
    assert found == [b"a", b"b", b"later"] and caught == [False, False, True]


def test_after_a_failure_it_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = Topics({("s", 0): [b"1", b"2", b"3", b"4"], ("s", 1): [], ("o", 0): []})
    topics.fail_at = 3
    found, _ = fed(monkeypatch, topics, 4)
    assert found == [b"1", b"2", b"3", b"4", b"later"]


def test_a_topic_that_is_not_there_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = Topics({("s", 0): [b"1"], ("s", 1): []})
    threading.Timer(0.1, lambda: topics.records.update({TopicPartition("o", 0): []})).start()
    found, _ = fed(monkeypatch, topics, 1)
    assert found == [b"1", b"later"]


def test_nothing_hangs_where_there_is_no_broker_at_all() -> None:
    """The real ones against a closed port."""
    one, two = Broker("127.0.0.1:1", "", ["t"], 200, 5), KafkaFeed("127.0.0.1:1", "", ["s"], 1_000)

    async def run() -> None:
        await one.start()
        await two.start(lambda messages: None)
        with pytest.raises(BrokerUnavailable):
            await one.send(RECORDS)
        assert not one.ready and not two.caught_up
        await two.close()
        await one.close()

    asyncio.run(run())
    wait_until(
        lambda: not [one for one in threading.enumerate() if one.name == "kafka-connect"], "the thread ends"
    )
