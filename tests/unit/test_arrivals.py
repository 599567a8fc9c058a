"""In which order a replayed file's lines come in: as they came, or, of history, as they happened."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import BadInput
from connectors.files.arrivals import Arrivals

T0 = 1_700_000_000_000


def line(at: int | None, **more: Any) -> bytes:
    return orjson.dumps({"visitor_id": "v", **({} if at is None else {"event_time_ms": at}), **more})


def fed(path: Path, rows: list[bytes]) -> tuple[Arrivals, list[tuple[int, bytes]]]:
    content = b"\n".join(rows) + b"\n"
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    arrivals = Arrivals.of(path)
    return arrivals, list(arrivals.lines())


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz"])
def test_history_is_put_in_order_of_time_and_keeps_its_line_numbers(tmp_path: Path, name: str) -> None:
    rows = [line(T0 + 5), line(T0 + 900_000_000), b"poison", b"", line(T0 + 6), line(T0 + 5, again=1)]
    arrivals, lines = fed(tmp_path / name, rows)
    assert (arrivals.is_history, arrivals.out_of_order) == (True, 2)
    # What cannot be read stays behind what stood above it.
    assert lines == [(1, rows[0]), (6, rows[5]), (5, rows[4]), (2, rows[1]), (3, rows[2])]


def test_a_file_in_order_is_fed_as_it_is(tmp_path: Path) -> None:
    rows = [line(T0), line(T0), b"{", line(None), line(T0 + 1)]
    arrivals, lines = fed(tmp_path / "events.jsonl", rows)
    assert (arrivals.is_history, [row for _, row in lines]) == (False, rows)


def test_a_file_that_says_when_its_lines_came_in_is_fed_as_it_came(tmp_path: Path) -> None:
    rows = [line(T0 + 9), line(T0, received_at_ms=T0 + 20), line(T0 + 3)]
    arrivals, lines = fed(tmp_path / "events.jsonl", rows)
    assert (arrivals.says_when, arrivals.is_history, [row for _, row in lines]) == (True, False, rows)


@pytest.mark.parametrize("received", [0, 12, 99_999_999_999_999, "soon", None])
def test_a_receipt_that_is_no_time_says_nothing(tmp_path: Path, received: Any) -> None:
    rows = [line(T0 + 9, received_at_ms=received), line(T0, received_at_ms=received)]
    arrivals, lines = fed(tmp_path / "events.jsonl", rows)
    assert arrivals.is_history and [row for _, row in lines] == rows[::-1]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"absent\.jsonl"):
        Arrivals.of(tmp_path / "absent.jsonl")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(T0, T0 + 20) | st.none(), max_size=12))
def test_nothing_is_lost_and_equal_times_keep_their_order(
    tmp_path_factory: pytest.TempPathFactory, times: list[int | None]
) -> None:
    rows = [line(at, number=number) for number, at in enumerate(times)]
    _, lines = fed(tmp_path_factory.mktemp("file") / "events.jsonl", rows)
    assert sorted(row for _, row in lines) == sorted(rows)
    if None not in times:
        assert [row for _, row in lines] == sorted(rows, key=lambda row: orjson.loads(row)["event_time_ms"])
