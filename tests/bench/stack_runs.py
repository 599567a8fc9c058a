"""The benchmarks' side of the embedded stack: feeds it, runs jobs on it to their end, reads their answers."""

from __future__ import annotations

import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.flink.rest import TERMINAL_STATES
from connectors.kafka.topic_reader import end_offsets, read_topic
from jobs.offline.ledger import read_ledger
from jobs.settings import Settings, Value
from stack.embedded import EmbeddedStack
from stack.package import pack
from stack.runs.assignments import arguments
from stack.runs.deploy import Deployment, drop_all
from stack.runs.gate import Gate
from stack.runs.replay import feed_file
from stack.runs.run_settings import REPLAY_FLINK, REPLAY_SETTINGS
from tests.bench.figures import CONSOLE
from tests.bench.progress import Progress, rates
from tests.bench.workload import Found, Work
from tests.fuzz_run import memory_of

SLOTS = 2
BOUNDED = Settings.of({"bounded": True, **REPLAY_SETTINGS})
_JOBS = Path(__file__).parent / "benchjobs"
_START_DEADLINE_S, _JOB_DEADLINE_S, _LOOK_S = 300.0, 1_800.0, 1.0


@dataclass
class Run:
    """One run.

    Attributes:
        events: how many.
        start_s: until everything ran and waited for events; work_s: from the first event to the end.
        by_ten_s: events a second in each ten seconds.
        jvm_mib, workers_mib: highest resident memory of the TaskManager and of the Python workers together.
        carts: (visitor_id, fires_at_ms, status) of every abandoned cart that was told.
        sessions: how many are over; None where the way does not keep them.
    """

    events: int
    start_s: float
    work_s: float
    by_ten_s: list[float] = field(default_factory=list)
    jvm_mib: int = 0
    workers_mib: int = 0
    carts: Found = field(default_factory=Counter, repr=False)
    sessions: int | None = None

    @property
    def rate(self) -> float:
        """Events a second; start-up is not work."""
        return self.events / self.work_s

    def to_document(self) -> dict[str, Any]:
        """The figures, without the answers."""
        return {"events_per_second": round(self.rate, 1), **asdict(self), "carts": self.carts.total()}


class Stack:
    """A running stack; each run on it finds topics and indices as on the first day."""

    def __init__(self, stack: EmbeddedStack, workdir: Path, settings: Settings = BOUNDED) -> None:
        self.deployment = Deployment(stack, settings, workdir)
        self.flink, self._kafka = stack.flink, self.deployment.kafka_properties
        self._package = add_bench_jobs(pack(workdir / "bench.zip"))

    def run(self, module: str, work: Work, **settings: Value) -> Run:
        """Runs a job over the work. Events lie behind a gate until every task runs."""
        gate, began = self._fill(work), time.time()
        job = self.submit(module, read_until_ms=self._newest_ms, **settings)
        self.flink.wait_tasks_running(job, _START_DEADLINE_S)
        opened = gate.open()
        assert opened is not None, "the gate did not hold until the job ran: feed less"
        progress = Progress(self.flink.rest_url, job)
        with memory_of(self.deployment) as peak:
            self._wait(job, progress)
        ended = self.flink.ended_at_ms(job) / 1000
        CONSOLE.print(f"{module}: {ended - opened:.1f} s of work after {opened - began:.1f} s")
        by_ten_s = rates(progress.looks, opened, ended, work.events)
        mib = (peak.jvm // 2**20, peak.python // 2**20)
        return Run(work.events, opened - began, ended - opened, by_ten_s, *mib)

    def submit(self, module: str, from_savepoint: str | None = None, **settings: Value) -> str:
        """Submits a job of jobs/ or benchjobs/; returns its id."""
        chosen = self.deployment.settings.replace(**settings)
        more = {"parallelism": chosen.parallelism, "from_savepoint": from_savepoint}
        return self.flink.run(module, self._package, arguments(chosen), **more)

    def run_suite(self, work: Work, module: str = "jobs.suite", **settings: Value) -> Run:
        """Runs a suite, and holds what it says against the oracles: nothing counts that is not right."""
        found = self.run(module, work, **settings)
        found.carts = carts_of(self.signals())
        assert found.carts == work.truth.carts
        ledger = read_ledger(self._kafka, {})
        assert ledger.balanced and ledger.total().valid == work.events
        if module == "jobs.suite":
            found.sessions = self.indexed(indices.SESSIONS.alias)
            assert found.sessions == work.truth.sessions
        return found

    def signals(self) -> Iterator[dict[str, Any]]:
        """Every message in the topic of signals, of whatever rule."""
        return (orjson.loads(one.value) for one in read_topic(self._kafka, topics.SIGNALS.name))

    def indexed(self, alias: str) -> int:
        """How many documents the index holds."""
        self.deployment.client.indices.refresh(index=alias)
        return int(self.deployment.client.count(index=alias)["count"])

    def rows(self, topic: topics.Topic) -> int:
        """How many records the topic has had."""
        return sum(end_offsets(self._kafka, topic.name).values())

    def _wait(self, job: str, progress: Progress) -> None:
        end = time.monotonic() + _JOB_DEADLINE_S
        while self.flink.job_state(job) not in TERMINAL_STATES and time.monotonic() < end:
            progress.look()
            time.sleep(_LOOK_S)
        self.flink.wait_job(job, {"FINISHED"}, max(0.0, end - time.monotonic()))

    def empty(self) -> None:
        """Topics and indices as on the first day."""
        drop_all(self._kafka, self.deployment.client)
        self.deployment.prepare()

    def _fill(self, work: Work) -> Gate:
        self.empty()
        gate = Gate(self._kafka, topics.EVENTS_RAW)
        self._newest_ms = feed_file(self.deployment, work.path, CONSOLE, taken=1).newest_ms
        return gate


def carts_of(signals: Iterator[dict[str, Any]]) -> Found:
    """What was said of abandoned carts."""
    carts = (one for one in signals if one["kind"] == "cart_abandoned")
    return Counter((one["visitor_id"], one["occurred_at_ms"], one["status"]) for one in carts)


@contextmanager
def fresh_stack(folder: Path, memory: str = "", settings: Settings = BOUNDED, **more: Any) -> Iterator[Stack]:
    """A stack of its own.

    Args:
        folder: of the stack.
        memory: of the TaskManager; empty is what flink-conf/config.yaml has.
        settings: of the jobs.
        more: as EmbeddedStack takes it.
    """
    flink = dict(REPLAY_FLINK) if settings.bounded else {}
    flink |= {"taskmanager.memory.process.size": memory} if memory else {}
    flink |= more.pop("flink_overrides", {})
    with EmbeddedStack(folder, slots=SLOTS, flink_overrides=flink, console=CONSOLE, **more) as stack:
        yield Stack(stack, folder, settings)


def add_bench_jobs(package: Path) -> Path:
    """Puts benchjobs/ into the zip, which `pack` leaves out so that no production package has it."""
    with zipfile.ZipFile(package, "a", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_JOBS.glob("*.py")):
            archive.write(path, f"{_JOBS.name}/{path.name}")
    return package


Way = Callable[[Path, Work, str], list[Run]]


def suite_runs(module: str, **settings: Value) -> Way:
    """The way of a suite: twice on a fresh stack, the first time cold."""

    def runs(folder: Path, work: Work, memory: str) -> list[Run]:
        with fresh_stack(folder, memory) as stack:
            return [stack.run_suite(work, module, **settings) for _ in range(2)]

    return runs


def ceiling_runs(folder: Path, work: Work, memory: str) -> list[Run]:
    """The way of the ceiling; it has no answer to check."""
    with fresh_stack(folder, memory) as stack:
        return [stack.run("benchjobs.session_ceiling", work) for _ in range(2)]
