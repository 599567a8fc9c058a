"""One visitor floods the shop; the others must hardly notice, and the flood must be in the books.

Each other visitor puts one thing into a cart; how late the abandonment is detected is the latency. It is measured
without and with the flood in the same run. FOOTFALL_BENCH_FLOOD sizes it.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from pathlib import Path

from jobs.offline.ledger import Ledger, read_ledger, read_letters
from jobs.settings import Settings
from stack.runs.feed import Feeder
from tests.bench import figures
from tests.bench.stack_runs import Stack, fresh_stack
from tests.fuzz_run import memory_of

FLOOD = figures.number("FLOOD", 100_000)
PER_SECOND = 4_000  # of the flood: 100,000 within half a minute
CALM_S = 20
OTHERS_PER_SECOND = 20
CART_MS = 1_000
LARGEST_RATIO = {"p50 ms": 2.0, "p99 ms": 3.0}


def event(kind: str, visitor: str, number: int, at_ms: int) -> bytes:
    return json.dumps(
        {
            "schema": "event/1",
            "event_id": f"{visitor}-{number}",
            "event_type": kind,
            "event_time_ms": at_ms,
            "visitor_id": visitor,
        }
    ).encode()


class Street:
    """Sends in real time: the others at their pace, the flood at its own, ten heartbeats a second."""

    def __init__(self, feeder: Feeder) -> None:
        self._feeder = feeder
        self.flood_ms: list[int] = []

    def run(self, seconds: float, name: str, flood: int = 0, pace: int = OTHERS_PER_SECOND) -> None:
        """For so long, or until the flood is over; `pace` others a second are called by the name and a number."""
        began = time.monotonic()
        sent = others = beats = 0
        while (passed := time.monotonic() - began) < seconds or sent < flood:
            now_ms = int(time.time() * 1000)
            for _ in range(min(flood, int(passed * PER_SECOND)) - sent):
                self._feeder.send(event("product_view", "flood", sent, now_ms), "flood")
                self.flood_ms.append(now_ms)
                sent += 1
            for _ in range(int(passed * pace) - others):
                others += 1
                self._feeder.send(event("add_to_cart", f"{name}-{others}", 0, now_ms), f"{name}-{others}")
            if passed * 10 >= beats:
                beats += 1
                self._feeder.heartbeat(now_ms, f"{name}-{beats}-{now_ms}")
            self._feeder.flush()
            time.sleep(0.02)


def test_the_others_hardly_notice(tmp_path: Path) -> None:
    settings = Settings(cart_timeout_ms=CART_MS)
    with fresh_stack(tmp_path / "stack", settings=settings) as stack:
        stack.deployment.prepare()
        job = stack.submit("jobs.suite")
        stack.flink.wait_tasks_running(job, 300)
        street = Street(Feeder(stack.deployment.kafka_properties))
        street.run(2 * CALM_S, "warm")
        with memory_of(stack.deployment) as peak:
            street.run(CALM_S, "calm")
            street.run(CALM_S, "busy", FLOOD)
        ledger = _settled(stack, street)
        found = {name: _latencies(stack, name) for name in ("calm", "busy")}
        restarts = stack.flink.restarts(job)
        stack.flink.cancel(job)
    _show(found, ledger, {"JVM": peak.jvm // 2**20, "Python": peak.python // 2**20})
    assert found["calm"]["carts"] >= 0.9 * CALM_S * OTHERS_PER_SECOND <= found["busy"]["carts"]
    assert {
        name: found["busy"][name] / found["calm"][name] <= most for name, most in LARGEST_RATIO.items()
    } == {name: True for name in LARGEST_RATIO}
    assert ledger.balanced and restarts == 0
    assert ledger.total().rejected["bot_quarantined"] == held_back(street.flood_ms)


def held_back(times_ms: list[int]) -> int:
    """How many of one visitor's events: from the first that is one too many in its minute on, for the quarantine."""
    in_minute = Counter[int]()
    for index, at_ms in enumerate(times_ms):
        in_minute[at_ms // 60_000] += 1
        if in_minute[at_ms // 60_000] > Settings().bot_events_per_minute:
            return len(times_ms) - index
    return 0


def _settled(stack: Stack, street: Street) -> Ledger:
    kafka, deadline = stack.deployment.kafka_properties, time.monotonic() + 120
    while True:
        street.run(4, f"after-{time.time_ns()}", pace=0)  # heartbeats only: nothing new to wait for
        ledger = read_ledger(kafka, read_letters(kafka))
        if ledger.balanced or time.monotonic() > deadline:
            return ledger


def _latencies(stack: Stack, name: str) -> dict[str, float]:
    """Of the abandonments of visitors of this name, from due to detected, milliseconds."""
    late = [
        one["detected_at_ms"] - one["occurred_at_ms"]
        for one in stack.signals()
        if one["kind"] == "cart_abandoned" and one["visitor_id"].startswith(f"{name}-")
    ]
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    return {"carts": len(late), "p50 ms": cuts[49], "p95 ms": cuts[94], "p99 ms": cuts[98]}


def _show(found: dict[str, dict[str, float]], ledger: Ledger, mib: dict[str, int]) -> None:
    rows = [[name, *(f"{value:,.0f}" for value in row.values())] for name, row in found.items()]
    title = f"the others; flood of {FLOOD:,} events; at most {mib['JVM']} MiB JVM, {mib['Python']} MiB Python"
    figures.show(title, ["", *found["calm"]], rows)
    rejected = dict(ledger.total().rejected)
    figures.write("hot_key", flood=FLOOD, others=found, rejected=rejected, mib=mib)
