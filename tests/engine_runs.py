"""Runs of the engine without Flink, for the tests of it: events in, documents out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

import orjson

from state.engine import Engine
from state.logic import Out
from state.options import Options
from state.rules.language.loading import SHIPPED, load
from state.rules.pack import Pack
from state.visitor import Moment
from state.visitors.scoring import BatchScorer
from tests import datasets

Document = dict[str, Any]
T0 = 1_700_000_000_000 // 86_400_000 * 86_400_000  # a midnight
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
FOREVER = Options(bounded=True)


def event(visitor: str, event_type: str, at: int, **more: Any) -> Document:
    """An event at so many milliseconds after T0; ids are made of what it is."""
    sequence = more.pop("sequence", 0)
    return {
        "schema": "event/1",
        "event_id": f"{visitor}-{at}-{sequence}-{event_type}",
        "event_type": event_type,
        "event_time_ms": T0 + at,
        "visitor_id": visitor,
        "sequence": sequence,
        **more,
    }


def lines(events: Iterable[Document]) -> list[bytes]:
    return [orjson.dumps(event) for event in events]


@cache
def stream_lines(stream: str, most: int | None = None) -> list[bytes]:
    """A real stream, or the first of it, as JSON lines in the order of its file."""
    return lines(datasets.canonical_events(stream, most))


@cache
def shipped() -> Pack:
    """The pack of rules that is shipped."""
    return Pack.compile([one.rule for one in load([SHIPPED])], 30 * MINUTE, bounded=True)


def scorer() -> BatchScorer:
    """A model that says something else at every moment, and the same about the same moment each time."""
    return BatchScorer(lambda names, moments: [answer(*each) for each in zip(names, moments, strict=True)])


def answer(name: str, moment: Moment) -> Document:
    number = sum(moment.event_id.encode()) % 10 / 10
    model = {"name": name, "version": "1", "sha256": "0" * 64}
    band = "low" if number < 0.3 else "high" if number > 0.6 else "medium"
    said: Document = {"model": model, "score": number, "evidence": {"band": band}}
    return said | {"shadow": {"version": "2", "score": 0.5}} if number > 0.8 else said


def run(values: Iterable[bytes], slice_ms: int = MINUTE, **arguments: Any) -> Out:
    """What the engine makes of a stream; with the shipped rules unless others are given."""
    arguments.setdefault("options", FOREVER)
    arguments.setdefault("pack", shipped())
    return Engine(**arguments).run(values, slice_ms)


def documents(out: Out, kind: str) -> list[Document]:
    return [orjson.loads(document.body) for document in out.documents if document.kind == kind]


def written(out: Out) -> Counter[tuple[Any, ...]]:
    """All that came out, whatever the order of different visitors."""
    return Counter(tuple(document) for document in out.documents)


def verdicts(out: Out) -> Counter[str]:
    """How many events had which verdict."""
    found: Counter[str] = Counter()
    for (verdict, *_), (events, _) in out.counts.items():
        found[verdict] += events
    return found


def mixed(values: list[bytes], seed: int) -> list[bytes]:
    """The same in another order, and one in ten twice."""
    chance = random.Random(seed)
    found = values + chance.sample(values, len(values) // 10)
    chance.shuffle(found)
    return found
