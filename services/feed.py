"""Reads signals and orders to erase, from some days ago on, for ever, and hands them on in order."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from connectors.wording import plainly
from services.kafka_config import client_config, is_reachable
from services.reporting import Seldom

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0
_POLL_MS = 200
_CHUNK = 500
_BOOTSTRAP_MS = 30_000
Message = tuple[str, bytes]  # topic, value
Take = Callable[[Sequence[Message]], None]


class Feed(Protocol):
    """What brings the view its changes."""

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there at the start has been handed on."""
        ...

    async def start(self, take: Take) -> None:
        """Begins to read; `take` is called in the event loop."""

    async def close(self) -> None:
        """Reads no more."""


class KafkaFeed:
    """A consumer without a group: every replica of the API reads everything."""

    def __init__(self, servers: str, properties_file: str, topics: Sequence[str], lookback_ms: int) -> None:
        """Says what is read.

        Args:
            servers: host:port, comma separated.
            properties_file: of further client properties.
            topics: all partitions of them.
            lookback_ms: records from so long ago on.
        """
        self._config = client_config(servers, properties_file)
        self._topics, self._lookback_ms = tuple(topics), lookback_ms
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._offsets: dict[TopicPartition, int] = {}
        self._ends: Mapping[TopicPartition, int] | None = None
        self.caught_up = False

    async def start(self, take: Take) -> None:
        """Begins to read in a thread of its own."""
        loop = asyncio.get_running_loop()

        async def taken(messages: Sequence[Message]) -> None:
            take(messages)

        def hand_over(messages: Sequence[Message]) -> None:
            asyncio.run_coroutine_threadsafe(taken(messages), loop).result(30)

        self._thread = threading.Thread(target=self._run, args=(hand_over,), name="kafka-feed", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Reads no more; returns when the thread has ended."""
        self._closing.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 10)

    def _run(self, take: Take) -> None:
        seldom = Seldom()
        while not self._closing.is_set():
            try:
                self._read(take)
            except (KafkaError, OSError, TimeoutError, ValueError) as error:
                if seldom.says(time.monotonic()):
                    _LOG.warning("signals cannot be read, it is tried again: %s", plainly(error))
                self._closing.wait(_RETRY_S)

    def _read(self, take: Take) -> None:
        if not is_reachable(self._config["bootstrap_servers"]):
            raise ConnectionError(f"no server of {self._config['bootstrap_servers']} takes a connection")
        consumer = KafkaConsumer(
            **self._config,
            enable_auto_commit=False,
            group_id=None,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            reconnect_backoff_max_ms=1_000,
            metrics_enabled=False,
        )
        try:
            self._seek(consumer)
            while not self._closing.is_set():
                self._step(consumer, take)
        finally:
            consumer.close()

    def _seek(self, consumer: Any) -> None:
        """To where it had come, or to the first record that is young enough."""
        partitions = [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in self._numbers(consumer, topic)
        ]
        consumer.assign(partitions)
        if not self._offsets:
            ends = consumer.end_offsets(partitions)
            since_ms = int(time.time() * 1000) - self._lookback_ms
            found = consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
            self._offsets = {
                one: ends[one] if found[one] is None else found[one].offset for one in partitions
            }
            self._ends = ends
        for partition, offset in self._offsets.items():
            consumer.seek(partition, offset)

    def _numbers(self, consumer: Any, topic: str) -> Sequence[int]:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise ValueError(f"topic {topic} is not there yet")
        return sorted(numbers)

    def _step(self, consumer: Any, take: Take) -> None:
        polled = consumer.poll(timeout_ms=_POLL_MS, max_records=_CHUNK)
        messages = [(one.topic, one.value) for records in polled.values() for one in records if one.value]
        if messages:
            take(messages)
        for partition in self._offsets:
            self._offsets[partition] = consumer.position(partition)
        if not self.caught_up and self._ends is not None:
            self.caught_up = all(self._offsets[partition] >= end for partition, end in self._ends.items())
