"""What a benchmark has found: a table for people, JSON to compare runs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from stack.package import ROOT

FOLDER = ROOT / ".footfall" / "bench"
CONSOLE = Console(stderr=True, width=140)


def number(name: str, default: int) -> int:
    """The number in the environment's variable FOOTFALL_BENCH_<NAME>."""
    return int(os.environ.get(f"FOOTFALL_BENCH_{name}", default))


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table; numbers to the right."""
    table = Table(title=title, title_justify="left", box=None)
    for index, name in enumerate(head):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=140).print(table)


def write(name: str, **found: Any) -> None:
    """Writes `.footfall/bench/<name>.json`, with what it was measured on."""
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    path.write_bytes(orjson.dumps({"on": machine, **found}, option=options))
    print(f"written: {path}")
