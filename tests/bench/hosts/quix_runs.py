"""The way of Quix Streams: two processes of a consumer group; Kafka in, Kafka out."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from confluent_kafka import ConsumerGroupState, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.contracts.topics import DAY_MS, Topic
from stack.embedded import EmbeddedStack
from stack.runs.gate import Gate
from tests.bench.engine_run import time_of
from tests.bench.figures import CONSOLE
from tests.bench.hosts import processes, told
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
    python, told_in = python_with(f"quixstreams=={VERSION}"), folder / "told"
    told_in.mkdir(parents=True)
    with EmbeddedStack(folder / "stack", parts=("kafka",), console=CONSOLE) as stack:
        kafka = {"bootstrap.servers": stack.kafka.bootstrap_servers}
        gate, began = _fill(kafka, work), time.time()
        os.environ["BENCH_BROKERS"] = stack.kafka.bootstrap_servers
        command = [python, "-m", "tests.bench.hosts.quix_app"]
        running = [processes.start(command, told_in) for _ in range(PROCESSES)]
        try:
            _wait_for_group(kafka, running)
            opened = gate.open()
            assert opened is not None
            _wait_for_end(told_in, running)
            for one in running:
                one.terminate()
            assert [one.wait(60) for one in running] == [0] * PROCESSES
        finally:
            processes.end(running)
        found = processes.collected(work, told_in, began, opened)
    shutil.rmtree(folder / "stack" / "data")
    return found


def _fill(kafka: dict[str, str], work: Work) -> Gate:
    """Records whose key is the bucket already, in order of time: Quix is spared a topic to partition them anew."""
    topics = [NewTopic(_IN.name, _IN.partitions, 1), NewTopic(_OUT, _IN.partitions, 1)]
    admin = AdminClient(kafka)
    for future in admin.create_topics(topics).values():
        future.result(30)
    gate, last = Gate(kafka, _IN), 0
    producer = Producer({**kafka, "queue.buffering.max.messages": 1_000_000, "linger.ms": 5})
    for message in work.messages():
        last = time_of(message)
        _send(producer, bucket_of_message(message), message, last)
    for bucket in range(BUCKETS):
        for days in (10, 20):  # each closes the window before it
            _send(producer, bucket, END, last + days * DAY_MS)
    producer.flush()
    return gate


def _send(producer: Producer, bucket: int, value: bytes, at: int) -> None:
    while True:
        try:
            producer.produce(
                _IN.name, value=value, key=str(bucket), partition=bucket % _IN.partitions, timestamp=at
            )
            producer.poll(0)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def _wait_for_group(kafka: dict[str, str], running: list[subprocess.Popen[bytes]]) -> None:
    """Until every process has its partitions: a bucket that moves later would leave its live objects behind."""
    admin, end = AdminClient(kafka), time.monotonic() + 120
    while True:
        with contextlib.suppress(KafkaException):  # the group is not known yet
            found = admin.describe_consumer_groups([_GROUP])[_GROUP].result(30)
            if found.state == ConsumerGroupState.STABLE and len(found.members) == PROCESSES:
                return
        assert time.monotonic() < end and all(one.poll() is None for one in running)
        time.sleep(0.5)


def _wait_for_end(told_in: Path, running: list[subprocess.Popen[bytes]]) -> None:
    """Until the last message of every bucket was taken."""
    end = time.monotonic() + _DEADLINE_S
    while sum(map(len, told.read(sorted(told_in.glob("told-*.jsonl")))["found"])) < BUCKETS:
        assert time.monotonic() < end and all(one.poll() is None for one in running)
        time.sleep(0.5)
