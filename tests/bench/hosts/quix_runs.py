"""The way of Quix Streams: two processes of a consumer group; Kafka in, Kafka out."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from connectors.contracts.topics import DAY_MS, Topic
from connectors.kafka.client import administrator
from connectors.kafka.writer import Writer
from stack.embedded import EmbeddedStack
from stack.runs.gate import Gate
from tests.bench.engine_run import time_of
from tests.bench.figures import CONSOLE
from tests.bench.hosts import processes, reports
from tests.bench.hosts.engine_of_bucket import BUCKETS, END, bucket_of_message
from tests.bench.hosts.environments import python_with
from tests.bench.stack_runs import Run
from tests.bench.workload import Work

VERSION = "3.28.1"
PROCESSES = 2
_IN = Topic("bench.quix", "bucket", "event/1", 4, "delete", -1, ("bench",), ("quix",))
_OUT, _GROUP = "bench.quix.documents", "bench-quix"  # as in quix_app.py, which this environment cannot import
_DEADLINE_S = 3_600


def runs(folder: Path, work: Work, memory: str) -> list[Run]:
    """Twice, each time with a broker and state of its own: nothing is warm but the disk's cache."""
    return [_run(folder / str(number), work) for number in range(2)]


def _run(folder: Path, work: Work) -> Run:
    python, reports_in = python_with(f"quixstreams=={VERSION}"), folder / "reports"
    reports_in.mkdir(parents=True)
    with EmbeddedStack(folder / "stack", parts=("kafka",), console=CONSOLE) as stack:
        kafka = {"bootstrap.servers": stack.kafka.bootstrap_servers}
        gate, began = _fill(kafka, work), time.time()
        os.environ["BENCH_BROKERS"] = stack.kafka.bootstrap_servers
        command = [python, "-m", "tests.bench.hosts.quix_app"]
        running = [processes.start(command, reports_in) for _ in range(PROCESSES)]
        try:
            _wait_for_group(kafka, running)
            opened = gate.open()
            assert opened is not None
            _wait_for_end(reports_in, running)
            for one in running:
                one.terminate()
            assert [one.wait(60) for one in running] == [0] * PROCESSES
        finally:
            processes.end(running)
        found = processes.collected(work, reports_in, began, opened)
    shutil.rmtree(folder / "stack" / "data")
    return found


def _fill(kafka: dict[str, str], work: Work) -> Gate:
    """Records whose key is the bucket already, in order of time: Quix is spared a topic to partition them anew."""
    shape = {"num_partitions": _IN.partitions, "replication_factor": 1}
    with administrator(kafka) as admin:
        admin.create_topics({_IN.name: shape, _OUT: shape}, wait_for_metadata=True)
    gate, last = Gate(kafka, _IN), 0
    writer = Writer(kafka, linger_ms=5, batch_size=400_000)
    for message in work.messages():
        last = time_of(message)
        _send(writer, bucket_of_message(message), message, last)
    for bucket in range(BUCKETS):
        for days in (10, 20):  # each closes the window before it
            _send(writer, bucket, END, last + days * DAY_MS)
    writer.flush()
    writer.close()
    return gate


def _send(writer: Writer, bucket: int, value: bytes, at: int) -> None:
    partition = bucket % _IN.partitions
    writer.write(_IN.name, value, str(bucket), partition=partition, timestamp_ms=at)


def _wait_for_group(kafka: dict[str, str], running: list[subprocess.Popen[bytes]]) -> None:
    """Until every process has its partitions: a bucket that moves later would leave its live objects behind."""
    end = time.monotonic() + 120
    with administrator(kafka) as admin:
        while not _is_whole(admin):
            assert time.monotonic() < end and all(one.poll() is None for one in running)
            time.sleep(0.5)


def _is_whole(admin: KafkaAdminClient) -> bool:
    with contextlib.suppress(KafkaError):  # the group is not known yet
        found = admin.describe_groups([_GROUP])[_GROUP]
        return found["group_state"] == "Stable" and len(found["members"]) == PROCESSES
    return False


def _wait_for_end(reports_in: Path, running: list[subprocess.Popen[bytes]]) -> None:
    """Until the last message of every bucket was taken."""
    end = time.monotonic() + _DEADLINE_S
    while sum(map(len, reports.read(sorted(reports_in.glob("report-*.jsonl")))["found"])) < BUCKETS:
        assert time.monotonic() < end and all(one.poll() is None for one in running)
        time.sleep(0.5)
