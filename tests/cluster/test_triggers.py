"""Triggers of a running job whose TaskManager is killed: none lost; and none twice where that is asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
import requests

from connectors.contracts import topics
from connectors.contracts.signals import signal_id, trigger_id
from connectors.kafka.client import consumer
from connectors.kafka.partitions import partition_of
from connectors.kafka.writer import Writer
from stack.runs.deploy import Deployment
from tests.cluster.conftest import wait_until

Deploy = Callable[..., Deployment]
NOON = 1_700_049_600_000
BATCH = 4_000


def _write_signals(deployment: Deployment, first: int) -> None:
    writer = Writer(deployment.kafka_properties)
    for number in range(first, first + BATCH):
        visitor = f"visitor {number}"
        document = {
            "signal_id": _signal_id(number),
            "kind": "cart_abandoned",
            "visitor_id": visitor,
            "occurred_at_ms": NOON,
            "expires_at_ms": NOON + 86_400_000,
            "status": "active",
            "version": NOON,
            "evidence": {},
            "context": {},
        }
        writer.write(topics.SIGNALS.name, json.dumps(document).encode(), visitor)
    writer.flush(60)
    writer.close()


def _signal_id(number: int) -> str:
    return signal_id("cart_abandoned", "cart_abandoned", f"visitor {number}", "1")


class Receiver:
    """What a reader of committed messages has seen of the topic, each message with how often it came."""

    def __init__(self, deployment: Deployment) -> None:
        self.seen: Counter[str] = Counter()
        self.documents: Counter[bytes] = Counter()
        self._consumer = consumer(
            deployment.kafka_properties, auto_offset_reset="earliest", group_id="receiver"
        )
        self._consumer.subscribe([topics.TRIGGERS.name])

    def poll(self) -> int:
        """Reads what is there; gives how many different triggers were seen so far."""
        found = self._consumer.poll(500, max_records=10_000)
        for message in (one for records in found.values() for one in records):
            # Who asks about one visitor (scripts/why) reads this partition alone.
            wanted = partition_of(message.key.decode(), topics.TRIGGERS.partitions)
            assert message.partition == wanted
            self.documents[message.value] += 1
            self.seen[json.loads(message.value)["trigger_id"]] += 1
        return len(self.seen)

    def close(self) -> None:
        self._consumer.close()


@pytest.mark.parametrize("exactly_once", [False, True], ids=["at least once", "exactly once"])
def test_no_trigger_is_lost_when_the_taskmanager_is_killed(deploy: Deploy, exactly_once: bool) -> None:
    deployment = deploy(triggers_exactly_once=exactly_once)
    flink, receiver = deployment.stack.flink, Receiver(deployment)
    job = deployment.submit("triggers")
    flink.wait_tasks_running(job, 180)
    _write_signals(deployment, 0)
    wait_until(lambda: receiver.poll() > 0 and _checkpoints(flink.rest_url, job) > 0, 120, "some triggers")
    _write_signals(deployment, BATCH)
    flink.kill_taskmanager()
    flink.start_taskmanager()
    _write_signals(deployment, 2 * BATCH)
    wait_until(lambda: receiver.poll() >= 3 * BATCH, 240, "all triggers")
    before = _checkpoints(flink.rest_url, job)
    wait_until(lambda: _checkpoints(flink.rest_url, job) > before + 1, 60, "what is still to be committed")
    receiver.poll()
    receiver.close()
    assert set(receiver.seen) == {
        trigger_id(_signal_id(number), "send_cart_offer", "first") for number in range(3 * BATCH)
    }
    assert flink.restarts(job) >= 1
    # A copy is equal to the byte: a consumer that keeps the ids it has processed sees each once.
    assert len(receiver.documents) == len(receiver.seen)
    if exactly_once:
        assert set(receiver.seen.values()) == {1}


def _checkpoints(rest_url: str, job: str) -> int:
    found = requests.get(f"{rest_url}/jobs/{job}/checkpoints", timeout=30).json()
    return int(found["counts"]["completed"])
