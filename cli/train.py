"""`scripts/train`: from the lake, a file of events or a plain table to a gated candidate and its report."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.options import CONTEXT, reported_failures
from cli.train_run import plain_table, train
from connectors.contracts.model_inputs import CHURN, MODELS
from connectors.models.registry import Registry
from jobs.offline.training.events import read_events
from jobs.offline.training.pipeline import Task
from jobs.offline.training.rows import HOUR_MS, Moments
from jobs.offline.training.runs import in_time, learnable, meaning, rows_of
from jobs.offline.training.search import TRIALS
from jobs.wiring import VERSION
from stack.console import new_console
from stack.shop.history import generated_events


@click.command(context_settings=CONTEXT)
@click.argument("model", type=click.Choice([*MODELS, "table"]))
@click.option(
    "--events", "file", type=click.Path(path_type=Path),
    help="The lake's folder, or JSON lines of events, plain or .gz.",
)  # fmt: skip
@click.option(
    "--scores", type=click.Path(path_type=Path),
    help="With --events: learn from what was scored, JSON lines of footfall.scores; the events label it.",
)  # fmt: skip
@click.option("--generated", type=click.IntRange(10_000), metavar="N", help="N events of the generated shop.")
@click.option(
    "--table", "table_file", type=click.Path(path_type=Path), help="With `table`: a CSV, plain or .gz."
)
@click.option("--label", default="label", show_default=True, help="With `table`: the column to learn.")
@click.option("--owner", help="With `table`: column whose equal values stay in one part.")
@click.option(
    "--leave-out",
    multiple=True,
    metavar="NAME",
    help="A feature or column that is not to be used; repeatable.",
)
@click.option(
    "--test-days", type=click.FloatRange(0.01), help="Days at the end to judge on. Default: a quarter."
)
@click.option(
    "--every", default=5, show_default=True, type=click.IntRange(1), help="A row each so many events."
)
@click.option(
    "--horizon-hours", default=72.0, show_default=True, type=float, help="Churn: no session for so long."
)
@click.option("--seed", default=1, show_default=True, help="Of everything random.")
@click.option("--trials", type=click.IntRange(1), help="Of the search for each kind of model.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(".footfall/training"), show_default=True,
    help="Folder for the version and its report.",
)  # fmt: skip
@click.option(
    "--models", "registry", type=click.Path(path_type=Path), default=Path("model_artifacts"),
    show_default=True,
    help="The registry: its live version is the one to beat.",
)  # fmt: skip
@click.option("--publish", is_flag=True, help="Add the version to the registry if the gate lets it pass.")
def main(
    model: str,
    file: Path | None,
    scores: Path | None,
    generated: int | None,
    table_file: Path | None,
    label: str,
    owner: str | None,
    leave_out: tuple[str, ...],
    test_days: float | None,
    every: int,
    horizon_hours: float,
    seed: int,
    trials: int | None,
    out: Path,
    registry: Path,
    publish: bool,
) -> None:
    """Train MODEL and judge it on what came later.

    Exit status: 0 the gate lets the candidate pass, 1 it refuses (the report says why), 2 the input or an
    option is invalid.
    """
    if sum(source is not None for source in (file, generated, table_file)) != 1:
        raise click.UsageError("exactly one of --events, --generated and --table is required")
    if (model == "table") != (table_file is not None):
        raise click.UsageError("`table` and --table FILE go together")
    if scores and not file:
        raise click.UsageError("--scores FILE goes with --events: these show what came after")
    console = new_console()
    with reported_failures():
        if table_file:
            split, task = plain_table(console, table_file, label, leave_out, owner, seed)
        else:
            moments = Moments(every=every, horizon_ms=int(horizon_hours * HOUR_MS))
            events = read_events(file) if file else generated_events(generated or 0, seed)
            delay_ms = moments.horizon_ms if model == CHURN else 0
            rows = learnable(rows_of(model, events, moments, scores), leave_out)
            split = in_time(rows, events.end_ms(), test_days, delay_ms)
            task = Task(model, meaning(model, horizon_hours), seed, VERSION, {})
        task = Task(
            task.name, task.label, seed, VERSION, {name: trials or count for name, count in TRIALS.items()}
        )
        passed = train(console, task, split, out / task.name, Registry(registry), publish)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main(prog_name="scripts/train")
