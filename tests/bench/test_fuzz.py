"""Mutated messages, by default a million, through the running suite: no restart, a balanced ledger, bounded memory.

FOOTFALL_FUZZ_MESSAGES sizes it; with CI=true it is small. What it measured is written to
.footfall/bench/fuzz.json.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from rich.console import Console

from cli.deploy import Deployment
from connectors import topics
from jobs.settings import Settings
from stack.embedded import EmbeddedStack
from tests.fuzz_run import Fuzzer, allow_bytes, memory_of

SMALL = os.environ.get("CI", "").lower() == "true"
MESSAGES = int(os.environ.get("FOOTFALL_FUZZ_MESSAGES", "30000" if SMALL else "1000000"))
MEGABYTES = 0.0005  # of the messages have about one
ENORMOUS = 3 if SMALL else 20  # messages of ten
DEADLINE_S = 3_600.0
# Of the TaskManager, whose heap keeps what sessions and rules remember: 1.6 GB were full after 175,000 valid events.
MEMORY_MIB = 2_900 if SMALL else 8_192
JVM_MIB = MEMORY_MIB * 1.15  # and what the JVM takes beside it
WORKER_MIB = 600
JSON = Path(__file__).resolve().parents[2] / ".footfall" / "bench" / "fuzz.json"


def test_a_million_mutated_messages(tmp_path: Path) -> None:
    console = Console(stderr=True, width=140)
    memory = {"taskmanager.memory.process.size": f"{MEMORY_MIB}m"}
    with EmbeddedStack(tmp_path / "stack", console=console, flink_overrides=memory) as stack:
        # Minutes of event time go by in a second: a partition that is slow to start must be waited for.
        deployment = Deployment(stack, Settings({"idle_timeout_ms": 0}), tmp_path)
        deployment.prepare()
        allow_bytes(deployment, topics.EVENTS_RAW, 12_000_000)
        job = deployment.submit()
        stack.flink.wait_tasks_running(job, 300)
        fuzzer = Fuzzer(deployment, seed=int(time.time()), most=MESSAGES, megabytes=MEGABYTES)
        with memory_of(deployment) as peak:
            began = time.monotonic()
            fuzzer.feed(MESSAGES, ENORMOUS)
            fed = time.monotonic() - began
            ledger, letters = fuzzer.settled(DEADLINE_S)
            seconds = time.monotonic() - began
        surprises = fuzzer.surprises(letters)
        total = ledger.total()
        figures = {
            "messages": total.read,
            "valid": total.valid,
            "duplicate": total.duplicate,
            "late": total.late,
            "rejected": dict(total.rejected),
            "surprises": dict(surprises),
            "difference": total.difference(),
            "restarts": stack.flink.restarts(job),
            "fed_s": round(fed, 1),
            "seconds": round(seconds, 1),
            "jvm_mib": peak.jvm // 2**20,
            "python_mib": peak.python // 2**20,
            "processes": peak.workers,
        }
        console.print_json(data=figures)
        JSON.parent.mkdir(parents=True, exist_ok=True)
        JSON.write_text(json.dumps(figures, indent=2))
        assert stack.flink.job_state(job) == "RUNNING"
    assert figures["restarts"] == 0
    assert ledger.balanced
    assert peak.jvm / 2**20 <= JVM_MIB
    assert peak.python / 2**20 <= WORKER_MIB * peak.workers
    assert not surprises
