"""`scripts/train`: from the lake, a file of events or a plain table to a gated candidate and its report."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.monitor import lines_of
from cli.options import CONTEXT, failures_told
from connectors.contracts.model_inputs import CHURN, INTENT, MODELS
from connectors.errors import BadInput
from connectors.models.registry import Registry
from jobs.offline import models
from jobs.offline.training import gate, pipeline, report
from jobs.offline.training.evaluation import Estimate, evaluate
from jobs.offline.training.events import Events, Messages, read_events
from jobs.offline.training.examples import Examples, Split, shuffled_split, split_in_time
from jobs.offline.training.logged import logged_examples
from jobs.offline.training.monitor import read_log
from jobs.offline.training.pipeline import Outcome, Task
from jobs.offline.training.rows import HOUR_MS, Moments, model_rows
from jobs.offline.training.search import TRIALS
from jobs.offline.training.search import Progress as Told
from jobs.offline.training.tables import column_aucs, read_table, table_examples
from jobs.wiring import VERSION
from stack.console import new_console
from stack.shop.shop import Shop
from udfs.model_runtime import load_pointed

_DAY_MS = 24 * HOUR_MS
_NEEDED_DAYS = {
    "hour_utc": 7, "weekday_utc": 28, "days_since_first_seen": 28, "days_away": 28, "days_since_purchase": 28,
}  # fmt: skip
_SHOP_START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_SHOP_RATE = 0.5  # events a second, so that the generated span has days


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
    option is no good.
    """
    if sum(source is not None for source in (file, generated, table_file)) != 1:
        raise click.UsageError("exactly one of --events, --generated and --table is required")
    if (model == "table") != (table_file is not None):
        raise click.UsageError("`table` and --table FILE go together")
    if scores and not file:
        raise click.UsageError("--scores FILE goes with --events: these tell what came after")
    console = new_console()
    with failures_told():
        if table_file:
            split, task = _plain(console, table_file, label, leave_out, owner, seed)
        else:
            moments = Moments(every=every, horizon_ms=int(horizon_hours * HOUR_MS))
            events = read_events(file) if file else generated_events(generated or 0, seed)
            delay_ms = moments.horizon_ms if model == CHURN else 0
            rows = _learnable(_rows(model, events, moments, scores), leave_out)
            split = _in_time(rows, events.end_ms(), test_days, delay_ms)
            task = Task(model, _meaning(model, horizon_hours), seed, VERSION, {})
        task = Task(
            task.name, task.label, seed, VERSION, {name: trials or count for name, count in TRIALS.items()}
        )
        passed = _train(console, task, split, out / task.name, Registry(registry), publish)
    sys.exit(0 if passed else 1)


def _meaning(model: str, horizon_hours: float) -> str:
    if model == INTENT:
        return "a purchase in the rest of the session"
    return f"no session within {horizon_hours:g} hours after this one"


def _rows(model: str, events: Events, moments: Moments, scores: Path | None) -> Examples:
    if scores is None:
        return model_rows(model, events, moments)
    return logged_examples(read_log(lines_of(scores), model), model, events, moments)


def _learnable(rows: Examples, leave_out: tuple[str, ...]) -> Examples:
    """The rows without what is to be left out."""
    unknown = sorted(set(leave_out) - set(rows.names))
    if unknown:
        raise BadInput(f"--leave-out {unknown[0]}: no such feature", "docs/features.md lists them")
    span_ms = int(rows.at_ms.max() - rows.at_ms.min())
    return rows.without({*leave_out, *too_early(span_ms)})


def too_early(span_ms: int) -> set[str]:
    """Features that a span so short cannot teach: a model would learn its few days by heart.

    >>> sorted(too_early(6 * _DAY_MS))
    ['days_away', 'days_since_first_seen', 'days_since_purchase', 'hour_utc', 'weekday_utc']
    """
    return {name for name, days in _NEEDED_DAYS.items() if span_ms < days * _DAY_MS}


def generated_events(count: int, seed: int) -> Messages:
    """Events of the generated shop, without its noise."""
    shop = Shop(seed, _SHOP_RATE, _SHOP_START_MS, noisy=False)
    return Messages(value for _, _, value in islice(shop, count) if value is not None)


def _in_time(rows: Examples, end_ms: int, test_days: float | None, delay_ms: int) -> Split:
    """The last days for the test, or without a number the last quarter; validation: a quarter of the rest.

    A label that takes `delay_ms` to be known costs so much time between two parts.
    """
    first_ms, last_ms = int(rows.at_ms.min()), int(rows.at_ms.max())
    test_from_ms = end_ms - int(test_days * _DAY_MS) if test_days else last_ms - (last_ms - first_ms) // 4
    usable_ms = max(test_from_ms - first_ms - 2 * delay_ms, 0)
    return split_in_time(rows, test_from_ms, test_from_ms - delay_ms - usable_ms // 4)


def _plain(
    console: Console, file: Path, label: str, leave_out: tuple[str, ...], owner: str | None, seed: int
) -> tuple[Split, Task]:
    read = read_table(file)
    for name, auc in islice(column_aucs(read, label).items(), 8):
        console.print(f"column {name} alone: AUC {auc:.3f}")
    split = shuffled_split(table_examples(read, label, leave_out, owner), seed)
    return split, Task(
        "table", f"{label} of {file.name}, without {', '.join(leave_out) or 'nothing'}", seed, VERSION, {}
    )


def _train(
    console: Console, task: Task, split: Split, folder: Path, registry: Registry, publish: bool
) -> bool:
    with _bar(console, sum(task.trials.values()) + 1) as told:
        outcome = pipeline.run(task, split, folder, told)
    objections = gate.objections(outcome, _live(outcome, registry))
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


def _live(outcome: Outcome, registry: Registry) -> Estimate | None:
    """Average precision of the live version on the candidate's test rows, if it knows them."""
    pointer = registry.pointer(outcome.task.name)
    if pointer is None:
        return None
    model = load_pointed(registry, outcome.task.name, pointer)
    test = outcome.split.test
    if not gate.same_inputs(model.manifest, test.names):
        return None
    places = [test.names.index(name) for name in model.manifest.names]
    return evaluate(test, model.score(test.features[:, places]), model.manifest.threshold, 0)[
        "average_precision"
    ]


def summary(outcome: Outcome) -> Iterable[str]:
    """The lines that matter most."""
    yield f"{outcome.task.name} {outcome.manifest.version}: {outcome.chosen}, {outcome.task.label}"
    for part, rows in (
        ("train", outcome.split.train),
        ("valid", outcome.split.valid),
        ("test", outcome.split.test),
    ):
        yield f"{part}: {len(rows):,} rows, {int(rows.labels.sum()):,} positive"
    for where, found in {"all": outcome.estimates, **outcome.by_point}.items():
        for scorer, estimates in found.items():
            shown = "  ".join(f"{name} {estimates[name]}" for name in ("average_precision", "auc", "brier"))
            yield f"{where:12} {scorer:12} {shown}"
    yield f"ONNX differs by at most {outcome.parity:.2g} on {outcome.parity_rows:,} rows"


if __name__ == "__main__":
    main(prog_name="scripts/train")
