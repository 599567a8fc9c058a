"""SQL files as statements: placeholders take numbers and views, nothing else gets in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.statements import statement

ROOT = Path(__file__).resolve().parents[2]
SQL = ROOT / "jobs" / "sql"
NAMES = sorted(path.relative_to(SQL).with_suffix("").as_posix() for path in SQL.rglob("*.sql"))
HEADER = re.compile(r"-- grain: .+\n(-- .*\n)*-- time: .+\n")
# What Flink keeps for it is said where it does.
STATEFUL = re.compile(r"GROUP BY|OVER \(|JOIN (?!UNNEST)")
STATE = re.compile(r"^-- state: .+", re.MULTILINE)
EXPRESSIONS = ("read/event_time", "read/watermark")


@pytest.mark.parametrize(
    ("milliseconds", "interval"),
    [
        (0, "0 00:00:00.000"),
        (1, "0 00:00:00.001"),
        (86_400_002, "1 00:00:00.002"),
        (1_800_000, "0 00:30:00.000"),
        (99 * 86_400_000, "99 00:00:00.000"),
    ],
)
def test_an_interval_is_days_to_milliseconds(milliseconds: int, interval: str) -> None:
    text = statement("read/watermark", {"out_of_orderness_interval": milliseconds})
    assert f"INTERVAL '{interval}' DAY TO SECOND(3)" in text


@pytest.mark.parametrize("milliseconds", [-1, 100 * 86_400_000])
def test_an_interval_that_sql_cannot_write_is_refused(milliseconds: int) -> None:
    with pytest.raises(ValueError, match="at most 99 days"):
        statement("read/watermark", {"out_of_orderness_interval": milliseconds})


@pytest.mark.parametrize("value", ["events; DROP TABLE x", "Events", "'x'", "", True, None])
def test_no_text_but_the_name_of_a_view_becomes_sql(value: object) -> None:
    with pytest.raises(ValueError, match="takes a number or the name of a view"):
        statement("documents/opened", {"outputs": value})  # type: ignore[dict-item]


def test_a_view_is_put_in_as_it_is() -> None:
    assert "\nFROM device_outputs\n" in statement("documents/opened", {"outputs": "device_outputs"})


def test_a_path_into_json_is_no_placeholder() -> None:
    assert "'$.scored_at_ms'" in statement("index/shadow_read_back")


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="outputs"):
        statement("documents/opened")


@pytest.mark.parametrize("name", ["documents", "../jobs/suite", "read/watermark.sql", "read/../x"])
def test_a_name_outside_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="folder/file"):
        statement(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in EXPRESSIONS])
def test_every_statement_says_grain_and_time_and_what_it_keeps(name: str) -> None:
    text = (SQL / f"{name}.sql").read_text()
    assert re.match(r"-- \w+: .+\n", text), "the first line names the view"
    assert HEADER.search(text), "the header needs grain and time, in this order"
    assert STATE.search(text) or not STATEFUL.search(text), "what keeps state says which and for how long"
