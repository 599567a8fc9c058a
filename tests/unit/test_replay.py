"""A replay's times: when each line came in, and how long the job worked."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cli import job_times
from cli.feed import Line
from cli.replay import ReplayClock

AT_MS = 1_470_000_000_000


def clock_after(*lines: Line) -> ReplayClock:
    clock = ReplayClock()
    for line in lines:
        clock.timestamp_ms(line)
    return clock


def test_a_line_that_says_nothing_has_its_predecessors_time() -> None:
    clock = clock_after(Line("v", AT_MS, AT_MS + 500))
    assert clock.timestamp_ms(Line("v", AT_MS + 900, 0)) == AT_MS + 500


def test_as_long_as_no_line_has_told_the_record_gets_the_brokers_time() -> None:
    assert ReplayClock().timestamp_ms(Line("v", AT_MS, 0)) == 0


def test_receipts_may_go_back() -> None:
    clock = clock_after(Line("v", AT_MS, AT_MS + 500))
    assert clock.timestamp_ms(Line("v", AT_MS, AT_MS + 100)) == AT_MS + 100


@pytest.mark.parametrize("received_at_ms", [-1, 1, 470_000_000, 99_999_999_999_999])
def test_a_receipt_that_is_no_time_is_passed_over(received_at_ms: int) -> None:
    clock = clock_after(Line("v", AT_MS, AT_MS))
    assert clock.timestamp_ms(Line("v", AT_MS, received_at_ms)) == AT_MS


def test_the_end_lies_at_the_newest_event_that_is_not_of_the_future() -> None:
    clock = clock_after(
        Line("v", AT_MS, AT_MS + 10),
        Line("v", AT_MS + 20, AT_MS + 30),
        Line("v", AT_MS + 1_000_000, AT_MS + 30),
        Line("v", AT_MS + 5, AT_MS + 40),
    )
    assert clock.newest_ms == AT_MS + 20


def test_without_receipts_nothing_after_now_counts() -> None:
    now_ms = int(time.time() * 1000)
    clock = clock_after(Line("v", now_ms - 1_000, 0), Line("v", now_ms + 3_600_000, 0))
    assert clock.newest_ms == now_ms - 1_000


def answers(*running_and_end_ms: tuple[int, int]) -> dict[str, dict[str, Any]]:
    """What Flink's REST interface says about a job whose subtasks ran so long and ended then."""
    subtasks = [
        {"status-duration": {"RUNNING": running}, "end-time": end} for running, end in running_and_end_ms
    ]
    return {
        "http://flink/jobs/j": {"end-time": 20_000, "vertices": [{"id": "a"}, {"id": "b"}]},
        "http://flink/jobs/j/vertices/a": {"subtasks": subtasks[:1]},
        "http://flink/jobs/j/vertices/b": {"subtasks": subtasks[1:]},
    }


@pytest.mark.parametrize(
    ("subtasks", "seconds"),
    [
        ([(9_000, 19_000), (8_000, 20_000)], 8.0),  # the last one started at 12 s
        ([(9_000, 19_000), (0, 21_000)], 0.0),
    ],
)
def test_work_begins_with_the_last_subtask(
    monkeypatch: pytest.MonkeyPatch, subtasks: list[tuple[int, int]], seconds: float
) -> None:
    monkeypatch.setattr(job_times, "_get", answers(*subtasks).__getitem__)
    assert job_times.working_seconds("http://flink", "j") == seconds
