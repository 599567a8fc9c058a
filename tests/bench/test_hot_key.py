"""One visitor floods the shop; the others must hardly notice, and the flood must be in the books.

Each other visitor puts one thing into a cart; how late the abandonment is detected is the latency. It is measured
without and with the flood in the same run. With CI=true the flood is small. FOOTFALL_HOT_EVENTS sizes it.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from cli.deploy import Deployment
from cli.feed import Feeder
from cli.ledger import Ledger, read_ledger, read_letters
from cli.topic_reader import read_topic
from connectors import topics
from jobs.settings import Settings
from stack.embedded import EmbeddedStack

SMALL = os.environ.get("CI", "").lower() == "true"
FLOOD = int(os.environ.get("FOOTFALL_HOT_EVENTS", "10000" if SMALL else "100000"))
PER_SECOND = 4_000  # of the flood
CALM_S = 10 if SMALL else 20
OTHERS_PER_SECOND = 20
CART_MS = 1_000
LARGEST_RATIO = 2.0


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
    """Sends in real time: the others at their pace, the flood at its own, a heartbeat a second."""

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
            if passed >= beats:
                beats += 1
                self._feeder.heartbeat(now_ms, f"{name}-{beats}-{now_ms}")
            self._feeder.flush()
            time.sleep(0.02)


def latencies_ms(deployment: Deployment, name: str) -> list[int]:
    """Of the abandonments of visitors of this name, from due to detected."""
    documents = (
        json.loads(row.value()) for row in read_topic(deployment.kafka_properties, topics.SIGNALS.name)
    )
    return [
        one["detected_at_ms"] - one["occurred_at_ms"]
        for one in documents
        if one["kind"] == "cart_abandoned" and one["visitor_id"].startswith(f"{name}-")
    ]


def test_the_others_hardly_notice(tmp_path: Path) -> None:
    console = Console(stderr=True)
    with EmbeddedStack(tmp_path / "stack", console=console) as stack:
        deployment = Deployment(stack, Settings({"cart_timeout_ms": CART_MS}), tmp_path)
        deployment.prepare()
        job = deployment.submit()
        stack.flink.wait_tasks_running(job, 300)
        street = Street(Feeder(deployment.kafka_properties))
        street.run(CALM_S, "warm")
        street.run(CALM_S, "calm")
        street.run(CALM_S, "busy", FLOOD)
        ledger = _settled(deployment, street)
        calm, busy = (latencies_ms(deployment, name) for name in ("calm", "busy"))
        _show(console, calm, busy, ledger)
        stack.flink.cancel(job)
    assert len(calm) >= 0.9 * CALM_S * OTHERS_PER_SECOND <= len(busy)
    assert statistics.median(busy) <= LARGEST_RATIO * statistics.median(calm)
    assert _p95(busy) <= LARGEST_RATIO * _p95(calm)
    assert ledger.balanced
    assert ledger.total().rejected["bot_quarantined"] == held_back(street.flood_ms) > 0


def held_back(times_ms: list[int]) -> int:
    """How many of one visitor's events: from the first that is one too many in its minute on, for the quarantine."""
    in_minute = Counter[int]()
    for place, at_ms in enumerate(times_ms):
        in_minute[at_ms // 60_000] += 1
        if in_minute[at_ms // 60_000] > Settings().bot_events_per_minute:
            return len(times_ms) - place
    return 0


def _settled(deployment: Deployment, street: Street) -> Ledger:
    deadline = time.monotonic() + 120
    while True:
        street.run(4, f"after-{time.time_ns()}", pace=0)  # heartbeats only: nothing new to wait for
        ledger = read_ledger(deployment.kafka_properties, read_letters(deployment.kafka_properties))
        if ledger.balanced or time.monotonic() > deadline:
            return ledger


def _p95(values: list[int]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _show(console: Console, calm: list[int], busy: list[int], ledger: Ledger) -> None:
    rows = {"calm": calm, f"with {FLOOD:,} events of one visitor": busy}
    for name, values in rows.items():
        console.print(f"{name}: median {statistics.median(values):.0f} ms, p95 {_p95(values):.0f} ms")
    console.print(f"rejected: {dict(Counter(ledger.total().rejected))}")
