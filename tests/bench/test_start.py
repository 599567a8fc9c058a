"""How long a job takes to start: from `flink run` to the first rows of the first slice, cold and warm."""

from __future__ import annotations

import time
from pathlib import Path

from connectors.contracts import topics
from jobs.settings import Settings
from stack.runs.deploy import drop_all
from stack.runs.replay import feed_file
from tests.bench import figures, workload
from tests.bench.figures import CONSOLE
from tests.bench.stack_runs import Stack, fresh_stack

EVENTS = 20_000
DEADLINE_S = 300.0


def test_start(tmp_path: Path) -> None:
    """The events are there before the job; the suite as shipped, live."""
    work = workload.make(tmp_path, 1, EVENTS)
    with fresh_stack(tmp_path / "stack", settings=Settings(idle_timeout_ms=0)) as stack:
        found = {name: _start(stack, work) for name in ("cold", "warm")}
    rows = [[name, *(f"{seconds:.1f}" for seconds in row.values())] for name, row in found.items()]
    figures.show("seconds from `flink run`", ["", *found["cold"]], rows)
    figures.write("start", seconds=found)
    assert found["warm"]["first rows"] < 1.5 * found["cold"]["first rows"]


def _start(stack: Stack, work: workload.Work) -> dict[str, float]:
    deployment = stack.deployment
    drop_all(deployment.kafka_properties, deployment.client)
    deployment.prepare()
    feed_file(deployment, work.path, CONSOLE)
    began = time.monotonic()
    job = stack.submit("jobs.suite")
    submitted = time.monotonic() - began
    stack.flink.wait_tasks_running(job, DEADLINE_S)
    running = time.monotonic() - began
    while not stack.rows(topics.FEATURES):
        assert time.monotonic() - began < DEADLINE_S
        time.sleep(0.1)
    seen = time.monotonic() - began
    stack.flink.cancel(job)
    return {"submitted": submitted, "every task runs": running, "first rows": seen}
