"""A file of which nothing is valid: the commonest fault is named, with a line that has it and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.errors import BadInput
from connectors.files import messages as foreign
from stack.runs import feed
from tests.unit.adapter_samples import OTTO

GOOD: dict[str, Any] = {
    "schema": "event/1", "event_id": "e", "event_type": "search", "event_time_ms": 5, "anonymous_id": "a",
}  # fmt: skip


def refused(path: Path, lines: list[bytes], adapter: str | None = None) -> str:
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(BadInput) as found:
        foreign.require_an_event(path, adapter) if adapter else feed.require_an_event(path)
    return str(found.value)


def test_the_commonest_fault_is_named_with_its_first_line_and_value(tmp_path: Path) -> None:
    yesterday, nobody = {**GOOD, "event_time_ms": "yesterday"}, {**GOOD, "anonymous_id": None}
    lines = [b"{}", b"", orjson.dumps(nobody), *[orjson.dumps(yesterday)] * 3]
    message = refused(tmp_path / "events.jsonl", lines)
    assert "no valid event in 5 lines" in message
    assert "wrong_type event_time_ms (3 of 5), first in line 4" in message and "'yesterday' came" in message


@pytest.mark.parametrize("key", ["visitor_id", "user_id", "anonymous_id"])
def test_one_id_is_enough(tmp_path: Path, key: str) -> None:
    path = tmp_path / "events.jsonl"
    event = {name: value for name, value in GOOD.items() if name != "anonymous_id"}
    path.write_bytes(orjson.dumps({**event, key: "somebody"}))
    feed.require_an_event(path)
    assert "missing_field visitor_id (1 of 1), first in line 1" in refused(path, [orjson.dumps(event)])


def test_what_is_no_json_is_shown(tmp_path: Path) -> None:
    message = refused(tmp_path / "events.jsonl", [b"user,item,at", b"7,8,9"])
    assert "first in line 1" in message and "'user,item,at'" in message


@pytest.mark.parametrize("adapter", [None, "segment"])
def test_the_adapter_that_reads_the_file_is_named(tmp_path: Path, adapter: str | None) -> None:
    assert "--adapter otto" in refused(tmp_path / "events.jsonl", [orjson.dumps(OTTO)], adapter)


def test_canonical_events_are_none_of_another_adapter(tmp_path: Path) -> None:
    assert "--adapter canonical" in refused(tmp_path / "events.jsonl", [orjson.dumps(GOOD)], "otto")
