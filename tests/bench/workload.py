"""The benchmark's events and what the right answers to them are.

Events in order of time without duplicates, poison or late ones, so that a job that cares for none of these
can give the same answers. The real stream where it is at hand, else the generated shop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from cli.shop import Shop
from tests import datasets, oracle

STREAM = "ga360_20160801_20160814"
_SHOP_START_MS = 1_700_000_000_000
_SHOP_EVENTS_PER_SECOND = 0.5  # of event time: a day holds 43,000, so sessions close all the way through
Document = dict[str, Any]
Found = Counter[tuple[Any, ...]]


@dataclass(frozen=True)
class Truth:
    """The naive oracle's answers over a file."""

    sessions: Found  # (visitor_id, started_at_ms, ended_at_ms, events)
    abandonments: Found  # (visitor_id, fires_at_ms)
    signals: Found  # (visitor_id, fires_at_ms, status)


@dataclass(frozen=True)
class Work:
    """A file of canonical events, one a line, and the truth about it."""

    path: Path
    events: int
    truth: Truth = field(repr=False)


@dataclass(frozen=True)
class Workload:
    """All of the work, and the slice of it that the naive job gets."""

    source: str
    copies: int
    whole: Work
    part: Work


def make(folder: Path, wanted: int, wanted_of_part: int) -> Workload:
    """Writes both files.

    Args:
        folder: for the files.
        wanted: events; a source that holds fewer is copied, whole, until there are as many.
        wanted_of_part: events of the slice.
    """
    source, events = _source(folder, wanted)
    copies = -(-wanted // len(events))
    return Workload(
        source,
        copies,
        _write(folder / "whole.jsonl", events, copies),
        _write(folder / "part.jsonl", events[:wanted_of_part], 1),
    )


def _source(folder: Path, wanted: int) -> tuple[str, list[Document]]:
    if not (datasets.data_root() / "truth" / "truth.json").is_file():
        return "the generated shop", list(islice(_shop_events(), wanted))
    path = folder / "stream.jsonl"
    datasets.write_canonical(STREAM, path)
    with path.open("rb") as lines:
        return STREAM, [orjson.loads(line) for line in islice(lines, wanted)]


def _shop_events() -> Iterator[Document]:
    shop = Shop(seed=1, events_per_second=_SHOP_EVENTS_PER_SECOND, start_ms=_SHOP_START_MS, noisy=False)
    return (orjson.loads(value) for _, _, value in shop if value is not None)


def _write(path: Path, events: list[Document], copies: int) -> Work:
    """Writes each event with its copies beside it, as if so many shops were open at the same time."""
    names = [f"~{copy}" for copy in range(copies)]
    with path.open("wb", buffering=1 << 20) as out:
        for event in events:
            out.writelines(_copy(event, name) for name in names)
    return Work(path, len(events) * copies, _truth(events, names))


def _copy(event: Document, name: str) -> bytes:
    ids = {key: event[key] + name for key in ("event_id", "visitor_id")}
    return orjson.dumps({**event, **ids}, option=orjson.OPT_APPEND_NEWLINE)


def _truth(events: list[Document], names: list[str]) -> Truth:
    """The oracle, once, for all copies; that it is right about the real stream is held by tests/unit."""
    sessions = [found.key for found in oracle.sessions(events)]
    fired = oracle.abandonments(events)
    abandonments = [(one.visitor_id, one.fires_at_ms) for one in fired]
    recovered = [
        (*found, "recovered") for found, one in zip(abandonments, fired, strict=True) if one.recovered_at_ms
    ]
    active = [(*found, "active") for found in abandonments]
    return Truth(_each(sessions, names), _each(abandonments, names), _each(active + recovered, names))


def _each(found: list[tuple[Any, ...]], names: list[str]) -> Found:
    return Counter((visitor + name, *rest) for name in names for visitor, *rest in found)
