"""Mutated messages through the running suite on its default memory: no restart, a balanced ledger, no surprise.

FOOTFALL_FUZZ_MESSAGES sizes it: 100,000 unless told; a million is what is asked of a release.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from connectors.contracts import topics
from jobs.settings import Settings
from stack.flink_config import SOURCE, get_value, load
from tests.bench import figures
from tests.bench.stack_runs import fresh_stack
from tests.fuzz_run import Fuzzer, allow_bytes, memory_of

MESSAGES = int(os.environ.get("FOOTFALL_FUZZ_MESSAGES", "100000"))
MEGABYTES = 0.0005  # of the messages have about one
ENORMOUS = min(20, 3 + MESSAGES // 50_000)  # messages of ten
DEADLINE_S = 3_600.0
MEMORY_MIB = int(get_value(load(SOURCE / "config.yaml"), "taskmanager.memory.process.size").rstrip("m"))
JVM_MIB = MEMORY_MIB * 1.15  # and what the JVM takes beside it
WORKER_MIB = 600


def test_mutated_messages(tmp_path: Path) -> None:
    # Minutes of event time go by in a second: a partition that is slow to start must be waited for.
    with fresh_stack(tmp_path / "stack", settings=Settings(idle_timeout_ms=0)) as stack:
        deployment = stack.deployment
        deployment.prepare()
        allow_bytes(deployment, topics.EVENTS_RAW, 12_000_000)
        job = stack.submit("jobs.suite")
        stack.flink.wait_tasks_running(job, 300)
        fuzzer = Fuzzer(deployment, seed=int(time.time()), most=MESSAGES, megabytes=MEGABYTES)
        with memory_of(deployment) as peak:
            began = time.monotonic()
            fuzzer.feed(MESSAGES, ENORMOUS)
            fed = time.monotonic() - began
            ledger, letters = fuzzer.settled(DEADLINE_S)
            seconds = time.monotonic() - began
        surprises, total = fuzzer.surprises(letters), ledger.total()
        found = {
            "read": total.read,
            "valid": total.valid,
            "duplicate": total.duplicate,
            "late": total.late,
            "rejected": total.rejected.total(),
            "difference": total.difference(),
            "restarts": stack.flink.restarts(job),
            "seconds, fed": round(fed, 1),
            "seconds": round(seconds, 1),
            "JVM MiB": peak.jvm // 2**20,
            "Python MiB": peak.python // 2**20,
        }
        state = stack.flink.job_state(job)
    figures.show("mutated messages", ["", ""], [[name, f"{value:,}"] for name, value in found.items()])
    figures.write("fuzz", figures=found, surprises=dict(surprises), rejected=dict(total.rejected))
    assert state == "RUNNING" and found["restarts"] == 0
    assert ledger.balanced
    assert peak.jvm / 2**20 <= JVM_MIB and peak.python / 2**20 <= WORKER_MIB * peak.workers
    assert not surprises
