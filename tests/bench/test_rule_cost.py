"""What another rule costs: the engine with the shipped pack, and with ten rules more.

Ten, because one alone would be lost in what runs differ by. FOOTFALL_BENCH_COPIES sizes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

from state.engine import Engine
from state.logic import Out
from state.options import Options
from state.rules.language.loading import SHIPPED, load
from state.rules.pack import Pack
from tests.bench import engine_run, figures, workload
from tests.bench.engine_run import EMITS, HOUR_MS
from tests.rule_copies import write_rule

COPIES = figures.number("COPIES", 1)
MORE, COPY, ROUNDS = 10, "_again", 2
MOST_OF_ONE = 0.05


def test_another_rule_costs_less_than_a_twentieth(tmp_path: Path) -> None:
    """In turn, the best of two; what a copy finds is what its original finds."""
    work = workload.make(tmp_path, COPIES)
    engine_run.calm_collector()
    packs = {more: _pack(tmp_path / f"pack-{more}", more) for more in (0, MORE)}
    spent = {more: min(_microseconds(work, packs[more]) for _ in range(ROUNDS)) for more in packs}
    each = (spent[MORE] - spent[0]) / MORE
    rows = [[f"{len(packs[more].kinds)} rules", f"{us:.1f}"] for more, us in spent.items()]
    figures.show(f"microseconds of CPU an event; {each:.2f} a rule", ["", "us"], rows)
    figures.write("rule_cost", events=work.events, microseconds=spent, each=each)
    assert each < MOST_OF_ONE * spent[0]


def _pack(folder: Path, more: int) -> Pack:
    """The shipped pack with so many copies of its rules under other names."""
    folder.mkdir()
    for number, one in enumerate(load([SHIPPED])):
        write_rule(folder, one)
        if number < more:
            write_rule(folder, one, COPY)
    return Pack.compile([one.rule for one in load([folder])], Options().session_gap_ms, bounded=True)


def _microseconds(work: workload.Work, pack: Pack) -> float:
    options = Options(bounded=True, visitor_step_ms=HOUR_MS, emits=EMITS, scoring=False)
    return engine_run.run(Engine(options, pack), engine_run.cut(work.messages(), HOUR_MS)).each_us


def test_a_copy_finds_what_its_original_finds(tmp_path: Path) -> None:
    """So that what was measured is the work of a rule."""
    work, found = workload.make(tmp_path, 1), Counter[str]()
    options = Options(bounded=True, emits=frozenset(["signal"]), scoring=False)
    for out in _taken(Engine(options, _pack(tmp_path / "pack", MORE)), work):
        found.update(orjson.loads(one.body)["kind"] for one in out.documents)
    copied = {name: count for name, count in found.items() if name.endswith(COPY)}
    assert copied == {name: found[name.removesuffix(COPY)] for name in copied} != {}


def _taken(engine: Engine, work: workload.Work) -> Iterator[Out]:
    for ends_at, values in engine_run.cut(work.messages(), HOUR_MS):
        yield engine.take(values, engine_run.positions(len(values)), ends_at)
    yield engine.finish()
