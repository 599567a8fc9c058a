"""What another rule costs: the suite with the shipped pack, and with ten rules more.

Ten, because one alone would be lost in what runs differ by. FOOTFALL_BENCH_EVENTS sizes it; with CI=true it is small.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from rich.console import Console

from cli.run_settings import REPLAY_FLINK
from stack.embedded import EmbeddedStack
from state.rules.pack import SHIPPED, load
from tests.bench import workload
from tests.bench.cluster import SLOTS, BenchCluster
from tests.rule_copies import write_rule

SMALL = os.environ.get("CI", "").lower() == "true"
EVENTS = int(os.environ.get("FOOTFALL_BENCH_EVENTS", "60000" if SMALL else "400000"))
MORE = 10
MOST_OF_ONE = 0.05
COPY = "_again"


def write_pack(folder: Path, more: int) -> dict[str, str]:
    """The setting of the shipped pack with so many copies of its rules under other names."""
    folder.mkdir()
    for number, one in enumerate(load([SHIPPED])):
        write_rule(folder, one)
        if number < more:
            write_rule(folder, one, COPY)
    return {"rules_dir": str(folder)}


def test_another_rule_costs_less_than_a_twentieth(tmp_path: Path) -> None:
    """In turn, and the second round counts; what a copy finds is what its original finds."""
    work = workload.make(tmp_path, EVENTS, 1_000).whole
    packs = {more: write_pack(tmp_path / f"pack-{more}", more) for more in (0, MORE)}
    rates: dict[int, float] = {}
    console = Console(stderr=True)
    with EmbeddedStack(
        tmp_path / "stack", slots=SLOTS, flink_overrides=REPLAY_FLINK, console=console
    ) as stack:
        cluster = BenchCluster(stack, tmp_path, console)
        for more in (*packs, *packs):
            times = cluster.run_on_events("suite_without_index", work, scoring=False, **packs[more])
            rates[more] = work.events / times.working
            assert cluster.signals() == work.truth.signals
            found = Counter(one["kind"] for one in cluster.signal_documents())
            copied = {name: count for name, count in found.items() if name.endswith(COPY)}
            assert copied == {name: found[name.removesuffix(COPY)] for name in copied}
            assert bool(copied) == bool(more)
    each = (1 - rates[MORE] / rates[0]) / MORE
    console.print(f"{rates[0]:,.0f} events/s, with {MORE} rules more {rates[MORE]:,.0f}: {each:.1%} each")
    assert each < MOST_OF_ONE
