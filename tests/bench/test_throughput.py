"""The same events through the same engine on several hosts, through what was before, and through plain SQL.

Each way has a stack of its own and runs twice: cold, then warm. Rates of different machines, or of one at
different hours, do not compare; nothing but ratios within one run is asserted.

FOOTFALL_BENCH_STREAMS: copies of the stream, comma separated. FOOTFALL_BENCH_WAYS: names of ways, comma separated.
FOOTFALL_BENCH_MOST: no more events of the stream than so many. FOOTFALL_BENCH_MEMORY: of the TaskManager.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.bench import before, figures, workload
from tests.bench.hosts import bytewax_runs, quix_runs
from tests.bench.stack_runs import Run, Way, ceiling_runs, suite_runs

COPIES = [int(each) for each in os.environ.get("FOOTFALL_BENCH_STREAMS", "1,2,5").split(",")]
MOST = figures.number("MOST", 0) or None
MEMORY = os.environ.get("FOOTFALL_BENCH_MEMORY", "")
SHIPPED, NO_INDEX, CEILING, BEFORE = "suite", "suite-no-index", "sql-ceiling", "before"
BYTEWAX, QUIX = "bytewax", "quix"
WAYS: dict[str, Way] = {
    CEILING: ceiling_runs,
    NO_INDEX: suite_runs("benchjobs.suite_without_index"),
    SHIPPED: suite_runs("jobs.suite"),
    BEFORE: before.runs,
    BYTEWAX: bytewax_runs.runs,
    QUIX: quix_runs.runs,
}
CHOSEN = os.environ.get("FOOTFALL_BENCH_WAYS", ",".join(WAYS)).split(",")
# (way, held against, at least so many times its rate), of warm runs.
LEAST = [(SHIPPED, BEFORE, 1.5), (NO_INDEX, CEILING, 0.05)]
ENOUGH = 200_000  # events; below, a run is over before it says anything
Found = dict[str, list[Run]]


@pytest.mark.parametrize("copies", COPIES)
def test_throughput(copies: int, tmp_path: Path) -> None:
    """All ways over one stream; what each says is held against the oracles before any figure is shown."""
    work = workload.make(tmp_path, copies, MOST)
    found = {way: WAYS[way](tmp_path / way, work, MEMORY) for way in CHOSEN}
    _show(work, found)
    figures.write(
        f"throughput-{copies}",
        source=work.source,
        copies=copies,
        events=work.events,
        memory=MEMORY or "as shipped",
        ways={way: [run.to_document() for run in runs] for way, runs in found.items()},
        ratios={f"{way}/{other}": _ratio(found, way, other) for way, other, _ in LEAST},
    )
    for way in CHOSEN:  # gigabytes
        shutil.rmtree(tmp_path / way / "data", ignore_errors=True)
    if work.events >= ENOUGH:
        for way, other, least in LEAST:
            ratio = _ratio(found, way, other)
            assert ratio is None or ratio >= least, f"{way} has {ratio:.2f} of the rate of {other}"


def _ratio(found: Found, way: str, other: str) -> float | None:
    """Of the second runs; None where one of them was not run or has not come to its end."""
    one, two = (found.get(each, []) for each in (way, other))
    return one[1].rate / two[1].rate if len(one) == len(two) == 2 else None


def _show(work: workload.Work, found: Found) -> None:
    rows = []
    for way, runs in found.items():
        for name, run in zip(("cold", "warm"), runs, strict=False):
            figures_of = (f"{run.rate:,.0f}", f"{run.work_s:.1f}", f"{run.start_s:.1f}")
            by_ten = " ".join(f"{rate / 1000:.1f}" for rate in run.by_ten_s)
            rows.append([f"{way}, {name}", *figures_of, run.jvm_mib, run.workers_mib, by_ten])
    head = ["", "events/s", "seconds", "start", "JVM MiB", "Python MiB", "1,000/s by ten seconds"]
    figures.show(f"{work.events:,} events of {work.source}", head, rows)
