"""The engine as a worker has it (shipped rules, shipped models), in a plain loop without Flink."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from state.documents import NOWHERE
from state.engine import Engine
from state.logic import Out, SourcePosition
from state.options import Options
from state.rules.language.loading import SHIPPED, load
from state.rules.pack import Pack
from state.visitors.scoring import BatchScorer
from udfs.models import batched, opened

_TIME = re.compile(rb'"event_time_ms":(\d+)')
# What the suite emits.
EMITS = frozenset(
    ("late", "rejected", "alias", "signal", "session", "features", "score", "shadow", "visitor")
)
HOUR_MS = 3_600_000
Slice = tuple[int, list[bytes]]  # its end, its messages


def rules(options: Options) -> Pack:
    """The shipped pack."""
    return Pack.compile(
        [one.rule for one in load([SHIPPED])], options.session_gap_ms, bounded=options.bounded
    )


def models(folder: Any) -> BatchScorer:
    """The live versions of a registry, as a worker asks them."""
    return batched(opened(str(folder)))


def calm_collector() -> None:
    """As udfs/logics.py does on a worker; that module needs pyflink, which not every host here has."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def cut(messages: Iterable[bytes], slice_ms: int) -> Iterator[Slice]:
    """Slices of a stream that is in order of time."""
    for number, found in groupby(messages, key=lambda message: time_of(message) // slice_ms):
        yield (number + 1) * slice_ms, list(found)


def time_of(message: bytes) -> int:
    """The event time, without reading the rest."""
    found = _TIME.search(message)
    assert found, message
    return int(found[1])


def positions(count: int) -> list[SourcePosition]:
    """Places of so many messages: what the ledger counts is arrived at in five minutes of one partition."""
    return [NOWHERE._replace(timestamp_ms=1 << 60)] * count


@dataclass
class Spent:
    """What a run has spent, and what came of it."""

    events: int = 0
    cpu_s: float = 0.0
    seconds: float = 0.0
    documents: dict[str, int] = field(default_factory=dict)
    bytes: int = 0

    @property
    def each_us(self) -> float:
        """Microseconds of processor time an event."""
        return 1e6 * self.cpu_s / max(self.events, 1)

    def add(self, out: Out) -> None:
        """Counts the documents and forgets them."""
        for document in out.documents:
            self.documents[document.kind] = self.documents.get(document.kind, 0) + 1
            self.bytes += len(document.body)


def run(engine: Engine, slices: Iterable[Slice], finish: bool = True) -> Spent:
    """Takes the slices; only what the engine does is on the clock."""
    spent, last = Spent(), (0.0, 0.0)
    for ends_at, values in slices:
        found, last = positions(len(values)), (time.process_time(), time.perf_counter())
        out = engine.take(values, found, ends_at)
        _spend(spent, last)
        spent.events += len(values)
        spent.add(out)
    if finish:
        last = (time.process_time(), time.perf_counter())
        out = engine.finish()
        _spend(spent, last)
        spent.add(out)
    return spent


def _spend(spent: Spent, since: tuple[float, float]) -> None:
    spent.cpu_s += time.process_time() - since[0]
    spent.seconds += time.perf_counter() - since[1]


def engine(
    options: Options | None = None, with_models: bool = True, folder: Any = None, **more: Any
) -> Engine:
    """An engine with what is shipped; `more` as state.engine.Engine takes it."""
    options = options or Options(bounded=True, visitor_step_ms=HOUR_MS, emits=EMITS, scoring=with_models)
    scorer = models(folder) if with_models else None
    more.setdefault("now_ms", lambda: time.time_ns() // 1_000_000)
    return Engine(options, rules(options), scorer, **more)
