"""What a cluster of Flink says of how it fares: checkpoints, pressure, metrics, failures."""

from __future__ import annotations

from typing import Any

from connectors.flink.rest import FlinkRest, without_frames

_LINE = 300  # characters of a failure's message


class ObservedFlink(FlinkRest):
    """A cluster that is looked at and not changed."""

    def version(self) -> str:
        """Of Flink, as 2.3.0."""
        return str(self._get("/config")["flink-version"])

    def details(self, job_id: str) -> dict[str, Any]:
        """The job with its vertices and their metrics."""
        return dict(self._get(f"/jobs/{job_id}"))

    def failures(self, job_id: str) -> list[tuple[int, str]]:
        """(epoch milliseconds, what happened) of each failure, the newest first."""
        return [(int(each["timestamp"]), _root(str(each["stacktrace"]))) for each in self._failures(job_id)]

    def inputs(self, job_id: str) -> dict[str, list[str]]:
        """Ids of the vertices before each vertex."""
        nodes = self._get(f"/jobs/{job_id}/plan")["plan"]["nodes"]
        return {node["id"]: [each["id"] for each in node.get("inputs", [])] for node in nodes}

    def checkpoint_interval_ms(self, job_id: str) -> int:
        """How often a checkpoint is begun."""
        return int(self._get(f"/jobs/{job_id}/checkpoints/config")["interval"])

    def metric_names(self, job_id: str, vertex_id: str) -> list[str]:
        """Names of the metrics that the vertex's subtasks have."""
        path = f"/jobs/{job_id}/vertices/{vertex_id}/subtasks/metrics"
        return [str(each["id"]) for each in self._get(path)]

    def sums(self, job_id: str, vertex_id: str, names: list[str]) -> dict[str, float]:
        """Each metric's sum over the vertex's subtasks."""
        path = f"/jobs/{job_id}/vertices/{vertex_id}/subtasks/metrics"
        found = self._get(path, {"get": ",".join(names), "agg": "sum"})
        return {str(each["id"]): float(each["sum"]) for each in found}

    def worker_metric(self, worker: str, name: str) -> float:
        """One metric of a TaskManager; 0 before it has reported."""
        found = self._get(f"/taskmanagers/{worker}/metrics", {"get": name})
        return float(found[0]["value"]) if found else 0.0


def _root(stack: str) -> str:
    """The message of the first cause: the last of the chain."""
    lines = [line for line in without_frames(stack).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    return (causes or lines or [""])[-1].removeprefix("Caused by: ")[:_LINE]
