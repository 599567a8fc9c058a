"""A gate before a topic: what is behind it is in the broker, but a job sees none of it until the gate opens.

Python workers take seconds to start, and Flink's sources do not wait for them. Behind a gate a job starts to
its last worker before the first event flows, so that start-up and work are two times and not one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from confluent_kafka import Producer

from cli.feed import heartbeat
from connectors.topics import Topic

# For the jobs: a reader that waits for transactions to end. It stops before the oldest one that is open.
READER_PROPERTIES = "isolation.level=read_committed\n"
_STAYS_SHUT_MS = 600_000
_BEGINNING_MS = 0


class Gate:
    """An open transaction at the head of every partition of an empty topic."""

    def __init__(self, properties: Mapping[str, str], topic: Topic) -> None:
        self._producer = Producer(
            {
                **properties,
                "transactional.id": f"gate-{uuid.uuid4()}",
                "transaction.timeout.ms": _STAYS_SHUT_MS,
                "log_level": 2,  # that a young broker is not ready for transactions yet is no news
            }
        )
        self._producer.init_transactions(30)
        self._producer.begin_transaction()
        for partition in range(topic.partitions):
            value = heartbeat(_BEGINNING_MS, f"gate-{partition}")
            self._producer.produce(topic.name, value=value, partition=partition)
        self._producer.flush(30)

    def open(self) -> float:
        """Lets all through; returns when, in seconds since the epoch."""
        now = time.time()
        self._producer.commit_transaction(30)
        return now
