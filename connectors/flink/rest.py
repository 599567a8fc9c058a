"""What is asked of a Flink cluster over its REST interface."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any

import requests
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from connectors.errors import FlinkRequestFailed

TERMINAL_STATES = frozenset({"FINISHED", "FAILED", "CANCELED", "SUSPENDED"})
_WORKING = frozenset({"RUNNING", "FINISHED"})
_TIMEOUT_S = 30
_POLL_S = 0.25
_NONE_YET = -(2**63)
_NAME = 60  # characters of a task's name, which lists its operators
_SPLIT = re.compile(r"\d+\..*\.split\.(.+)\.watermark\.(currentWatermark|idleTimeMsPerSecond)")
_MOSTLY_IDLE_MS, _COLLECTING_S, _METRICS_S, _IDS = 900, 1.0, 4.0, 20

# Also the launcher's word on an export of a package that a JRE lacks: always there, never a cause.
_FRAME = re.compile(r"\s+at \S+\(.*\)$|\s+\.\.\. \d+ more$|WARNING: Unknown module:")


class FlinkRest:
    """Jobs of a cluster, by its REST address."""

    def __init__(self, rest_url: str) -> None:
        """Remember the address (http://host:port)."""
        self.rest_url = rest_url

    def job_state(self, job_id: str) -> str:
        """CREATED, RUNNING, RESTARTING, FINISHED, FAILED, CANCELED and so on."""
        return str(self._get(f"/jobs/{job_id}")["state"])

    def jobs(self) -> dict[str, str]:
        """State of each job the cluster remembers, by job id."""
        return {str(job["id"]): str(job["status"]) for job in self._get("/jobs")["jobs"]}

    def overview(self) -> list[dict[str, Any]]:
        """Each job that the cluster remembers, with jid, name, state, start-time and more."""
        return list(self._get("/jobs/overview")["jobs"])

    def parameters(self, job_id: str) -> dict[str, str]:
        """What the job says of itself: its global parameters."""
        return dict(self._get(f"/jobs/{job_id}/config")["execution-config"]["user-config"])

    def event_time(self, job_id: str) -> tuple[int | None, str, str]:
        """How far event time has come, and what holds it back.

        Returns:
            The lowest watermark of all tasks, None before the first; the task whose it is, with its subtask;
            the partition of a source that is furthest behind, '' where Flink has no number of its partitions.
        """
        vertices, end = self._get(f"/jobs/{job_id}")["vertices"], time.monotonic() + _METRICS_S
        # Asked for metrics, the cluster begins to collect them and answers with those that it had before.
        self._watermarks(job_id, vertices)
        time.sleep(_COLLECTING_S)
        while (marks := self._watermarks(job_id, vertices))[0][0] == _NONE_YET and time.monotonic() < end:
            time.sleep(_POLL_S)
        lowest, task = marks[0]
        partitions = sorted(mark for vertex in vertices for mark in self._partitions(job_id, vertex))
        # One that is further behind than every task holds nothing back: event time has gone on without it.
        holding = [name for watermark, name in partitions if watermark >= lowest]
        return None if lowest == _NONE_YET else lowest, task, holding[0] if holding else ""

    def _watermarks(self, job_id: str, vertices: list[dict[str, Any]]) -> list[tuple[int, str]]:
        """(watermark, task) of each task, the lowest first; never empty."""
        found = [
            (int(mark["value"]), f"{vertex['name'][:_NAME]}, subtask {mark['id'].partition('.')[0]}")
            for vertex in vertices
            for mark in self._get(f"/jobs/{job_id}/vertices/{vertex['id']}/watermarks")
        ]
        return sorted(found) or [(_NONE_YET, "no task")]

    def _partitions(self, job_id: str, vertex: dict[str, Any]) -> list[tuple[int, str]]:
        """(watermark, name) of each partition that a source reads and that is not idle."""
        if "Source" not in vertex["name"]:
            return []
        path = f"/jobs/{job_id}/vertices/{vertex['id']}/metrics"
        ids = [str(each["id"]) for each in self._get(path) if _SPLIT.fullmatch(each["id"])]
        values: dict[str, dict[str, int]] = defaultdict(dict)
        for start in range(0, len(ids), _IDS):  # a request's line is short
            for each in self._get(path, {"get": ",".join(ids[start : start + _IDS])}):
                name, what = _SPLIT.fullmatch(each["id"]).groups()  # type: ignore[union-attr]  # asked for
                values[name][what] = int(float(each["value"]))
        return [
            (found["currentWatermark"], name)
            for name, found in values.items()
            if "currentWatermark" in found and found.get("idleTimeMsPerSecond", 0) < _MOSTLY_IDLE_MS
        ]

    def records_read(self, job_id: str) -> int:
        """How many records the job's busiest source has handed on; Flink counts every ten seconds."""
        vertices = self._get(f"/jobs/{job_id}")["vertices"]
        sources = [each for each in vertices if "Source" in each["name"]]
        return max((int(each["metrics"]["write-records"]) for each in sources), default=0)

    def wait_job(
        self,
        job_id: str,
        states: Collection[str],
        deadline_s: float,
        look: Callable[[], None] = lambda: None,
    ) -> str:
        """Return the job's state once it is one of `states`; `look` is called in between.

        Raises:
            FlinkRequestFailed: if it ends in another state, or `deadline_s` seconds pass.
        """
        end = time.monotonic() + deadline_s
        while (state := self.job_state(job_id)) not in states:
            if state in TERMINAL_STATES or time.monotonic() > end:
                raise FlinkRequestFailed(self._other_state(job_id, state, states, deadline_s))
            look()
            time.sleep(_POLL_S)
        return state

    def wait_tasks_running(self, job_id: str, deadline_s: float) -> None:
        """Return once every task of the job runs (or has finished); the job alone is RUNNING seconds earlier.

        Raises:
            FlinkRequestFailed: if the job ends, or `deadline_s` seconds pass.
        """
        end = time.monotonic() + deadline_s
        self.wait_job(job_id, {"RUNNING"}, deadline_s)
        while waiting := self._tasks_not_running(job_id):
            if time.monotonic() > end:
                raise FlinkRequestFailed(
                    f"Flink job {job_id}: not running after {deadline_s:.0f} s: {', '.join(waiting)}"
                )
            time.sleep(_POLL_S)
            self.wait_job(job_id, {"RUNNING"}, max(0.0, end - time.monotonic()))

    def ended_at_ms(self, job_id: str) -> int:
        """When the job ended, epoch milliseconds; -1 as long as it has not."""
        return int(self._get(f"/jobs/{job_id}")["end-time"])

    def _tasks_not_running(self, job_id: str) -> list[str]:
        vertices = self._get(f"/jobs/{job_id}")["vertices"]
        return [f"{each['name']} ({each['status']})" for each in vertices if each["status"] not in _WORKING]

    def _other_state(self, job_id: str, state: str, states: Collection[str], deadline_s: float) -> str:
        wanted = " or ".join(sorted(states))
        cause = without_frames(next(iter(self.exceptions(job_id)), "No exception was recorded."))
        when = "" if state in TERMINAL_STATES else f" after {deadline_s:.0f} s"
        return (
            f"Flink job {job_id}: {wanted} was required, it is {state}{when}. {cause}\nSee {self.rest_url}."
        )

    def cancel(self, job_id: str, deadline_s: float = 60.0) -> None:
        """Cancel a job and wait until it has ended; a job that has ended is left alone.

        Raises:
            FlinkRequestFailed: if it has not ended after `deadline_s` seconds.
        """
        if self.job_state(job_id) not in TERMINAL_STATES:
            self._call("PATCH", f"/jobs/{job_id}", params={"mode": "cancel"})
        self.wait_job(job_id, TERMINAL_STATES, deadline_s)

    def savepoint(self, job_id: str, stop: bool, drain: bool = False, deadline_s: float = 300.0) -> str:
        """Write a savepoint and return its path.

        Args:
            job_id: a running job.
            stop: end the job with it.
            drain: with `stop`: send the last watermark first, so that open windows fire; for good only.
            deadline_s: seconds to wait at most.

        Raises:
            FlinkRequestFailed: if Flink refuses or the savepoint fails.
        """
        self.wait_tasks_running(job_id, deadline_s)
        if stop:
            answer = self._call("POST", f"/jobs/{job_id}/stop", json={"drain": drain})
        else:
            answer = self._call("POST", f"/jobs/{job_id}/savepoints", json={"cancel-job": False})
        operation = self._await_operation(job_id, str(answer["request-id"]), deadline_s)
        if "location" not in operation:
            cause = without_frames(str(operation.get("failure-cause", {}).get("stack-trace", operation)))
            raise FlinkRequestFailed(f"Flink job {job_id}: the savepoint failed: {cause}")
        if stop:
            self.wait_job(job_id, {"FINISHED"}, deadline_s)
        return str(operation["location"])

    def _await_operation(self, job_id: str, request_id: str, deadline_s: float) -> dict[str, Any]:
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            answer = self._get(f"/jobs/{job_id}/savepoints/{request_id}")
            if answer["status"]["id"] == "COMPLETED":
                return dict(answer["operation"])
            time.sleep(_POLL_S)
        raise FlinkRequestFailed(f"Flink job {job_id}: the savepoint was not done within {deadline_s:.0f} s")

    def exceptions(self, job_id: str) -> list[str]:
        """Stack traces of the job's failures, the newest first."""
        return [str(entry["stacktrace"]) for entry in self._failures(job_id)]

    def _failures(self, job_id: str) -> list[dict[str, Any]]:
        history = self._get(f"/jobs/{job_id}/exceptions", {"maxExceptions": "20"})["exceptionHistory"]
        return list(history["entries"])

    def restarts(self, job_id: str) -> int:
        """How often the job was restarted: the most often restarted of its tasks counts.

        Counted from the tasks: the metric numRestarts stands still while Flink asks a lost TaskManager.
        """
        vertices = self._get(f"/jobs/{job_id}")["vertices"]
        details = [self._get(f"/jobs/{job_id}/vertices/{each['id']}") for each in vertices]
        return max((int(task["attempt"]) for detail in details for task in detail["subtasks"]), default=0)

    def latest_checkpoint(self, job_id: str) -> str | None:
        """Path of the newest completed checkpoint, None before the first."""
        latest = self.checkpoints(job_id)["latest"]["completed"]
        return str(latest["external_path"]) if latest else None

    def checkpoints(self, job_id: str) -> dict[str, Any]:
        """Counts and the latest ones, as Flink gives them."""
        return dict(self._get(f"/jobs/{job_id}/checkpoints"))

    def taskmanagers(self) -> dict[str, int]:
        """Slots of each TaskManager the cluster knows, by its id; a lost one stays for some seconds."""
        found = self._get("/taskmanagers")["taskmanagers"]
        return {str(entry["id"]): int(entry["slotsNumber"]) for entry in found}

    @retry(
        retry=retry_if_exception_type(requests.ConnectionError),
        stop=stop_after_attempt(4),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    def _get(self, path: str, params: dict[str, str] | None = None) -> Any:
        return self._call("GET", path, params=params)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = requests.request(method, self.rest_url + path, timeout=_TIMEOUT_S, **arguments)
        if not answer.ok:
            raise FlinkRequestFailed(
                f"{method} {self.rest_url}{path}: HTTP {answer.status_code}: {answer.text[:2000]}"
            )
        return answer.json()


def without_frames(text: str) -> str:
    """The messages of Java stack traces: what happened and why, without where in the code."""
    return "\n".join(line for line in text.splitlines() if not _FRAME.match(line))
