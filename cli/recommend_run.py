"""`scripts/recommend` at work: what it reads, a run, what is printed of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from rich.table import Table

from connectors.adapters import ADAPTERS, AUTO
from stack.console import new_console

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)


def input_options(command: _Command) -> _Command:
    """Adds what `fit` and `evaluate` read."""
    options = (
        click.option("--events", "file", type=_PATH, required=True,
                     help="The lake's folder, or JSON lines, plain or .gz; of other adapters also .csv."),
        click.option("--adapter", type=click.Choice([AUTO, *ADAPTERS]), default="canonical",
                     show_default=True, help="What converts the messages of a file."),
        click.option("--test-days", type=click.FloatRange(0.01),
                     help="At the end, to judge on. Default: a third."),
        click.option("--seed", default=1, show_default=True, help="Of everything random."),
        click.option("--out", type=_PATH, default=Path(".footfall/recommend"), show_default=True,
                     help="Folder for the report, and of `fit` for the version."),
        click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def run(file: Path, adapter: str, test_days: float | None, seed: int) -> Any:
    """A run over the events of a lake or a file."""
    from jobs.offline.recommend import runs
    from jobs.offline.training.events import read_events

    with new_console().status("reading") as status:
        return runs.run(read_events(file, adapter), test_days, seed, status.update)


def show(found: Any, objections: list[str] | None, out: Path, as_json: bool) -> None:
    """Writes the report and prints the figures."""
    from jobs.offline.recommend import report, runs

    click.echo(f"report: {report.write(found, objections, out / 'report')}", err=True)
    if as_json:
        click.echo(orjson.dumps(runs.document(found)).decode())
        return
    shown = Table("shown by", "recall@20", "map@20", "coverage@20", box=None, pad_edge=False)
    for row in report.rows(found):
        shown.add_row(*row)
    new_console(stderr=False).print(shown)
    for line in report.said(found):
        click.echo(line)
