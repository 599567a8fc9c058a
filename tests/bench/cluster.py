"""The benchmark's side of the stack: feeds it, runs jobs on it to their end, reads their answers."""

from __future__ import annotations

import os
import sys
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console

from cli.assignments import arguments
from cli.deploy import Deployment
from cli.feed import look_at
from cli.gate import Gate
from cli.ledger import read_ledger
from cli.package import pack
from cli.replay import feed_file
from cli.run_settings import REPLAY_SETTINGS
from cli.topic_reader import read_topic
from connectors import topics
from connectors.admin import drop_all
from connectors.events import HEARTBEAT_TYPE
from connectors.indices import Index
from connectors.topics import Topic
from jobs.settings import Settings, Value
from stack.embedded import EmbeddedStack
from stack.flink_rest import TERMINAL_STATES
from stack.processes import ManagedProcess
from tests.bench.benchjobs.ends import NAIVE, SLICE
from tests.bench.progress import Progress
from tests.bench.workload import Found, Work

# Footfall's many tasks keep two cores busy with one instance of each; jobs of a few tasks need one for each core.
SLOTS = 2
SIMPLE_JOBS = frozenset({"session_ceiling", "parse_only", "naive"})
_JOBS = Path(__file__).parent / "benchjobs"
_START_DEADLINE_S, _JOB_DEADLINE_S = 300.0, 1_800.0
_WAIT_S = 30.0
_LOOK_S = 0.5


@dataclass(frozen=True)
class Times:
    """Of one run, in seconds: until everything ran and waited for events; from the first event to the end.

    The second half is counted from when the source had handed on half of it; None: that was not seen.
    """

    start_up: float
    working: float
    second_half: float | None = None


class BenchCluster:
    """The stack; each run finds topics and indices as on the first day, so that the runs are alike."""

    def __init__(self, stack: EmbeddedStack, workdir: Path, console: Console) -> None:
        settings = Settings({"bounded": True, **REPLAY_SETTINGS})
        self.deployment = Deployment(stack, settings, workdir)
        self._flink, self._console = stack.flink, console
        self._kafka = self.deployment.kafka_properties
        self._last_job = ""
        self._production, self._bench = workdir / "suite.zip", workdir / "bench.zip"
        add_bench_jobs(pack(self._bench))

    def run_suite(self, work: Work) -> Times:
        """Runs the shipped suite over the work."""
        return self._run("jobs.suite", self._production, self._fill_events(work))

    def run_on_events(self, job: str, work: Work, **settings: Value) -> Times:
        """Runs a job of benchjobs/ that reads what the suite reads, with settings of its own."""
        return self._run(f"benchjobs.{job}", self._bench, self._fill_events(work), of_job(job) | settings)

    def run_beside_indexer(
        self, job: str, work: Work, documents: Sequence[tuple[Index, int]], **settings: Value
    ) -> Times:
        """Runs a job of benchjobs/ with tests/bench/indexer.py; the work ends when all documents are found."""
        gate = self._fill_events(work)
        log = self.deployment.stack.flink.log_dir / "indexer.log"
        command = [sys.executable, "-m", "tests.bench.indexer"]
        ends = [self._kafka["bootstrap.servers"], self.deployment.settings.elasticsearch_url]
        indexer = ManagedProcess("indexer", [*command, *ends], log, dict(os.environ))
        indexer.start()
        try:
            times = self._run(f"benchjobs.{job}", self._bench, gate, settings)
            opened = self._flink.ended_at_ms(self._last_job) / 1000 - times.working
            while any(self.indexed(index) < count for index, count in documents):
                assert time.time() < opened + _JOB_DEADLINE_S, "documents are missing in the index"
                time.sleep(0.1)
            return Times(times.start_up, time.time() - opened)
        finally:
            indexer.stop()

    def run_on_slice(self, job: str, work: Work) -> Times:
        """Runs a job of benchjobs/ that reads the slice."""
        return self._run(f"benchjobs.{job}", self._bench, self._fill_slice(work), of_job(job))

    def signals(self) -> Found:
        """(visitor_id, fires_at_ms, status) of every abandoned cart in the topic of signals."""
        carts = (one for one in self.signal_documents() if one["kind"] == "cart_abandoned")
        return Counter((one["visitor_id"], one["occurred_at_ms"], one["status"]) for one in carts)

    def signal_documents(self) -> Iterator[dict[str, Any]]:
        """Every message in the topic of signals, of whatever rule."""
        return (orjson.loads(message.value()) for message in self._messages(topics.SIGNALS))

    def naive_answers(self) -> Found:
        """(kind, visitor_id, numbers …) of every message of a naive job."""
        messages = ((message.key().decode(), message.value()) for message in self._messages(NAIVE))
        rows = ((key, *value.decode().split()) for key, value in messages if key != HEARTBEAT_TYPE)
        return Counter((kind, visitor, *map(int, numbers)) for visitor, kind, *numbers in rows)

    def indexed(self, index: Index) -> int:
        """How many documents the index holds."""
        client = self.deployment.client
        client.indices.refresh(index=index.alias)
        return int(client.count(index=index.alias)["count"])

    def valid(self) -> int:
        """How many events the ledger says were valid; every message is accounted for."""
        ledger = read_ledger(self._kafka, {})
        assert ledger.balanced
        return ledger.total().valid

    def run_gated(self, module: str, first: Sequence[str], gate: Gate, **settings: Value) -> Times:
        """Runs a job of benchjobs/ with arguments of its own over what the caller has put behind the gate."""
        return self._run(module, self._bench, gate, settings, first)

    def _run(
        self,
        module: str,
        package: Path,
        gate: Gate,
        settings: Mapping[str, Value] = MappingProxyType({}),
        first: Sequence[str] = (),
    ) -> Times:
        began, chosen = time.time(), self.deployment.settings.replace(**settings)
        argv = [*first, *arguments(chosen)]
        job = self._last_job = self._flink.run(module, package, argv, parallelism=chosen.parallelism)
        self._flink.wait_tasks_running(job, _START_DEADLINE_S)
        opened = gate.open()
        assert opened is not None, "the gate did not hold until the job ran: feed less"
        half_at = self._watch(job)
        ended = self._flink.ended_at_ms(job) / 1000
        times = Times(opened - began, ended - opened, half_at and ended - half_at)
        self._console.print(f"{module}: {times.working:.1f} s of work after {times.start_up:.1f} s")
        return times

    def _watch(self, job: str) -> float | None:
        """Waits for the end of the job; when half of the work was done, if that was seen."""
        progress, end = Progress(self._flink.rest_url, job), time.monotonic() + _JOB_DEADLINE_S
        while self._flink.job_state(job) not in TERMINAL_STATES and time.monotonic() < end:
            progress.look()
            time.sleep(_LOOK_S)
        self._flink.wait_job(job, {"FINISHED"}, max(0.0, end - time.monotonic()))
        return progress.half_at()

    def _fill_events(self, work: Work) -> Gate:
        drop_all(self._kafka, self.deployment.client)
        self.deployment.prepare()
        gate = Gate(self._kafka, topics.EVENTS_RAW)
        feed_file(self.deployment, work.path, self._console)
        return gate

    def _fill_slice(self, work: Work) -> Gate:
        self.renew(SLICE, NAIVE)
        gate = Gate(self._kafka, SLICE)
        producer = Producer({**self._kafka, "queue.buffering.max.messages": work.events + 1})
        for line in work.path.read_bytes().splitlines():
            key = look_at(line).key or ""
            partition = zlib.crc32(key.encode()) % SLICE.partitions
            producer.produce(SLICE.name, value=line, key=key, partition=partition)
        producer.flush()
        return gate

    def renew(self, *rows: Topic) -> None:
        """Makes the topics anew, empty."""
        admin, names = AdminClient(self._kafka), {row.name for row in rows}
        there = names & set(admin.list_topics(timeout=_WAIT_S).topics)
        for future in admin.delete_topics(sorted(there)).values() if there else ():
            future.result(_WAIT_S)
        while names & set(admin.list_topics(timeout=_WAIT_S).topics):
            time.sleep(0.1)
        for future in admin.create_topics([NewTopic(row.name, row.partitions, 1) for row in rows]).values():
            future.result(_WAIT_S)

    def _messages(self, topic: Topic) -> Iterator[Message]:
        return read_topic(self._kafka, topic.name)


def of_job(job: str) -> dict[str, Value]:
    """Settings that the job has to itself."""
    return {"parallelism": SLOTS} if job in SIMPLE_JOBS else {}


def add_bench_jobs(package: Path) -> None:
    """Puts benchjobs/ into the zip, which `pack` leaves out so that no production package has it."""
    with zipfile.ZipFile(package, "a", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_JOBS.glob("*.py")):
            archive.write(path, f"{_JOBS.name}/{path.name}")
