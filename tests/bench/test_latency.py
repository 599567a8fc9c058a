"""How late a live signal can be found in the index, at 500 and at 3,000 events a second of the generated shop.

FOOTFALL_BENCH_SECONDS sizes it.
"""

from __future__ import annotations

import statistics
import time
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console

from jobs.settings import Settings
from stack.runs.feed import Feeder
from stack.runs.live import Watch, run_shop, wait_for_balance
from stack.runs.run_settings import LIVE_SETTINGS
from tests.bench import figures
from tests.bench.stack_runs import Stack, fresh_stack
from tests.fuzz_run import memory_of

SECONDS = figures.number("SECONDS", 120)
WARM_UP_S = SECONDS // 2
RATES = (500.0, 3_000.0)
QUICK_RATE = 1_000.0  # as scripts/run: up to so many Java compiles for a quick start
LARGEST_RATIO = 10.0


def test_latency(tmp_path: Path) -> None:
    """The suite as shipped with the settings of a demonstration, after half as long a warm-up."""
    found = {}
    for rate in RATES:
        quick = rate <= QUICK_RATE
        with fresh_stack(tmp_path / f"{rate:.0f}", settings=Settings.of(LIVE_SETTINGS), quick=quick) as stack:
            found[f"{rate:,.0f}/s"] = _measured(stack, rate)
    head = next(iter(found.values()))
    rows = [[rate, *(f"{value:,.0f}" for value in row.values())] for rate, row in found.items()]
    figures.show(f"{SECONDS} s live; ms from event time to found", ["events", *head], rows)
    figures.write("latency", seconds=SECONDS, by_rate=found)
    slow, fast = (row["p99 ms"] for row in found.values())
    assert fast <= LARGEST_RATIO * slow


def _measured(stack: Stack, rate: float) -> dict[str, Any]:
    deployment = stack.deployment
    deployment.prepare()
    stack.flink.wait_tasks_running(stack.submit("jobs.suite"), 300)
    feeder, watch = Feeder(deployment.kafka_properties), Watch(deployment.client, Console(quiet=True))
    shop: dict[str, Any] = {"rate": rate, "cart_timeout_ms": deployment.settings.cart_timeout_ms}
    run_shop(feeder, seed=1, seconds=WARM_UP_S, **shop)
    with memory_of(deployment) as peak:
        with watch.looking():
            run_shop(feeder, seed=2, seconds=5, **shop)
            watch.since_ms = int(time.time() * 1000)  # what was there before is caught up with
            watch.latencies_ms.clear()
            run_shop(feeder, seed=3, seconds=SECONDS, **shop)
            late = sorted(chain.from_iterable(list(watch.latencies_ms.values())))
        ledger = wait_for_balance(deployment, feeder, 120)
    assert ledger.balanced
    cuts, detected = (
        statistics.quantiles(values, n=100) for values in (late, _detected(stack, watch.since_ms))
    )
    mib = {"JVM MiB": peak.jvm // 2**20, "Python MiB": peak.python // 2**20}
    of_jobs = {"detected p50 ms": detected[49], "detected p99 ms": detected[98]}
    return {
        "signals": len(late),
        "p50 ms": cuts[49],
        "p90 ms": cuts[89],
        "p99 ms": cuts[98],
        **of_jobs,
        **mib,
    }


def _detected(stack: Stack, since_ms: int) -> list[int]:
    """The same up to the moment at which the engine wrote the signal."""
    return [
        signal["detected_at_ms"] - signal["version"]
        for signal in stack.signals()
        if signal["version"] >= since_ms
    ]
