"""A replay's times: when each line came in, and how long the job worked."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from stack.runs.feed import Feeder, Line
from stack.runs.replay import ReplayClock, _in_order

AT_MS = 1_470_000_000_000


def clock_after(*lines: Line) -> ReplayClock:
    clock = ReplayClock()
    for line in lines:
        clock.timestamp_ms(line)
    return clock


def test_a_line_without_a_time_has_its_predecessors() -> None:
    clock = clock_after(Line("v", AT_MS, AT_MS + 500))
    assert clock.timestamp_ms(Line("v", AT_MS + 900, 0)) == AT_MS + 500


def test_before_the_first_time_records_get_the_brokers_time() -> None:
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


class Lines:
    """A feeder that has written line 10 x offset + partition to each place, and a heartbeat to offset 9."""

    def line_of(self, partition: int, offset: int) -> int | None:
        return None if offset == 9 else 10 * offset + partition


def test_letters_are_in_the_order_of_the_lines_of_the_file() -> None:
    def letter(partition: int, offset: int, topic: str = "footfall.events.raw") -> dict[str, Any]:
        return {"topic": topic, "partition": partition, "offset": offset, "payload_base64": None}

    came = [letter(0, 9), letter(1, 2), letter(0, 2), letter(3, 1), letter(0, 15, "file")]
    found = _in_order({str(number): one for number, one in enumerate(came)}, cast(Feeder, Lines()))
    assert [one["line"] for one in found] == [13, 15, 20, 21, None]
