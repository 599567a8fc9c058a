"""Asks Flink's REST interface for what is judged."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from connectors.flink.observed import ObservedFlink
from jobs.offline.doctor.flink import COUNTERS, Cluster, Job

LOOK_S = 3.0  # between two looks at what only grows
_COUNTED = tuple(COUNTERS)
_COLLECTED = "Status.JVM.GarbageCollector.All.Time"
_ENDED_WELL = frozenset({"FINISHED", "CANCELED"})
_AT_ONCE = 20


def look(rest: ObservedFlink) -> Cluster:
    """The facts, over some seconds.

    Raises:
        requests.RequestException: nobody answers.
        FlinkRequestFailed: Flink refuses.
    """
    workers = list(rest.taskmanagers())
    overview = [job for job in rest.overview() if job["state"] not in _ENDED_WELL]
    collected, began = _collected(rest, workers), time.monotonic()
    vertices = {job["jid"]: rest.details(job["jid"])["vertices"] for job in overview}
    time.sleep(LOOK_S)
    seconds = time.monotonic() - began
    jobs = [_job(rest, job, vertices[job["jid"]], seconds) for job in overview]
    after = _collected(rest, workers)
    shares = {each: (after[each] - collected[each]) / (1000 * seconds) for each in workers}
    now_ms = int(time.time() * 1000)
    clock = [job["start-time"] + job["duration"] for job in rest.overview() if job["end-time"] < 0]
    return Cluster(now_ms, max(clock, default=None), rest.version(), shares, jobs)


def _job(rest: ObservedFlink, overview: dict[str, Any], before: list[dict[str, Any]], seconds: float) -> Job:
    job_id = overview["jid"]
    job = Job(overview["name"], overview["state"], rest.failures(job_id), seconds=seconds, before=before)
    job.parameters = rest.parameters(job_id)
    if job.state != "RUNNING":
        return job
    job.after = rest.details(job_id)["vertices"]
    job.inputs = {node: inputs for node, inputs in rest.inputs(job_id).items() if inputs}
    job.checkpoints, job.interval_ms = rest.checkpoints(job_id), rest.checkpoint_interval_ms(job_id)
    job.event_time = rest.event_time(job_id)
    job.counters = _counters(rest, job_id, job.after)
    return job


def _counters(rest: ObservedFlink, job_id: str, vertices: list[dict[str, Any]]) -> dict[str, int]:
    """Sums over all subtasks of what workers count."""
    found: Counter[str] = Counter()
    for vertex in vertices:
        names = [each for each in rest.metric_names(job_id, vertex["id"]) if each.endswith(_COUNTED)]
        for start in range(0, len(names), _AT_ONCE):
            for name, value in rest.sums(job_id, vertex["id"], names[start : start + _AT_ONCE]).items():
                found[next(each for each in _COUNTED if name.endswith(each))] += int(value)
    return dict(found)


def _collected(rest: ObservedFlink, workers: list[str]) -> dict[str, float]:
    """Milliseconds that each TaskManager has collected garbage for."""
    return {worker: rest.worker_metric(worker, _COLLECTED) for worker in workers}
