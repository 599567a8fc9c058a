"""`scripts/train` at work: a run with its bar, and what is printed of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from connectors.models.registry import Registry
from jobs.offline import models
from jobs.offline.training import gate, pipeline, report
from jobs.offline.training.examples import Split, shuffled_split
from jobs.offline.training.pipeline import Task
from jobs.offline.training.runs import live_estimate, summary
from jobs.offline.training.search import Progress as Told
from jobs.offline.training.tables import column_aucs, read_table, table_examples
from jobs.wiring import VERSION


def plain_table(
    console: Console, file: Path, label: str, leave_out: tuple[str, ...], owner: str | None, seed: int
) -> tuple[Split, Task]:
    """Parts and task of a plain table; says what its columns are worth alone."""
    read = read_table(file)
    for name, auc in islice(column_aucs(read, label).items(), 8):
        console.print(f"column {name} alone: AUC {auc:.3f}")
    split = shuffled_split(table_examples(read, label, leave_out, owner), seed)
    return split, Task(
        "table", f"{label} of {file.name}, without {', '.join(leave_out) or 'nothing'}", seed, VERSION, {}
    )


def train(
    console: Console, task: Task, split: Split, folder: Path, registry: Registry, publish: bool
) -> bool:
    """Trains, judges and reports; returns whether the gate lets the candidate pass."""
    with _bar(console, sum(task.trials.values()) + 1) as update:
        outcome = pipeline.run(task, split, folder, update)
    objections = gate.objections(outcome, live_estimate(outcome, registry))
    page = report.write(outcome, objections, folder / "report")
    for line in summary(outcome):
        console.print(line)
    for text in objections:
        console.print(f"refused: {text}", style="red")
    console.print(f"report: {page}")
    if publish and not objections:
        manifest = models.publish(registry, folder / outcome.manifest.version)
        console.print(f"published {manifest.name} {manifest.version}; scripts/models promote makes it live")
    click.echo(outcome.manifest.version)
    return not objections


@contextmanager
def _bar(console: Console, steps: int) -> Iterator[Told]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("training", total=steps)
        yield lambda what: progress.update(bar, description=what, advance=1)
