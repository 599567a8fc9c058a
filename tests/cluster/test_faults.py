"""Faults in the middle of a replay: the end result equals that of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from cli.deploy import Deployment
from cli.dump import documents
from cli.feed import Feeder
from cli.ledger import read_ledger, read_letters
from cli.replay import feed_file
from cli.topic_reader import read_topic
from connectors import indices, topics
from stack.embedded import EmbeddedStack
from tests import datasets
from tests.cluster.conftest import CONSOLE, Document, abandoned_carts, wait_until, why
from tests.fuzz_run import Fuzzer, allow_bytes

Deploy = Callable[..., Deployment]
STREAM = "ga360_20160801_20160814"


def _kill_taskmanager(stack: EmbeddedStack) -> None:
    stack.flink.kill_taskmanager()
    stack.flink.start_taskmanager()


def _kill_python_workers(stack: EmbeddedStack) -> None:
    me = psutil.Process()
    workers = [child for child in me.children(recursive=True) if _is_worker(child)]
    workers += [
        process for process in psutil.process_iter() if _is_worker(process) and process not in workers
    ]
    ours = [worker for worker in workers if _started_by(worker, stack)]
    assert ours, "no Python worker of this stack is running"
    # All of them: a worker that has nothing to do is missed by nobody, and in this stream nothing is refused.
    for worker in ours:
        os.kill(worker.pid, signal.SIGKILL)


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any("beam_boot" in part for part in process.cmdline())
    except psutil.Error:
        return False


def _started_by(process: psutil.Process, stack: EmbeddedStack) -> bool:
    try:
        return str(stack.workdir) in str(process.environ().get("FLINK_CONF_DIR", ""))
    except psutil.Error:
        return False


def _kill_broker(stack: EmbeddedStack) -> None:
    stack.kafka.kill()
    stack.kafka.start_again()


# Without a broker the job waits, and need not start again.
@pytest.mark.parametrize(
    ("fault", "restarts"), [(_kill_taskmanager, 1), (_kill_python_workers, 1), (_kill_broker, 0)]
)
def test_a_kill_in_the_middle_changes_nothing(
    deploy: Deploy, tmp_path: Path, fault: Callable[[EmbeddedStack], None], restarts: int
) -> None:
    file = tmp_path / "events.jsonl"
    datasets.write_canonical(STREAM, file)
    deployment = deploy(bounded=True, parallelism=2)
    feed_file(deployment, file, CONSOLE)
    job = deployment.submit()
    flink = deployment.stack.flink
    wait_until(
        lambda: _is_in_the_middle(flink.rest_url, job), 180, "a checkpoint with some of the events read"
    )
    fault(deployment.stack)
    flink.wait_job(job, {"FINISHED"}, 400)
    assert flink.restarts(job) >= restarts
    _assert_undisturbed(deployment)


def _is_in_the_middle(rest_url: str, job: str) -> bool:
    checkpoints = requests.get(f"{rest_url}/jobs/{job}/checkpoints", timeout=30).json()
    vertices = requests.get(f"{rest_url}/jobs/{job}", timeout=30).json()["vertices"]
    read = sum(vertex["metrics"]["write-records"] for vertex in vertices if "Source" in vertex["name"])
    return bool(checkpoints["counts"]["completed"] >= 1 and read > 20_000)


def _assert_undisturbed(deployment: Deployment) -> None:
    ledger = read_ledger(deployment.kafka_properties, read_letters(deployment.kafka_properties))
    assert ledger.balanced
    sessions = {
        (row["visitor_id"], row["started_at_ms"], row["ended_at_ms"], row["events"])
        for row in documents(deployment.client, indices.SESSIONS.alias)
    }
    signals = {(row["visitor_id"], row["occurred_at_ms"]) for row in abandoned_carts(deployment)}
    assert sessions == datasets.truth_sessions(STREAM)
    assert signals == {(visitor, fires) for visitor, _, fires in datasets.truth_abandonments(STREAM)}


def test_an_armed_timer_survives_a_savepoint(deploy: Deploy) -> None:
    deployment = deploy()
    flink, feeder = deployment.stack.flink, Feeder(deployment.kafka_properties)
    start_ms = 1_700_000_000_000
    job = deployment.submit()
    _cart(feeder, start_ms)
    feeder.heartbeat(start_ms + 600_000, "ten-minutes", start_ms + 600_000)
    feeder.flush()
    flink.wait_tasks_running(job, 180)
    wait_until(lambda: _read(flink.rest_url, job) >= feeder.written, 60, "everything read")
    _assert_pending(deployment, job, start_ms)
    savepoint = flink.savepoint(job, stop=True)
    assert documents(deployment.client, indices.SIGNALS.alias) == []
    job = deployment.submit(from_savepoint=savepoint)
    # One millisecond before it is due nothing may fire; the bound is added: the watermark stands there.
    due_ms, bound_ms = start_ms + 1_800_000, deployment.settings.out_of_orderness_ms
    feeder.heartbeat(due_ms + bound_ms + 1_000, "due", due_ms + 10_000)
    feeder.flush()
    wait_until(lambda: bool(abandoned_carts(deployment)), 120, "the abandonment")
    (signal_document,) = abandoned_carts(deployment)
    assert (signal_document["visitor_id"], signal_document["occurred_at_ms"]) == ("armed", due_ms)
    _assert_told(deployment, job, feeder, signal_document, start_ms)


def _assert_pending(deployment: Deployment, job: str, start_ms: int) -> None:
    """`scripts/why` sees the armed timer, and by whom event time is held: nothing came after ten minutes."""
    flink = deployment.stack.flink
    wait_until(lambda: flink.event_time(job)[0] is not None, 30, "a watermark")
    found = why(deployment, "armed", "cart_abandoned")
    (answer,) = found["answers"]
    assert (answer["fired"], answer["reason"]) == (False, "watermark_held")
    assert answer["at_ms"] == start_ms + 1_800_000
    assert start_ms <= found["watermark_ms"] <= start_ms + 600_000 - deployment.settings.out_of_orderness_ms
    assert found["held_by"]["partition"].startswith("footfall_events_raw-"), found["held_by"]
    assert found["rules_submitted"] == found["rules_active"]


def _assert_told(
    deployment: Deployment, job: str, feeder: Feeder, signal_document: Document, start_ms: int
) -> None:
    """`scripts/why` tells of who fired with the evidence of the index, and of who did not: a late view was missed."""
    flink = deployment.stack.flink
    (answer,) = why(deployment, "armed", "cart_abandoned")["answers"]
    assert (answer["fired"], answer["reason"], answer["facts"]) == (True, "active", signal_document)
    for minute in range(3):
        _view(feeder, minute, start_ms + 7_200_000 + minute * 60_000)
    now_ms = start_ms + 7_200_000 + 300_000
    feeder.heartbeat(now_ms, "after three views", now_ms)
    feeder.flush()
    wait_until(lambda: (flink.event_time(job)[0] or 0) > now_ms - 10_000, 60, "three views read")
    answer = _answer_about_looks(deployment, "count")
    assert (answer["fired"], answer["facts"]["count"]) == (False, 3), answer
    _view(feeder, 3, now_ms - 60_000, arrives_ms=now_ms)
    feeder.flush()
    late = topics.EVENTS_LATE.name
    wait_until(lambda: any(read_topic(deployment.kafka_properties, late)), 60, "the late view")
    answer = _answer_about_looks(deployment, "late")
    assert not answer["fired"], answer
    assert "view-3" in answer["said"] and "came late by 58 s" in answer["said"]


def _answer_about_looks(deployment: Deployment, reason: str) -> Document:
    """Sinks hand their rows to the broker a moment after event time has passed them: the answer is waited for."""
    asked: list[Document] = []

    def told() -> bool:
        asked[:] = why(deployment, "looks", "category_interest")["answers"]
        return bool(asked) and asked[0]["reason"] == reason

    wait_until(told, 60, f"the answer {reason!r}")
    (answer,) = asked
    return answer


def _view(feeder: Feeder, number: int, time_ms: int, arrives_ms: int = 0) -> None:
    event = {
        "schema": "event/1",
        "event_id": f"view-{number}",
        "event_type": "product_view",
        "visitor_id": "looks",
        "event_time_ms": time_ms,
        "product": {"category": "shoes"},
    }
    feeder.send(json.dumps(event).encode(), "looks", timestamp_ms=arrives_ms or time_ms)


def _cart(feeder: Feeder, time_ms: int) -> None:
    event = {
        "schema": "event/1",
        "event_id": "cart",
        "event_type": "add_to_cart",
        "visitor_id": "armed",
        "event_time_ms": time_ms,
    }
    feeder.send(json.dumps(event).encode(), "armed", timestamp_ms=time_ms)


def _read(rest_url: str, job: str) -> int:
    vertices = requests.get(f"{rest_url}/jobs/{job}", timeout=30).json()["vertices"]
    return sum(vertex["metrics"]["read-records"] for vertex in vertices if "Source" in vertex["name"])


@pytest.mark.skipif(os.environ.get("FOOTFALL_CHAOS") != "1", reason="ten minutes: FOOTFALL_CHAOS=1 runs it")
def test_mutated_messages_and_faults_leave_the_ledger_balanced(deploy: Deploy) -> None:
    """What `tests/bench/test_fuzz.py` does a million times; then a kill and a savepoint in the middle of it.

    Identity, consent and caps are on: the events log in, grant and deny.
    """
    deployment = deploy(idle_timeout_ms=0)  # minutes of event time go by in a second
    allow_bytes(deployment, topics.EVENTS_RAW, 12_000_000)
    job, flink = deployment.submit(), deployment.stack.flink
    flink.wait_tasks_running(job, 180)
    fuzzer = Fuzzer(deployment, seed=7, most=40_000, megabytes=0.0005)
    fuzzer.feed_specimens()
    fuzzer.feed(20_000, enormous=2)
    ledger, letters = fuzzer.settled(300)
    assert not fuzzer.surprises(letters)
    assert flink.restarts(job) == 0
    assert ledger.balanced, ledger.to_document()
    assert {"oversized", "not_utf8", "no_consent"} <= set(ledger.total().rejected)
    fuzzer.feed(6_000)
    _kill_taskmanager(deployment.stack)
    fuzzer.feed(6_000)
    wait_until(lambda: flink.restarts(job) >= 1, 120, "the job has noticed")
    flink.wait_tasks_running(job, 180)
    job = deployment.submit(from_savepoint=flink.savepoint(job, stop=True))
    fuzzer.feed(6_000)
    ledger, letters = fuzzer.settled(300)
    assert ledger.balanced, ledger.to_document()
    assert flink.restarts(job) == 0
    assert not fuzzer.surprises(letters)
