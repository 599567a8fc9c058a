"""How long a finished job really worked, from the times that Flink keeps of its subtasks."""

from __future__ import annotations

from typing import Any

import requests

_TIMEOUT_S = 30


def working_seconds(rest_url: str, job_id: str) -> float:
    """Seconds from when the last subtask had started (Python workers included) to the job's end."""
    job = _get(f"{rest_url}/jobs/{job_id}")
    subtasks = [
        subtask
        for vertex in job["vertices"]
        for subtask in _get(f"{rest_url}/jobs/{job_id}/vertices/{vertex['id']}")["subtasks"]
    ]
    return max(0.0, (int(job["end-time"]) - max(map(_running_since_ms, subtasks))) / 1000)


def _running_since_ms(subtask: dict[str, Any]) -> int:
    running_ms = int(subtask["status-duration"]["RUNNING"])
    return int(subtask["end-time"]) - running_ms


def _get(url: str) -> dict[str, Any]:
    response = requests.get(url, timeout=_TIMEOUT_S)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer
