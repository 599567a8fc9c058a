"""A gate before a topic: what is behind it is in the broker, but a job sees none of it until the gate opens.

Python workers take seconds to start, and Flink's sources do not wait for them. Behind a gate a job starts to
its last worker before the first event flows, so that start-up and work are two times and not one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from connectors.contracts.topics import Topic
from connectors.errors import BrokerUnavailable
from connectors.kafka.writer import Writer
from stack.runs.feed import heartbeat

# A broker allows no more. After that it opens the gate itself.
_STAYS_SHUT_MS = 900_000
_BEGINNING_MS = 0


class Gate:
    """An open transaction with one heartbeat at the head of every partition of an empty topic.

    A reader of committed records, as every source of Footfall is, stops before the oldest open transaction.
    """

    def __init__(self, properties: Mapping[str, str], topic: Topic) -> None:
        self._writer = Writer(properties, f"gate-{uuid.uuid4()}", transaction_timeout_ms=_STAYS_SHUT_MS)
        self._writer.begin()
        for partition in range(topic.partitions):
            value = heartbeat(_BEGINNING_MS, f"gate-{partition}")
            self._writer.write(topic.name, value, partition=partition)
        self._writer.flush()

    def open(self) -> float | None:
        """Lets all through; returns when, in seconds since the epoch; None if it did not hold so long."""
        now = time.time()
        try:
            self._writer.commit()
        except BrokerUnavailable:
            return None
        finally:
            self._writer.close()
        return now
