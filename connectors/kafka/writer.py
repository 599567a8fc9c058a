"""Writes to topics: no failure of a record is lost, and memory is bounded."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from kafka.errors import KafkaError

from connectors.errors import BrokerUnavailable
from connectors.kafka.client import ANSWER_S, Properties, producer, reported_broker_errors
from connectors.wording import plainly

# kafka-python buffers whatever it is given: every so many records the writer waits for one of a while ago.
_STEP, _STEPS = 1_000, 20


class Writer:
    """A producer. A record counts as written after `flush` or `commit`, which raise for each that is not.

    Not for several threads at once.
    """

    def __init__(self, properties: Properties, transactional_id: str | None = None, **more: Any) -> None:
        """Opens it.

        Args:
            properties: of a Kafka client.
            transactional_id: for `begin` and `commit`; a second writer of the same one fences the first off.
            more: arguments of kafka-python's producer.

        Raises:
            BrokerUnavailable: no broker answers.
        """
        self._properties = properties
        self._producer = producer(properties, transactional_id=transactional_id, **more)
        self._refused: list[BaseException] = []
        self._awaited: deque[Any] = deque()
        self._count, self._transacting = 0, False
        if transactional_id:
            self._reported(self._producer.init_transactions, "the transaction cannot be set up")

    def write(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | str | None = None,
        *,
        partition: int | None = None,
        timestamp_ms: int = 0,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Hands one record over; it is on its way when this returns.

        Args:
            topic: where to.
            value: None is a tombstone of the key.
            key: text is written as UTF-8.
            partition: None leaves it to Kafka's hash of the key.
            timestamp_ms: epoch milliseconds; 0 is now.
            headers: of the record.

        Raises:
            BrokerUnavailable: the broker does not answer, or has no such topic.
        """
        name = key.encode("utf-8", "replace") if isinstance(key, str) else key
        if value is None and name is None:
            name = b""  # kafka-python sends no record that has neither
        with reported_broker_errors(self._properties, f"{topic} cannot be written"):
            sent = self._producer.send(topic, value, name, list(headers), partition, timestamp_ms or None)
        sent.add_errback(self._refused.append)
        self._count += 1
        if self._count % _STEP == 0:
            self._awaited.append(sent)
            self._bound()

    def flush(self, within_s: float = ANSWER_S) -> None:
        """Waits until the broker has everything.

        Raises:
            BrokerUnavailable: a record was refused, or not acknowledged within `within_s` seconds.
        """
        self._awaited.clear()
        what = f"records are not acknowledged within {within_s:.0f} s"
        self._reported(lambda: self._producer.flush(within_s), what)
        self._raise_refused()

    def begin(self) -> None:
        """Begins a transaction."""
        self._reported(self._producer.begin_transaction, "the transaction cannot begin")
        self._transacting = True

    def commit(self, within_s: float = ANSWER_S) -> None:
        """Commits the transaction.

        Raises:
            BrokerUnavailable: a record was refused, or the broker did not commit within `within_s` seconds.
        """
        self.flush(within_s)
        what = f"the transaction is not committed within {within_s:.0f} s"
        self._reported(lambda: _within(within_s, self._producer.commit_transaction), what)
        self._transacting = False

    def close(self, within_s: float = 1.0) -> None:
        """Ends it; an open transaction is aborted, what is unsent after `within_s` seconds is not sent."""
        if self._transacting:
            with suppress(KafkaError):  # then the broker does, when its time is over
                _within(within_s, self._producer.abort_transaction)
        self._producer.close(within_s)

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions.

        Raises:
            BrokerUnavailable: the broker does not answer, or there is no such topic.
        """
        with reported_broker_errors(self._properties, f"topic {topic} is not found"):
            return sorted(self._producer.partitions_for(topic))

    def _bound(self) -> None:
        if len(self._awaited) > _STEPS:
            oldest = self._awaited.popleft()
            self._reported(lambda: oldest.get(4 * ANSWER_S), "records are not acknowledged")

    def _reported(self, call: Callable[[], Any], what: str) -> None:
        with reported_broker_errors(self._properties, what):
            call()

    def _raise_refused(self) -> None:
        if self._refused:
            count, first = len(self._refused), self._refused[0]
            self._refused.clear()
            raise BrokerUnavailable(
                f"{count} records were not taken at {self._properties['bootstrap.servers']}: {plainly(first)}"
            ) from first


def _within(seconds: float, call: Callable[[], Any]) -> None:
    """Calls what has no deadline of its own.

    Raises:
        KafkaError: it did not return in time, or raised.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="kafka-deadline", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise KafkaError(f"no answer after {seconds:.0f} s")
    if raised:
        raise raised[0]
