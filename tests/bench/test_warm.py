"""What the suite does once Java is warm and state has grown: the second half of a long run.

A job brings code of its own, which Java compiles for minutes; one that runs for months does not care. So the ceiling, the
suite with the whole pack of rules and the suite as shipped each read minutes of events, and their second halves count.
FOOTFALL_BENCH_EVENTS sizes it; with CI=true it is small, and says nothing of warmth: a run that is
over within a second has no second half.
"""

from __future__ import annotations

import os
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from cli.run_settings import REPLAY_FLINK
from stack.embedded import EmbeddedStack
from tests.bench import workload
from tests.bench.cluster import SLOTS, BenchCluster, Times

SMALL = os.environ.get("CI", "").lower() == "true"
EVENTS = int(os.environ.get("FOOTFALL_BENCH_EVENTS", "60000" if SMALL else "1200000"))
MEMORY = os.environ.get("FOOTFALL_BENCH_MEMORY", "3g" if SMALL else "9g")
JSON = Path(__file__).resolve().parents[2] / ".footfall" / "bench" / "warm.json"
CEILING, PACK, SHIPPED = "SQL ceiling", "all rules; index off, no models", "the suite as shipped"


def test_the_suite_gets_faster_as_it_runs(tmp_path: Path) -> None:
    """The answers are right; state that grows does not eat what warmth gives."""
    work, console = workload.make(tmp_path, EVENTS, 1_000).whole, Console(stderr=True)
    overrides = {**REPLAY_FLINK, "taskmanager.memory.process.size": MEMORY}
    with EmbeddedStack(tmp_path / "stack", slots=SLOTS, flink_overrides=overrides, console=console) as stack:
        cluster = BenchCluster(stack, tmp_path, console)
        runs = {CEILING: cluster.run_on_events("session_ceiling", work)}
        runs[PACK] = cluster.run_on_events("suite_without_index", work, scoring=False)
        assert cluster.signals() == work.truth.signals
        runs[SHIPPED] = cluster.run_suite(work)
        assert cluster.signals() == work.truth.signals
    _show(console, work.events, runs)
    assert all(times.second_half < times.working / 2 for times in runs.values() if times.second_half)


def _show(console: Console, events: int, runs: dict[str, Times]) -> None:
    rows = {
        way: (events / times.working, events / 2 / (times.second_half or times.working / 2))
        for way, times in runs.items()
    }
    table = Table("", "events/s, whole run", "second half", "of the ceiling", title=f"{events:,} events")
    for way, (whole, warm) in rows.items():
        table.add_row(way, f"{whole:,.0f}", f"{warm:,.0f}", f"{warm / rows[CEILING][1]:.2f}")
    console.print(table)
    JSON.parent.mkdir(parents=True, exist_ok=True)
    JSON.write_bytes(orjson.dumps({"events": events, "events_per_second": rows}, option=orjson.OPT_INDENT_2))
