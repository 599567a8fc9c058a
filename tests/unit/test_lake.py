"""The lake's reader and merge over files as any version may have written them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.dataset
import pytest
from click.testing import CliRunner

from cli.merge import main as merge_command
from connectors.contracts.events import Event, validate_event
from connectors.errors import BadInput
from connectors.lake import merge as lake_merge
from connectors.lake import reading as lake
from connectors.lake.tables import EVENTS, LAKE_TABLES, PARTITIONS, LakeTable
from stack.runs.feed import require_an_event

HOUR_MS = 3_600_000
START_MS = 1_699_999_200_000  # 2023-11-14T22:00:00Z


def row(number: int, **more: Any) -> dict[str, Any]:
    """One event a minute."""
    empty = dict.fromkeys(EVENTS.columns)
    return {
        **empty,
        "schema": "event/1",
        "event_id": f"e-{number}",
        "event_type": "page_view",
        "event_time_ms": START_MS + number * 60_000,
        "visitor_id": f"v-{number % 3}",
        "sequence": 0,
        "source_topic": "t",
        "source_partition": number % 2,
        "source_offset": number,
        "source_timestamp_ms": START_MS + number * 60_000 + 5,
        **more,
    }


def write(root: Path, name: str, rows: list[dict[str, Any]], drop: tuple[str, ...] = ()) -> Path:
    """A file in the hour of its first row."""
    folder = root / "events" / f"day=2023-11-14/hour={22 + (rows[0]['event_time_ms'] - START_MS) // HOUR_MS}"
    folder.mkdir(parents=True, exist_ok=True)
    schema = {key: lake._KINDS[kind] for key, kind in EVENTS.columns.items()}
    extra = {key: pl.String for key in rows[0] if key not in schema}
    pl.DataFrame(rows, schema={**schema, **extra}).drop(drop).write_parquet(folder / name)
    return folder


def ids(root: Path, **when: int) -> list[str]:
    found: list[str] = lake.scan_events(root, **when).sort("source_offset").collect()["event_id"].to_list()
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two hours; the first has two files and what a running job leaves beside them."""
    write(tmp_path, "part-a-0-0", [row(1), row(0)])
    folder = write(tmp_path, "part-a-1-0", [row(2)])
    (folder / ".part-a-1-1.inprogress.x").write_bytes(b"half")
    (folder / "_SUCCESS").touch()
    write(tmp_path, "part-a-0-1", [row(60)])
    return tmp_path


def test_only_finished_files_are_read(root: Path) -> None:
    assert ids(root) == ["e-0", "e-1", "e-2", "e-60"]


@pytest.mark.parametrize(("shift_ms", "expected"), [(-1, ["e-1"]), (0, ["e-1"]), (1, ["e-1", "e-2"])])
def test_the_time_asked_for_ends_exactly(root: Path, shift_ms: int, expected: list[str]) -> None:
    since_ms, until_ms = START_MS + 60_000, START_MS + 120_000 + shift_ms
    assert ids(root, since_ms=since_ms, until_ms=until_ms) == expected


def test_hours_outside_are_not_opened(root: Path) -> None:
    (root / "events/day=2023-11-14/hour=22/part-b-0-0").write_bytes(b"no parquet")
    assert ids(root, since_ms=START_MS + HOUR_MS) == ["e-60"]
    with pytest.raises(pl.exceptions.ComputeError):
        ids(root, since_ms=START_MS + HOUR_MS - 1)


def test_a_column_that_came_later_reads_with_old_files_and_new_files_with_an_old_reader(root: Path) -> None:
    write(root, "part-old", [row(3)], drop=("sequence", "properties"))
    write(root, "part-new", [row(4, campaign="spring")])
    frame = lake.scan_events(root).sort("source_offset").collect()
    assert frame.columns == list(EVENTS.columns)
    assert frame["sequence"].to_list() == [0, 0, 0, None, 0, 0]
    wider = LakeTable(EVENTS.name, EVENTS.time, EVENTS.order, {**EVENTS.columns, "campaign": "string"})
    assert lake.scan(root, wider).collect()["campaign"].drop_nulls().to_list() == ["spring"]


def test_pyarrow_reads_the_folder_as_it_is(root: Path) -> None:
    table = pyarrow.dataset.dataset(root / "events", format="parquet", partitioning="hive").to_table()
    assert sorted(table["event_id"].to_pylist()) == ["e-0", "e-1", "e-2", "e-60"]
    assert set(PARTITIONS) <= set(table.column_names)


def test_a_merge_keeps_every_row_and_every_column(root: Path) -> None:
    folder = write(root, "part-new", [row(4, campaign="spring")])
    done = lake_merge.merge(root, EVENTS)
    assert (done.hours, done.files_before, done.files_after, done.rows) == (1, 3, 1, 4)
    (file,) = lake.data_files(folder)
    merged = pl.read_parquet(file, hive_partitioning=False)
    assert merged["event_id"].to_list() == ["e-0", "e-1", "e-2", "e-4"]
    assert merged["campaign"].drop_nulls().to_list() == ["spring"]
    assert ids(root) == ["e-0", "e-1", "e-2", "e-4", "e-60"]
    assert lake_merge.merge(root, EVENTS).hours == 0
    assert {path.name for path in folder.iterdir()} == {file.name, "_SUCCESS", ".part-a-1-1.inprogress.x"}


@pytest.mark.parametrize("steps", range(6))
def test_a_merge_that_is_cut_off_at_any_step_loses_and_repeats_nothing(
    root: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps that change what a folder holds: each may be the last one before the crash."""
    left = iter(range(steps))

    def counted(method: Any) -> Any:
        def step(*arguments: Any, **options: Any) -> Any:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return method(*arguments, **options)

        return step

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        for name in ("replace", "rename", "unlink"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        lake_merge.merge(root, EVENTS)
        raise KeyboardInterrupt
    assert ids(root) == ["e-0", "e-1", "e-2", "e-60"]
    lake_merge.merge(root, EVENTS)
    assert ids(root) == ["e-0", "e-1", "e-2", "e-60"]
    assert not (root / "events/day=2023-11-14/hour=22" / lake.MERGING).exists()


def test_an_erased_visitor_is_in_no_row_any_more(root: Path) -> None:
    write(root, "part-c", [row(3, visitor_id="u", anonymous_id="v-1"), row(4, visitor_id="u", user_id="w")])
    assert lake_merge.erase(root, EVENTS, ["v-1", "w"]) == 3
    assert ids(root) == ["e-0", "e-2", "e-60"]
    assert lake_merge.erase(root, EVENTS, ["v-1", "w"]) == 0


def test_messages_come_in_the_order_of_event_time(root: Path) -> None:
    found = list(lake.messages(root))
    assert [json.loads(message.value)["event_id"] for message in found] == ["e-0", "e-1", "e-2", "e-60"]
    assert [message.timestamp_ms - message.event_time_ms for message in found] == [5] * 4


def test_a_message_is_the_event_that_it_was(tmp_path: Path) -> None:
    product, odd = '{"product_id": "p", "price": 0.10000000000000000001}', "no object"
    write(tmp_path, "part-x", [row(1, product=product, context=odd, user_id="007", properties='{"a":[1]}')])
    (message,) = lake.messages(tmp_path)
    assert b"0.10000000000000000001" in message.value
    event = validate_event(message.value, message.timestamp_ms)
    assert isinstance(event, Event)
    assert (event.event_id, event.user_id, event.context) == ("e-1", "007", None)
    assert event.properties == {"a": [1]}
    assert json.loads(message.value)["context"] == odd


def test_leaves_are_typed(tmp_path: Path) -> None:
    write(tmp_path, "part-x", [row(1, product='{"price": "9.5", "quantity": 2}', context='{"device": "tv"}')])
    frame = lake.scan_events(tmp_path).select(lake.leaves()).collect()
    assert frame.select("product_price", "product_quantity", "context_device", "order_revenue").row(0) == (
        9.5,
        2,
        "tv",
        None,
    )


def test_a_folder_that_is_no_lake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no folder events/"):
        lake.scan_events(tmp_path)


@pytest.mark.parametrize("table", LAKE_TABLES)
def test_a_table_has_the_columns_it_is_ordered_by(table: LakeTable) -> None:
    assert {table.time, *table.order} <= set(table.columns)
    assert not set(PARTITIONS) & set(table.columns)


def test_a_lake_can_be_replayed_only_when_it_holds_events(root: Path, tmp_path: Path) -> None:
    require_an_event(root)
    empty = tmp_path / "empty"
    (empty / "events").mkdir(parents=True)
    with pytest.raises(BadInput, match="holds no events"):
        require_an_event(empty)


def test_the_command_merges_every_table(root: Path) -> None:
    (root / "sessions").mkdir()
    (root / "signals").mkdir()
    found = CliRunner().invoke(merge_command, [str(root), "--least-files", "2"])
    assert found.exit_code == 0, found.output
    assert "events: 1 hours, 2 files into 1, 3 rows" in found.output
    assert CliRunner().invoke(merge_command, [str(root / "sessions")]).exit_code == 2
