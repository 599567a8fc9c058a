"""Feeding: which lines a file has, what is known of a line, which files are refused."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import orjson
import pytest

from connectors.contracts.events import Event, validate_event
from connectors.errors import BadInput
from stack.runs.feed import Line, heartbeat, lines_of, look_at, require_an_event

GOOD = orjson.dumps(
    {"schema": "event/1", "event_id": "e", "event_type": "search", "event_time_ms": 5, "visitor_id": "v"}
)


def test_lines_keep_their_number_and_lose_their_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\r\n\n \t\nb \nc")
    assert list(lines_of(path)) == [(1, b"a"), (4, b"b "), (5, b"c")]


def test_gz_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b"a\nb\n"))
    assert list(lines_of(path)) == [(1, b"a"), (2, b"b")]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(GOOD * 1_000, mtime=0)[:-20],
        b"no gzip at all",
        gzip.compress(GOOD, mtime=0)[:12] + b"\x00" * 40,
    ],
)
def test_a_broken_gz_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=re.escape(f"{path} cannot be read")):
        list(lines_of(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=re.escape(str(tmp_path / "absent.jsonl"))):
        require_an_event(tmp_path / "absent.jsonl")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{}\n[1]\nuser,item\n"])
def test_a_file_without_a_valid_event_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    lines = len([line for line in content.splitlines() if line])
    with pytest.raises(BadInput, match=f"no valid event in {lines} lines"):
        require_an_event(path)


def test_one_valid_event_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"poison\n" + GOOD)
    require_an_event(path)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b'{"visitor_id": "v", "event_time_ms": 7, "received_at_ms": 9}', Line("v", 7, 9)),
        (b'{"visitor_id": 7, "event_time_ms": "7", "received_at_ms": 9.5}', Line("7", 7, 0)),
        (b'{"visitor_id": "undefined", "anonymous_id": "a", "event_time_ms": 7.0}', Line("a", 7, 0)),
        (b'{"visitor_id": ["v"]}', Line(None, 0, 0)),
        (b'{"visitor_id": null, "event_time_ms": true}', Line(None, 0, 0)),
        (b"[1]", Line(None, 0, 0)),
        (b"\xff", Line(None, 0, 0)),
        (b'{"visitor_id": "v"', Line(None, 0, 0)),
    ],
)
def test_what_is_known_of_a_line(line: bytes, seen: Line) -> None:
    assert look_at(line) == seen


def test_a_heartbeat_follows_the_contract() -> None:
    event = validate_event(heartbeat(1_700_000_000_000, "h-0"))
    assert isinstance(event, Event)
    assert event.is_heartbeat and event.event_time_ms == 1_700_000_000_000
