"""A million visitors of whom a tenth fits into memory: what a savepoint weighs, how long a restore takes.

Each looks at a product and puts it into a cart, all within a day of event time; two days later some come again.
FOOTFALL_BENCH_VISITORS sizes the crowd, FOOTFALL_BENCH_BACKEND is rocksdb or hashmap.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from connectors.contracts import topics
from jobs.settings import Settings
from stack.runs.feed import Feeder
from stack.runs.run_settings import REPLAY_SETTINGS
from tests.bench import crowd, engine_run, figures
from tests.bench.stack_runs import Stack, fresh_stack
from tests.cluster.conftest import wait_until
from tests.fuzz_run import memory_of

VISITORS = figures.number("VISITORS", 1_000_000)
BACKEND = os.environ.get("FOOTFALL_BENCH_BACKEND", "rocksdb")
MEMORY = os.environ.get("FOOTFALL_BENCH_MEMORY", "")
AGAIN, RETURN = max(VISITORS // 10, 1), 2  # how many come again, on which day
JOB = "benchjobs.suite_without_index"
SETTINGS = Settings.of(REPLAY_SETTINGS).replace(
    slice_ms=60_000,
    idle_timeout_ms=0,
    visitors_in_memory=max(VISITORS // 10 // Settings().parallelism, 1),
)
DEADLINE_S = max(300.0, VISITORS / 500)
HOUR_MS = engine_run.HOUR_MS
MOST_BYTES = 3_000  # of a visitor and its device in a savepoint
Figures = dict[str, float]


def test_a_million_visitors(tmp_path: Path) -> None:
    """No visitor is lost: every cart is reported as abandoned once, after the restore, too."""
    with fresh_stack(tmp_path / "stack", MEMORY, SETTINGS, state_backend=BACKEND) as stack:
        stack.deployment.prepare()
        with memory_of(stack.deployment) as peak:
            found, savepoint = _first_day(stack)
            found |= _day_of_return(stack, savepoint)
        mib = {"JVM MiB": peak.jvm // 2**20, "Python MiB": peak.python // 2**20}
        found |= mib
    figures.show(
        f"{VISITORS:,} visitors, {BACKEND}",
        ["", ""],
        [[name, f"{value:,.1f}"] for name, value in found.items()],
    )
    figures.write("state", visitors=VISITORS, backend=BACKEND, again=AGAIN, figures=found)
    assert found["savepoint, bytes a visitor"] < MOST_BYTES


def _first_day(stack: Stack) -> tuple[Figures, str]:
    job = stack.submit(JOB)
    stack.flink.wait_tasks_running(job, 300)
    seconds = _fed(stack, job, crowd.visits(VISITORS, 0), day=0)
    _wait_for_carts(stack, VISITORS)
    began = time.monotonic()
    path = stack.flink.savepoint(job, stop=True, deadline_s=DEADLINE_S)
    saved = time.monotonic() - began
    size = sum(file.stat().st_size for file in Path(path.removeprefix("file:")).rglob("*") if file.is_file())
    is_there = {
        "first day, events/s": 2 * VISITORS / seconds,
        "savepoint, seconds": saved,
        "savepoint, MB": size / 1e6,
        "savepoint, bytes a visitor": size / VISITORS,
    }
    return is_there, path


def _day_of_return(stack: Stack, savepoint: str) -> Figures:
    before, began = stack.rows(topics.FEATURES), time.monotonic()
    job = stack.submit(JOB, from_savepoint=savepoint)
    stack.flink.wait_tasks_running(job, 300)
    running = time.monotonic() - began
    feeder, fed = Feeder(stack.deployment.kafka_properties), time.monotonic()
    _feed(feeder, crowd.visits(VISITORS, RETURN, 0, AGAIN))
    feeder.heartbeat(crowd.START_MS + RETURN * crowd.DAY_MS + crowd.DAY_MS // 10, "fed")
    feeder.flush()
    wait_until(lambda: stack.rows(topics.FEATURES) > before, DEADLINE_S, "rows after the restore")
    first = time.monotonic() - began
    _fed(stack, job, iter(()), RETURN)
    seconds = time.monotonic() - fed
    _wait_for_carts(stack, VISITORS + AGAIN)
    stack.flink.cancel(job)
    return {
        "restore, seconds until every task runs": running,
        "restore, seconds until first rows": first,
        "those who return, events/s": 2 * AGAIN / seconds,
    }


def _fed(stack: Stack, job: str, messages: Iterator[bytes], day: int) -> float:
    """Feeds a day and waits until its end has passed; how many seconds that took."""
    feeder, began, now_ms = Feeder(stack.deployment.kafka_properties), time.monotonic(), 0
    _feed(feeder, messages)
    end_ms = crowd.START_MS + (day + 1) * crowd.DAY_MS + HOUR_MS

    def has_come() -> bool:
        nonlocal now_ms
        now_ms = max(now_ms + 1, end_ms)
        feeder.heartbeat(now_ms, f"day {day}, {now_ms}", now_ms)
        feeder.flush()
        return (stack.flink.event_time(job)[0] or 0) >= end_ms - 60_000

    wait_until(has_come, DEADLINE_S, f"the end of day {day}")
    return time.monotonic() - began


def _feed(feeder: Feeder, messages: Iterator[bytes]) -> None:
    for message in messages:
        at = engine_run.time_of(message)
        feeder.send(message, message[message.index(b'"v-') + 1 :][:10].decode(), timestamp_ms=at)


def _wait_for_carts(stack: Stack, count: int) -> None:
    """Until so many carts are told as abandoned; not one more may be."""
    found = 0

    def is_there() -> bool:
        nonlocal found
        found = sum(one["kind"] == "cart_abandoned" for one in stack.signals())
        return found >= count

    wait_until(is_there, DEADLINE_S, f"{count:,} abandoned carts")
    assert found == count
