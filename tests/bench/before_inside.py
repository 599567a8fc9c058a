"""Runs inside the checkout of the commit before (tests/bench/before.py): every import but the libraries is that one's.

Arguments: folder of the stack, file of events, how many these are, the TaskManager's memory or '', where to
write what was found: a list of runs, written again after each.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
from cli.run_settings import REPLAY_FLINK
from rich.console import Console
from stack.flink_rest import TERMINAL_STATES
from tests.bench.cluster import SLOTS, BenchCluster

from connectors import indices
from stack.embedded import EmbeddedStack
from tests.bench.progress import Progress
from tests.fuzz_run import memory_of

_DEADLINE_S = 1_800.0


class Watched(BenchCluster):  # type: ignore[misc]
    """The benchmark's cluster of that commit; it also remembers how its runs came on."""

    def _watch(self, job: str) -> None:
        progress, end = Progress(self._flink.rest_url, job), time.monotonic() + _DEADLINE_S
        with memory_of(self.deployment) as peak:
            while self._flink.job_state(job) not in TERMINAL_STATES and time.monotonic() < end:
                progress.look()
                time.sleep(1)
        self._flink.wait_job(job, {"FINISHED"}, max(0.0, end - time.monotonic()))
        self.looks, self.peak, self.ended = progress._seen, peak, self._flink.ended_at_ms(job) / 1000


def measured(cluster: Watched, work: Any) -> dict[str, Any]:
    """One run of the suite as it was shipped."""
    times = cluster.run_suite(work)
    return {
        "start_s": times.start_up,
        "opened": cluster.ended - times.working,
        "ended": cluster.ended,
        "looks": cluster.looks,
        "jvm": cluster.peak.jvm,
        "python": cluster.peak.python,
        "carts": list(cluster.signals().items()),
        "sessions": cluster.indexed(indices.SESSIONS),
    }


def main(folder: Path, file: Path, events: int, memory: str, given: Path) -> None:
    """Twice on one stack."""
    overrides = {**REPLAY_FLINK, **({"taskmanager.memory.process.size": memory} if memory else {})}
    work, console, found = SimpleNamespace(path=file, events=events), Console(stderr=True), []
    with EmbeddedStack(folder / "stack", slots=SLOTS, flink_overrides=overrides, console=console) as stack:
        cluster = Watched(stack, folder, console)
        for _ in range(2):
            found.append(measured(cluster, work))
            given.write_bytes(orjson.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5]))
