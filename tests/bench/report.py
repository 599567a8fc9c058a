"""The benchmark's figures: rates and their ratios, as a table for people and as JSON for comparisons."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from tests.bench.cluster import Times


@dataclass(frozen=True)
class Variant:
    """One way to do the work: its name in the JSON, its line in the table."""

    name: str
    what: str


MAIN = Variant("main", "(a) the main job: sessions, carts; index off")
MAIN_INDEXED = Variant("main_indexed", "(a2) the main job, indexed")
MAIN_BESIDE = Variant("main_indexed_beside", "(a3) the main job, a process beside it indexes")
CEILING = Variant("sql_ceiling", "(b) SQL: parse JSON, close sessions")
NAIVE = Variant("naive_python", "(c) Python KeyedProcessFunction: sessions, carts")
BATCH = Variant("polars_batch", "(d) polars, no stream: sessions, carts")
PARSING = Variant("parse_only", "(e) SQL: parse JSON, nothing else")
INGEST = Variant("ingest_only", "(f) Footfall's ingest alone, ledger on")
SUITE = Variant("suite", "(g) the suite: features, all rules, scores; index off")
SUITE_INDEXED = Variant("suite_indexed", "(g2) the suite as shipped")
VARIANTS = (MAIN, MAIN_INDEXED, MAIN_BESIDE, CEILING, NAIVE, BATCH, PARSING, INGEST, SUITE, SUITE_INDEXED)
# What over what is worth a number.
RATIOS = (
    (MAIN, CEILING),
    (MAIN_INDEXED, MAIN),
    (MAIN_INDEXED, MAIN_BESIDE),
    (MAIN_INDEXED, CEILING),
    (MAIN, NAIVE),
    (MAIN, BATCH),
    (SUITE, CEILING),
    (SUITE_INDEXED, CEILING),
    (INGEST, PARSING),
)


@dataclass
class Report:
    """Every run of every variant; the last one of a variant counts, the first one warms the machine up."""

    source: str
    copies: int
    runs: dict[str, list[tuple[int, Times]]] = field(default_factory=dict)

    def add(self, variant: Variant, events: int, times: Times) -> None:
        """Notes a run."""
        self.runs.setdefault(variant.name, []).append((events, times))

    def rates(self, variant: Variant) -> list[float]:
        """Events per second of each run, start-up not counted."""
        return [events / times.working for events, times in self.runs[variant.name]]

    def ratio(self, over: Variant, under: Variant) -> float:
        """How many times as fast one is as the other, in this run of the benchmark."""
        return self.rates(over)[-1] / self.rates(under)[-1]

    def show(self, console: Console) -> None:
        """Prints rates and ratios."""
        cores = f"{os.cpu_count()} cores"
        table = Table(title=f"{self.source}, {self.copies} x; {cores}")
        for heading in ("", "events", "start-up s", "work s", "first run /s", "second run /s"):
            table.add_column(heading, justify="right" if heading else "left")
        for variant in VARIANTS:
            table.add_row(*self._row(variant))
        console.print(table)
        for over, under in RATIOS:
            console.print(f"{over.name} / {under.name} = {self.ratio(over, under):.3g}")

    def _row(self, variant: Variant) -> list[str]:
        events, times = self.runs[variant.name][-1]
        rates = [f"{rate:,.0f}" for rate in self.rates(variant)]
        return [variant.what, f"{events:,}", f"{times.start_up:.1f}", f"{times.working:.2f}", *rates]

    def write(self, path: Path) -> None:
        """Writes everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(self.to_document(), option=orjson.OPT_INDENT_2))

    def to_document(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "source": self.source,
            "copies": self.copies,
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "variants": {variant.name: self._entry(variant) for variant in VARIANTS},
            "ratios": {f"{over.name}/{under.name}": self.ratio(over, under) for over, under in RATIOS},
        }

    def _entry(self, variant: Variant) -> dict[str, Any]:
        return {
            "what": variant.what,
            "events": self.runs[variant.name][-1][0],
            "events_per_second": [round(rate, 1) for rate in self.rates(variant)],
            "seconds": [asdict(times) for _, times in self.runs[variant.name]],
        }
