"""Runs a host's processes, and makes a run of what they have told."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from stack.package import ROOT
from tests.bench.hosts import reports
from tests.bench.progress import Look, rates
from tests.bench.stack_runs import Run
from tests.bench.workload import Work

_DEADLINE_S = 3_600
Command = Sequence[str | Path]


def environment(folder: Path) -> dict[str, str]:
    """What a host's process is told."""
    ours = {"BENCH_FOLDER": str(folder), "BENCH_MODELS": str(ROOT / "model_artifacts")}
    return {**os.environ, "PYTHONPATH": str(ROOT), **ours}


def run(command: Command, folder: Path) -> None:
    """Runs one to its end.

    Raises:
        CalledProcessError: it has failed.
    """
    subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment(folder), check=True, timeout=_DEADLINE_S
    )


def start(command: Command, folder: Path) -> subprocess.Popen[bytes]:
    """Starts one."""
    return subprocess.Popen(list(map(str, command)), cwd=ROOT, env=environment(folder))


def run_together(commands: Sequence[Command], folder: Path) -> None:
    """Runs several to the end of all.

    Raises:
        AssertionError: one has failed.
    """
    running = [start(command, folder) for command in commands]
    try:
        assert [one.wait(_DEADLINE_S) for one in running] == [0] * len(running)
    finally:
        end(running)


def end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ends those that still run."""
    for one in running:
        one.kill()
        one.wait()


def collected(work: Work, folder: Path, began: float, opened: float | None = None) -> Run:
    """The run that the processes' files tell of, held against the oracles.

    Work is from when events could flow (`opened`, else the first slice that one has taken) to the last word of all.
    """
    report = reports.read(sorted(folder.glob("report-*.jsonl")))
    looks = _together(report["look"])
    found = [one for process in report["found"] for one in process]
    first = opened or looks[0][0]
    carts = Counter(tuple(cart) for one in found for cart in one["carts"])
    assert carts == work.truth.carts
    sessions = sum(one["sessions"] for one in found)
    assert sessions == work.truth.sessions
    mib = sum(max(one["mib"] for one in process) for process in report["found"] if process)
    last = looks[-1][0]
    by_ten_s = rates(looks, first, last, work.events)
    return Run(work.events, first - began, last - first, by_ten_s, 0, mib, carts, sessions)


def _together(processes: list[list[Look]]) -> list[Look]:
    """How many events all have taken by when, of what each has taken by when."""
    steps = sorted(
        (at, count - before)
        for looks in processes
        for (at, count), before in zip(looks, [0, *(count for _, count in looks)], strict=False)
    )
    return list(zip((at for at, _ in steps), accumulate(step for _, step in steps), strict=True))
