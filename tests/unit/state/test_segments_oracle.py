"""Segments on real streams: every move of every visitor is that of the naive answer, however the stream is cut."""

from __future__ import annotations

import os
import random
import zlib
from bisect import bisect_right
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from state.engine import Engine
from state.options import Options
from tests import datasets
from tests.engine_runs import DAY, HOUR, MINUTE, Document, documents, lines
from tests.segment_files import scaled, segments_of
from tests.segment_oracle import Teller, read, segment_at

# The spans are those that are shipped, by so much shorter: 28 days become 2.3 and 1.4 of the streams' 14 and 9.
STREAMS = {"ga360_20160801_20160814": 12, "taobao_114users": 20}
Moves = dict[str, list[tuple[int, str, str]]]
BOUND = 2_000
ALL = int(
    os.environ.get("FOOTFALL_SEGMENTS_ONE_IN", "8")
)  # of the large stream one visitor in eight; 1: all of them


def taken(stream: str, one_in: int) -> list[Document]:
    """The events of one visitor in so many."""
    events = datasets.canonical_events(stream)
    return [one for one in events if zlib.crc32(one["visitor_id"].encode()) % one_in == 0]


def arrivals(events: list[Document], seed: int) -> list[Document]:
    """Shuffled within the bound of lateness, and one in twenty twice."""
    chance = random.Random(seed)
    doubled = events + chance.sample(events, len(events) // 20)
    return sorted(doubled, key=lambda one: one["event_time_ms"] + chance.uniform(0, BOUND))


def moves_of(signals: list[Document]) -> Moves:
    """Of each visitor what it left and came into, and when."""
    found: dict[str, dict[int, list[str]]] = defaultdict(dict)
    for one in signals:
        if one["kind"] == "segment_entered":
            evidence = one["evidence"]
            moved = (evidence.get("before", ""), evidence["segment"])
            found[one["visitor_id"]].setdefault(one["occurred_at_ms"], []).append(moved)
    return {who: [(at, *move) for at in sorted(moves) for move in moves[at]] for who, moves in found.items()}


def wanted_moves(events: list[Document], path: Path, until: int) -> Moves:
    definition, stories = read(path), defaultdict(list)
    for one in events:
        stories[one["visitor_id"]].append(one)
    return {who: Teller(definition, own).tell(until) for who, own in stories.items()}


def run(
    events: list[Document], path: Path, slice_ms: int, read_until_ms: int = 0, **more: Any
) -> list[Document]:
    options = Options(
        bounded=read_until_ms > 0,
        read_until_ms=read_until_ms,
        bot_events_per_minute=0,
        bot_events_per_day=0,
        emits=frozenset(["signal"]),
    )
    engine = Engine(options, segments=segments_of(path), buckets=4, **more)
    return documents(engine.run(lines(events), slice_ms), "signal")


@pytest.mark.parametrize(
    ("stream", "one_in", "ways"),
    [
        ("ga360_20160801_20160814", ALL, (DAY,)),
        ("ga360_20160801_20160814", 32, (50, MINUTE, HOUR)),
        ("taobao_114users", 1, (50, HOUR, DAY)),
    ],
)
def test_every_visitor_is_where_the_naive_answer_has_it(
    stream: str, one_in: int, ways: tuple[int, ...], tmp_path: Path
) -> None:
    events, path = taken(stream, one_in), scaled(tmp_path, STREAMS[stream])
    times = [one["event_time_ms"] for one in events]
    begins, ends = min(times), max(times) + 60 * DAY // STREAMS[stream]
    wanted = wanted_moves(events, path, ends + 1)
    chance = random.Random(stream)
    instants = sorted(chance.randint(begins, ends) for _ in range(100))
    seen = {segment for moves in wanted.values() for *_, segment in moves}
    assert seen == {"engaged", "new", "casual", "at_risk", "lapsed"}
    for number, slice_ms in enumerate(ways):
        # Every other time nothing stays in memory between slices: each visitor was bytes in between.
        live = 100_000 if number % 2 else 0
        found = moves_of(run(arrivals(events, number), path, slice_ms, live=live))
        assert found.keys() == wanted.keys()
        for who, moves in wanted.items():
            at = [_at(found[who], instant) for instant in instants]
            assert at == [segment_at(moves, instant) for instant in instants], who
        assert found == wanted  # not only there


@pytest.mark.parametrize("slice_ms", [MINUTE, DAY])
def test_a_bounded_read_ends_with_its_newest_event(slice_ms: int, tmp_path: Path) -> None:
    stream = "ga360_20160801_20160814"
    events, path = taken(stream, 32), scaled(tmp_path, STREAMS[stream])
    newest = max(one["event_time_ms"] for one in events)
    wanted = wanted_moves(events, path, newest + 1)
    assert sum(len(moves) > 1 for moves in wanted.values()) > 100
    assert moves_of(run(arrivals(events, 7), path, slice_ms, newest, live=0)) == wanted


def _at(moves: list[tuple[int, str, str]], instant: int) -> str:
    number = bisect_right([at for at, *_ in moves], instant)
    return moves[number - 1][2] if number else ""
