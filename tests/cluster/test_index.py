"""The index in trouble: a read-only index is waited for, a refused document goes to the failures topic."""

from __future__ import annotations

import json
from collections.abc import Callable

from cli.deploy import Deployment
from cli.dump import documents
from cli.feed import Feeder
from cli.topic_reader import read_topic
from connectors import indices, topics
from tests.cluster.conftest import abandoned_carts, wait_until

Deploy = Callable[..., Deployment]
START_MS = 1_700_000_000_000


def _abandon(feeder: Feeder, visitor: str, context: object) -> None:
    """One cart, and a heartbeat that brings event time past its timeout."""
    event = {
        "schema": "event/1",
        "event_id": f"cart-{visitor}",
        "event_type": "add_to_cart",
        "event_time_ms": START_MS,
        "visitor_id": visitor,
        "context": context,
    }
    feeder.send(json.dumps(event).encode(), visitor, timestamp_ms=START_MS)


def _finish(feeder: Feeder) -> None:
    later_ms = START_MS + 2 * 1_800_000
    feeder.heartbeat(later_ms, "end", later_ms)
    feeder.flush()


def _number(topic: tuple[dict[str, str], str], told: bytes) -> int:
    """Messages of the topic that hold the bytes."""
    return sum(told in (message.value() or b"") for message in read_topic(*topic))


def _nested(depth: int) -> dict[str, object]:
    return {"a": _nested(depth - 1)} if depth else {"a": 1}


def _block(deployment: Deployment, on: bool) -> None:
    names = [indices.SIGNALS.name, indices.SESSIONS.name]
    deployment.client.indices.put_settings(index=names, settings={"index.blocks.write": on})


def test_a_read_only_index_is_waited_for_and_a_refused_document_is_kept(deploy: Deploy) -> None:
    deployment = deploy()
    flink, feeder = deployment.stack.flink, Feeder(deployment.kafka_properties)
    _block(deployment, on=True)
    job = deployment.submit()
    _abandon(feeder, "patient", {"device": "mobile"})
    _abandon(feeder, "deep", _nested(30))  # deeper than the index takes in a `flattened` field
    _finish(feeder)
    flink.wait_tasks_running(job, 180)
    signals = deployment.kafka_properties, topics.SIGNALS.name
    told = b'"kind":"cart_abandoned"'
    wait_until(lambda: _number(signals, told) == 2, 120, "both signals in their topic")
    assert documents(deployment.client, indices.SIGNALS.alias) == []
    _block(deployment, on=False)
    wait_until(lambda: bool(abandoned_carts(deployment)), 120, "the signal in the index")
    (found,) = abandoned_carts(deployment)
    assert found["visitor_id"] == "patient"
    failures = deployment.kafka_properties, topics.INDEX_FAILURES.name
    wait_until(lambda: bool(list(read_topic(*failures))), 60, "the refused document in its topic")
    assert all(failure.value().startswith(b"400") for failure in read_topic(*failures))
    assert flink.restarts(job) == 0
