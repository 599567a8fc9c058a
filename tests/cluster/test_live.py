"""One running job: its index in trouble, and what `scripts/why` says of waits, of signals and of their absence.

Event time goes on from test to test: each begins where those before it cannot have come.
"""

from __future__ import annotations

import json

import pytest

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.kafka.topic_reader import read_topic
from stack.runs.deploy import Deployment
from stack.runs.dump import documents
from stack.runs.feed import Feeder
from tests.cluster.conftest import Deployer, Document, abandoned_carts, wait_until, why

TROUBLE_MS = 1_700_000_000_000
QUESTIONS_MS = TROUBLE_MS + 864_000_000
CART_MS, HOUR_MS = 1_800_000, 3_600_000


class Running:
    """The job and who writes to it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.flink = deployment, deployment.stack.flink
        self.feeder = Feeder(deployment.kafka_properties)
        self.job = deployment.submit()
        self.flink.wait_tasks_running(self.job, 180)

    def send(
        self, name: str, kind: str, visitor: str, at_ms: int, arrives_ms: int = 0, **more: object
    ) -> None:
        """One event."""
        event = {
            "schema": "event/1",
            "event_id": name,
            "event_type": kind,
            "event_time_ms": at_ms,
            "visitor_id": visitor,
            **more,
        }
        self.feeder.send(json.dumps(event).encode(), visitor, timestamp_ms=arrives_ms or at_ms)

    def pass_to(self, at_ms: int, name: str) -> None:
        """Event time goes on."""
        self.feeder.heartbeat(at_ms, name, at_ms)
        self.feeder.flush()

    def values(self, topic: topics.Topic) -> list[bytes]:
        """What a topic holds."""
        return [one.value or b"" for one in read_topic(self.deployment.kafka_properties, topic.name)]

    def why(self, visitor: str, rule: str) -> Document:
        """What is said of the two."""
        return why(self.deployment, visitor, rule)


@pytest.fixture(scope="module")
def running(deploy_once: Deployer) -> Running:
    # Event time goes as the slowest partition goes: a heartbeat in one partition makes no event of another one late.
    return Running(deploy_once(parallelism=2, idle_timeout_ms=0))


def test_a_read_only_index_is_waited_for_and_a_refused_document_is_kept(running: Running) -> None:
    deployment = running.deployment
    _block(deployment, on=True)
    running.send("cart-1", "add_to_cart", "patient", TROUBLE_MS, context={"device": "mobile"})
    # deeper than the index takes in a `flattened` field
    running.send("cart-2", "add_to_cart", "deep", TROUBLE_MS, context=_nested(30))
    running.pass_to(TROUBLE_MS + 2 * CART_MS, "trouble")
    # Both may be the work of one worker, and it waits with the first one's document.
    wait_until(lambda: _carts_in_topic(running) >= 1, 120, "a signal in its topic")
    assert documents(deployment.client, indices.SIGNALS.alias) == []
    _block(deployment, on=False)
    wait_until(lambda: bool(abandoned_carts(deployment)), 60, "the signal in the index")
    (found,) = abandoned_carts(deployment)
    assert found["visitor_id"] == "patient"
    wait_until(lambda: bool(running.values(topics.INDEX_FAILURES)), 60, "the refused document in its topic")
    assert all(failure.startswith(b"400") for failure in running.values(topics.INDEX_FAILURES))
    assert running.flink.restarts(running.job) == 0


def _nested(depth: int) -> dict[str, object]:
    return {"a": _nested(depth - 1)} if depth else {"a": 1}


def _block(deployment: Deployment, on: bool) -> None:
    names = [indices.SIGNALS.name, indices.SESSIONS.name]
    deployment.client.indices.put_settings(index=names, settings={"index.blocks.write": on})


def _carts_in_topic(running: Running) -> int:
    return sum(b'"kind":"cart_abandoned"' in value for value in running.values(topics.SIGNALS))


def test_why_names_the_partition_that_holds_event_time(running: Running) -> None:
    running.send("armed", "add_to_cart", "armed", QUESTIONS_MS)
    running.pass_to(QUESTIONS_MS + 600_000, "ten minutes")
    wait_until(lambda: (running.flink.event_time(running.job)[0] or 0) > QUESTIONS_MS, 60, "the cart is read")
    found = running.why("armed", "cart_abandoned")
    (answer,) = found["answers"]
    assert (answer["fired"], answer["reason"]) == (False, "watermark_held")
    assert answer["at_ms"] == QUESTIONS_MS + CART_MS
    bound_ms = running.deployment.settings.out_of_orderness_ms
    assert QUESTIONS_MS <= found["watermark_ms"] <= QUESTIONS_MS + 600_000 - bound_ms
    assert found["held_by"]["partition"].startswith("footfall_events_raw-"), found["held_by"]
    assert found["rules_submitted"] == found["rules_active"]


def test_why_shows_a_signal_with_its_evidence(running: Running) -> None:
    due_ms = QUESTIONS_MS + HOUR_MS + CART_MS
    running.send("due", "add_to_cart", "due", due_ms - CART_MS)
    running.pass_to(due_ms + running.deployment.settings.out_of_orderness_ms + 1_000, "due")
    wait_until(lambda: bool(_of("due", running)), 60, "the abandonment")
    (signal,) = _of("due", running)
    assert signal["occurred_at_ms"] == due_ms
    (answer,) = running.why("due", "cart_abandoned")["answers"]
    assert (answer["fired"], answer["reason"], answer["facts"]) == (True, "active", signal)


def _of(visitor: str, running: Running) -> list[Document]:
    return [one for one in abandoned_carts(running.deployment) if one["visitor_id"] == visitor]


def test_why_shows_what_was_missing_and_what_was_late(running: Running) -> None:
    first_ms = QUESTIONS_MS + 4 * HOUR_MS
    for minute in range(3):
        _look(running, minute, first_ms + minute * 60_000)
    now_ms = first_ms + 300_000
    running.pass_to(now_ms, "after three views")
    answer = _answer_about_looks(running, "count")
    assert (answer["fired"], answer["facts"]["count"]) == (False, 3), answer
    _look(running, 3, now_ms - 60_000, arrives_ms=now_ms)
    running.feeder.flush()
    wait_until(lambda: bool(running.values(topics.EVENTS_LATE)), 60, "the late view")
    answer = _answer_about_looks(running, "late")
    assert not answer["fired"], answer
    assert "view-3" in answer["message"] and "came late by 58 s" in answer["message"]


def _look(running: Running, number: int, at_ms: int, arrives_ms: int = 0) -> None:
    product = {"category": "shoes"}
    running.send(f"view-{number}", "product_view", "looks", at_ms, arrives_ms, product=product)


def _answer_about_looks(running: Running, reason: str) -> Document:
    """Sinks hand their rows to the broker a moment after event time has passed them: the answer is waited for."""
    asked: list[Document] = []

    def is_there() -> bool:
        asked[:] = running.why("looks", "category_interest")["answers"]
        return bool(asked) and asked[0]["reason"] == reason

    wait_until(is_there, 60, f"the answer {reason!r}")
    (answer,) = asked
    return answer
