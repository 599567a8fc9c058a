"""The way of bytewax: two processes, a worker each; files in, files out."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from stack.ports import free_ports
from tests.bench.hosts import processes
from tests.bench.hosts.engine_of_bucket import bucket_of_message
from tests.bench.hosts.environments import python_with
from tests.bench.stack_runs import Run
from tests.bench.workload import Work

VERSION = "0.21.1"
PROCESSES = 2
_SNAPSHOT_S = 30  # as Flink's checkpoints in a replay


def runs(folder: Path, work: Work, memory: str) -> list[Run]:
    """Twice; nothing is warm the second time, because nothing stays but the disk's cache."""
    python = python_with(f"bytewax=={VERSION}")
    return [_run(python, folder / str(number), work) for number in range(2)]


def _run(python: Path, folder: Path, work: Work) -> Run:
    _split(folder, work)
    recovery = folder / "recovery"
    recovery.mkdir()
    processes.run([python, "-m", "bytewax.recovery", recovery, str(PROCESSES)], folder)
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(PROCESSES))
    common = [python, "-m", "bytewax.run", "tests.bench.hosts.bytewax_flow:flow", "-a", addresses]
    common += ["-r", recovery, "-s", str(_SNAPSHOT_S), "-b", "0"]
    began = time.time()
    processes.run_together([[*common, "-i", str(number)] for number in range(PROCESSES)], folder)
    found = processes.collected(work, folder, began)
    shutil.rmtree(folder)
    return found


def _split(folder: Path, work: Work) -> None:
    """The events in as many files as there are processes, each bucket in one of them."""
    folder.mkdir(parents=True)
    files = [(folder / f"part-{number}.jsonl").open("wb", buffering=1 << 20) for number in range(PROCESSES)]
    for message in work.messages():
        files[bucket_of_message(message) % PROCESSES].write(message + b"\n")
    for file in files:
        file.close()
