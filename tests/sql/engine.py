"""What the engine makes of messages without Flink, for comparison with what the jobs make of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from jobs import devices, visitors
from jobs.active_rules import active_rules, active_segments
from jobs.settings import Settings
from jobs.wiring import VERSION
from state.engine import Engine
from state.logic import Document, Out
from state.options import Options
from tests.engine_runs import scorer
from tests.sql.tables import Message, Row
from udfs.rules import compiled
from udfs.segments import segments_of

WALL_CLOCK = ("detected_at_ms",)


def engine(settings: Settings, more: Iterable[str] = ()) -> Engine:
    """The engine that the suite hosts with these settings; `more` documents are wanted beside its own."""
    chosen = Options.of(settings, {*devices.EMITS, *visitors.EMITS, *more}, VERSION)
    pack = compiled(active_rules(settings), chosen)
    segments = segments_of(active_segments(settings))
    models = scorer() if settings.scoring else None
    return Engine(chosen, pack, models, settings.buckets, segments=segments)


def answered(messages: Sequence[Message], **settings: Any) -> Out:
    """What becomes of messages that are all in time."""
    chosen = Settings.of({"bounded": True, "scoring": False, **settings})
    values, positions = [one.value for one in messages], [one.position for one in messages]
    return engine(chosen).run(values, chosen.slice_ms, positions)


def plain(documents: Iterable[Document]) -> Counter[tuple[Any, ...]]:
    """The documents without what the wall clock says."""
    return Counter((*document[:4], _timeless(document.body)) for document in documents)


def _timeless(body: bytes) -> bytes:
    found = orjson.loads(body)
    for name in WALL_CLOCK:
        found.pop(name, None)
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS)


def counted(verdicts: Iterable[Row]) -> dict[tuple[Any, ...], tuple[int, int]]:
    """(events, checksum) by verdict, partition, arrival window and window of event time."""
    found: dict[tuple[Any, ...], tuple[int, int]] = {}
    for row in verdicts:
        key = (row["verdict"], row["source_partition"], row["arrived_in_ms"], row["window_start_ms"])
        events, checksum = found.get(key, (0, 0))
        found[key] = (events + row["events"], checksum + row["checksum"])
    return found


def counted_by(out: Out) -> dict[tuple[Any, ...], tuple[int, int]]:
    """The same of the engine's answer."""
    return {tuple(key): (events, checksum) for key, (events, checksum) in out.counts.items()}
