"""Flink's side: jobs, restarts, checkpoints, back-pressure, event time, garbage, what workers refuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs.offline.doctor.causes import Finding, skewed

Json = dict[str, Any]
NEEDED = ("footfall-suite", "footfall-visitors")  # one of them makes the signals
LONG_AGO_MS = 15 * 60_000  # a restart that is older is history
_CHECKPOINT_INTERVALS, _LEAST_CHECKPOINT_MS = 5, 60_000
_PRESSED, _BUSY, _COLLECTING = 0.5, 0.8, 0.1


@dataclass
class Job:
    """What Flink says of one job.

    Attributes:
        name: of the job; state: RUNNING, FAILED and so on.
        exceptions: (epoch ms, first line) of its failures, the newest first.
        checkpoints: the answer about checkpoints; interval_ms: how often they are made.
        before, after: vertices with their accumulated times, at two looks; seconds: between the looks.
        inputs: ids of the vertices before each vertex.
        event_time: watermark or None, the task, and the partition that holds it back.
        counters: sums over subtasks of the metrics that workers count refusals in.
        parameters: what the job says of itself.
    """

    name: str
    state: str
    exceptions: list[tuple[int, str]] = field(default_factory=list)
    checkpoints: Json = field(default_factory=dict)
    interval_ms: int = 0
    before: list[Json] = field(default_factory=list)
    after: list[Json] = field(default_factory=list)
    seconds: float = 1.0
    inputs: dict[str, list[str]] = field(default_factory=dict)
    event_time: tuple[int | None, str, str] = (None, "", "")
    counters: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass
class Cluster:
    """What Flink says of itself: its clock at a look, its version, its TaskManagers' collecting, its jobs."""

    now_ms: int
    clock_ms: int | None
    version: str
    collecting: dict[str, float]
    jobs: list[Job]


def judge(cluster: Cluster, version: str, settings: dict[str, str]) -> Iterator[Finding]:
    """What is wrong of it.

    Args:
        cluster: the facts.
        version: of this code; a job of another is named.
        settings: that must be what the jobs were submitted with.
    """
    if not cluster.collecting:
        yield Finding("no_workers", "Flink", "0 TaskManagers")
    running = {job.name for job in cluster.jobs}
    if not running & set(NEEDED):
        yield Finding("job_missing", "Flink", f"jobs: {', '.join(sorted(running)) or 'none'}")
    if cluster.clock_ms is not None:
        yield from skewed("Flink's JobManager", cluster.clock_ms, cluster.now_ms)
    for worker, share in cluster.collecting.items():
        if share > _COLLECTING:
            yield Finding("collecting", worker, f"{share:.0%} of the time")
    for job in cluster.jobs:
        yield from _of_job(job, cluster.now_ms, version, settings)


def _of_job(job: Job, now_ms: int, version: str, settings: dict[str, str]) -> Iterator[Finding]:
    recent = [(at, text) for at, text in job.exceptions if now_ms - at < LONG_AGO_MS]
    if job.state in ("FAILED", "FAILING", "RESTARTING") or (job.state == "RUNNING" and recent):
        text = (job.exceptions or [(0, "no exception was recorded")])[0][1]
        yield Finding("job_failing", job.name, f"{job.state}, failures within 15 min: {len(recent)}; {text}")
    if job.state != "RUNNING":
        return
    yield from _of_checkpoints(job, now_ms)
    yield from _of_pressure(job)
    yield from _of_counters(job)
    yield from _of_parameters(job, version, settings)


def _of_checkpoints(job: Job, now_ms: int) -> Iterator[Finding]:
    counts, latest = job.checkpoints.get("counts", {}), job.checkpoints.get("latest", {})
    done, failed = latest.get("completed") or {}, latest.get("failed") or {}
    at = int(done.get("latest_ack_timestamp", 0))
    patience_ms = max(_CHECKPOINT_INTERVALS * job.interval_ms, _LEAST_CHECKPOINT_MS)
    if failed and int(failed.get("failure_timestamp", 0)) > at:
        yield Finding("checkpoints_failing", job.name, str(failed.get("failure_message", "failed"))[:300])
    elif counts.get("total", 0) and at and now_ms - at > patience_ms:
        seconds = (now_ms - at) / 1000
        yield Finding("checkpoints_failing", job.name, f"the last complete one is {seconds:.0f} s old")


def _of_pressure(job: Job) -> Iterator[Finding]:
    """The first task that is not pressed itself, behind one that is: the slow one."""
    pressed, busy = (_shares(job, name) for name in ("backpressured", "busy"))
    names = {each["id"]: str(each["name"])[:80] for each in job.after}
    for vertex, inputs in job.inputs.items():
        waits = max((pressed.get(each, 0.0) for each in inputs), default=0.0)
        if waits > _PRESSED > pressed.get(vertex, 0.0):
            seen = f"tasks before it wait {waits:.0%} of the time, it is busy {busy.get(vertex, 0.0):.0%}"
            yield Finding("back_pressure", f"{job.name}: {names.get(vertex, vertex)}", seen)


def _shares(job: Job, name: str) -> dict[str, float]:
    """By vertex, the share of the time between two looks that its busiest subtask spent so."""
    key = f"accumulated-{name}-time"
    before = {each["id"]: each["metrics"].get(key) or 0 for each in job.before}
    return {
        each["id"]: ((each["metrics"].get(key) or 0) - before.get(each["id"], 0))
        / (1000 * job.seconds * max(1, each["parallelism"]))
        for each in job.after
    }


COUNTERS = {
    "numLateRecordsDropped": "late_dropped",
    "rules.refused": "rules_refused",
    "scoring.refused": "model_refused",
    "scoring.taken_back": "model_refused",
}


def _of_counters(job: Job) -> Iterator[Finding]:
    for name, cause in COUNTERS.items():
        if count := job.counters.get(name, 0):
            yield Finding(cause, job.name, f"{name}: {count}")


def _of_parameters(job: Job, version: str, settings: dict[str, str]) -> Iterator[Finding]:
    theirs = job.parameters.get("version")
    if theirs and theirs != version:
        yield Finding(
            "version_misfit", job.name, f"the job is of version {theirs}, this command of {version}"
        )
    for name, value in settings.items():
        if name in job.parameters and job.parameters[name] != value:
            seen = f"{name} is {job.parameters[name]} in the job and {value} here"
            yield Finding("version_misfit", job.name, seen)


def held_back(job: Job, now_ms: int, patience_ms: int, comes_in: bool) -> Iterator[Finding]:
    """Whether event time is further behind than it may be, although messages come in."""
    mark, task, partition = job.event_time
    if job.state != "RUNNING" or not comes_in:
        return
    behind = "no watermark yet" if mark is None else f"{(now_ms - mark) / 1000:.0f} s behind this clock"
    if mark is None or now_ms - mark > patience_ms:
        yield Finding("watermark_held", f"{job.name}: {partition or task}", behind)
