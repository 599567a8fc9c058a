"""The engine alone, in a plain loop: where the processor time of an event goes, and what a visitor weighs.

FOOTFALL_BENCH_COPIES sizes the stream, FOOTFALL_BENCH_VISITORS the crowd. Only ratios are asserted.
"""

from __future__ import annotations

import statistics
import tracemalloc
from pathlib import Path

import psutil
import pytest

from stack.package import ROOT
from state.codec import Codec
from state.engine import Engine
from state.options import Options
from tests.bench import crowd, engine_run, figures, workload
from tests.bench.engine_run import EMITS, HOUR_MS, Spent
from tests.bench.parts import Parts

COPIES = figures.number("COPIES", 2)
VISITORS = figures.number("VISITORS", 1_000_000)
LIVE = 100_000  # setting visitors_in_memory
MODELS = ROOT / "model_artifacts"
MINUTE_MS = 60_000
SAMPLE = 20_000
MOST_OF_A_CROWD = 2.5  # times the cost of an event with a hundredth of the visitors
_HEAD = 8  # bytes before an entity's: when it is due (state/bucket.py)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> workload.Work:
    engine_run.calm_collector()
    return workload.make(tmp_path_factory.mktemp("bench"), COPIES)


def test_parts(work: workload.Work) -> None:
    """Whole runs without anybody looking on, then each again with somebody who does."""
    found: dict[str, dict[str, float]] = {}
    ways = {
        "slices of an hour": (HOUR_MS, True),
        "no models": (HOUR_MS, False),
        "slices of a minute": (MINUTE_MS, True),
    }
    for way, (slice_ms, with_models) in ways.items():
        alone, parts = _run(work, slice_ms, with_models), Parts()
        with parts.watching():
            watched = _run(work, slice_ms, with_models)
        assert alone.documents == watched.documents
        assert alone.documents["session"] == work.truth.sessions
        found[way] = {"whole": round(alone.each_us, 2), **parts.microseconds(alone.each_us)}
    names = dict.fromkeys(name for way in found.values() for name in way)
    rows = [[name, *(f"{found[way].get(name, 0.0):.1f}" for way in found)] for name in names]
    figures.show(f"microseconds of CPU an event ({work.events:,} events)", ["", *ways], rows)
    figures.write("engine", source=work.source, events=work.events, microseconds=found)


def _run(work: workload.Work, slice_ms: int, with_models: bool) -> Spent:
    engine = engine_run.engine(with_models=with_models, folder=MODELS)
    return engine_run.run(engine, engine_run.cut(work.messages(), slice_ms))


def test_what_a_visitor_weighs(work: workload.Work) -> None:
    """Bytes when it is over and while it is open; as a live object, what Python's allocator says."""
    options = Options(visitor_step_ms=HOUR_MS, emits=EMITS)
    engine = engine_run.engine(options, folder=MODELS)
    engine_run.run(engine, engine_run.cut(work.messages(), HOUR_MS), finish=False)
    found = {
        "device": _weigh([data for one in engine.devices for _, data in one.store.items()], engine.devices_logic.codec),
        "visitor": _weigh([data for one in engine.visitors for _, data in one.store.items()], engine.visitors_logic.codec),
    }  # fmt: skip
    rows = [[name, *(f"{value:,.0f}" for value in row.values())] for name, row in found.items()]
    figures.show("bytes of each", ["", *next(iter(found.values()))], rows)
    figures.write("weight", source=work.source, events=work.events, bytes=found)
    assert found["visitor"]["encoded, mean"] < found["visitor"]["live, mean"] < 20_000


def _weigh(stored: list[bytes], codec: Codec[object]) -> dict[str, float]:
    sizes = sorted(map(len, stored))
    bodies = [data[_HEAD:] for data in stored[:SAMPLE]]
    tracemalloc.start()
    entities = [codec.decode(body) for body in bodies]
    live = tracemalloc.get_traced_memory()[0] / len(entities)
    tracemalloc.stop()
    return {
        "entities": len(sizes),
        "encoded, mean": statistics.fmean(sizes),
        "median": statistics.median(sizes),
        "95 %": sizes[len(sizes) * 95 // 100],
        "live, mean": live,
    }


def test_more_visitors_do_not_make_an_event_dearer(tmp_path: Path) -> None:
    """Live objects are bounded: of a million, nine in ten are read back from bytes when they come again."""
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size <= VISITORS]
    found = {size: _of_a_crowd(size) for size in sizes}
    rows = [[f"{size:,}", *(f"{value:,.1f}" for value in row.values())] for size, row in found.items()]
    figures.show(f"a crowd; at most {LIVE:,} live objects", ["visitors", *found[sizes[0]]], rows)
    figures.write("crowd", live=LIVE, by_visitors=found)
    assert found[sizes[-1]]["us an event"] <= MOST_OF_A_CROWD * found[sizes[0]]["us an event"]


def _of_a_crowd(visitors: int) -> dict[str, float]:
    options = Options(visitor_step_ms=HOUR_MS, emits=EMITS, scoring=False)
    engine = engine_run.engine(options, with_models=False, live=LIVE)
    before = psutil.Process().memory_info().rss
    spent = engine_run.run(engine, crowd.slices(visitors), finish=False)
    return {
        "us an event": round(spent.each_us, 2),
        "events": spent.events,
        "read back": sum(counts.cold_reads for counts in engine.counts),
        "bytes a visitor": _bytes(engine) / visitors,
        "MiB more than before": (psutil.Process().memory_info().rss - before) / 2**20,
    }


def _bytes(engine: Engine) -> int:
    buckets = (*engine.devices, *engine.visitors)
    return sum(len(data) for bucket in buckets for _, data in bucket.store.items())
