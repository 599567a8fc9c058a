"""Kafka as the services write it: acknowledged, or an error. The one place that knows the producer.

Swapping the client is a change of this file: `Broker.send` returns when all records are acknowledged by all
in-sync replicas and raises otherwise; nothing is ever dropped in silence.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from connectors.errors import BrokerUnavailable
from connectors.wording import plainly
from services.kafka_config import client_config, is_reachable
from services.records import Record
from services.reporting import Seldom

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0
_BOOTSTRAP_MS = 30_000
_LINGER_MS = 5  # records of the same moment share a request
_MAX_REQUEST_BYTES = 4_194_304  # a letter is a third larger than its bytes
_FAILED_FOR_S = 5.0  # so long after a failure the service says that it is not ready


class Broker:
    """A producer in the background, with idempotence and all replicas' word."""

    def __init__(
        self, servers: str, properties_file: str, topics: Iterable[str], ack_ms: int, max_pending: int
    ) -> None:
        """Says where to; `start` connects.

        Args:
            servers: host:port, comma separated.
            properties_file: of further client properties.
            topics: that will be written, whose partitions are asked for at the start.
            ack_ms: longest wait for the acknowledgement.
            max_pending: calls of `send` that may wait at a time.
        """
        self._config = client_config(servers, properties_file)
        self._topics, self._ack_ms, self._max_pending = tuple(topics), ack_ms, max_pending
        self._producer: Any = None
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(1, "kafka")
        self._pending, self._failed_at = 0, float("-inf")

    @property
    def ready(self) -> bool:
        """Connected, and nothing has failed in the last seconds."""
        return self._producer is not None and time.monotonic() - self._failed_at > _FAILED_FOR_S

    async def start(self) -> None:
        """Begins to connect; does not wait."""
        threading.Thread(target=self._connect, name="kafka-connect", daemon=True).start()

    def _connect(self) -> None:
        seldom = Seldom()
        while not self._closing.is_set():
            try:
                producer = self._made()
            except (KafkaError, OSError, ValueError) as error:
                if seldom.says(time.monotonic()):
                    _LOG.warning("Kafka cannot be reached, it is tried again: %s", plainly(error))
                self._closing.wait(_RETRY_S)
                continue
            self._producer = producer
            return

    def _made(self) -> Any:
        if not is_reachable(self._config["bootstrap_servers"]):
            raise ConnectionError(f"no server of {self._config['bootstrap_servers']} takes a connection")
        producer = KafkaProducer(
            **self._config,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=_LINGER_MS,
            max_request_size=_MAX_REQUEST_BYTES,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            max_block_ms=self._ack_ms,
            request_timeout_ms=self._ack_ms,
            delivery_timeout_ms=self._ack_ms + _LINGER_MS,
            reconnect_backoff_max_ms=1_000,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        try:
            for topic in self._topics:
                producer.partitions_for(topic)
        except BaseException:
            producer.close(timeout=0)
            raise
        return producer

    async def send(self, records: Sequence[Record]) -> None:
        """Returns when all are acknowledged.

        Raises:
            BrokerUnavailable: they are not within the time, or too many wait already.
        """
        if self._producer is None:
            raise BrokerUnavailable(
                "Kafka is not connected yet", "check kafka_bootstrap_servers; it connects by itself"
            )
        if self._pending >= self._max_pending:
            raise BrokerUnavailable(
                f"{self._pending} batches wait for Kafka already, no more than max_pending may"
            )
        self._pending += 1
        try:
            await self._acknowledged(records)
        except (KafkaError, TimeoutError) as error:
            self._failed_at = time.monotonic()
            raise BrokerUnavailable(f"Kafka did not acknowledge: {plainly(error)}") from error
        finally:
            self._pending -= 1

    async def _acknowledged(self, records: Sequence[Record]) -> None:
        loop = asyncio.get_running_loop()
        acks = _Acks(len(records), loop)
        async with asyncio.timeout(self._ack_ms / 1000):
            await loop.run_in_executor(self._pool, self._hand_over, records, acks)
            await acks.done

    def _hand_over(self, records: Sequence[Record], acks: _Acks) -> None:
        for topic, key, value in records:
            self._producer.send(topic, value=value, key=key).add_both(acks.count)

    async def close(self) -> None:
        """Waits for what is on its way, and ends."""
        self._closing.set()
        if self._producer is not None:
            await asyncio.to_thread(self._producer.close, self._ack_ms / 1000)
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Acks:
    """Waits for the word on each record; Kafka's thread gives it."""

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self._left, self._loop = count, loop
        self.done: asyncio.Future[None] = loop.create_future()
        if not count:
            self.done.set_result(None)

    def count(self, outcome: object) -> None:
        self._loop.call_soon_threadsafe(self._count, outcome)

    def _count(self, outcome: object) -> None:
        if self.done.done():
            return
        self._left -= 1
        if isinstance(outcome, BaseException):
            self.done.set_exception(outcome)
        elif not self._left:
            self.done.set_result(None)
