"""`scripts/segments fit`: clusters of visitors as a version of a model."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from cli.options import reported_failures
from connectors.adapters import ADAPTERS, AUTO
from connectors.models.registry import Registry
from jobs.offline.segments.methods import ALGORITHMS, FEWEST, MOST
from jobs.offline.training.events import CANONICAL, read_events
from jobs.wiring import VERSION
from stack.console import new_console


@click.command()
@click.option(
    "--events", "file", type=click.Path(path_type=Path), required=True,
    help="The lake's folder, or a file as scripts/run --replay takes it: JSON lines, plain or .gz.",
)  # fmt: skip
@click.option(
    "--adapter", type=click.Choice(list(dict.fromkeys([CANONICAL, *ADAPTERS, AUTO]))),
    default=CANONICAL, show_default=True, help="What the lines of the file are.",
)  # fmt: skip
@click.option(
    "--algorithm", "algorithms", type=click.Choice(ALGORITHMS), multiple=True,
    help="A way to try; repeatable. Default: all.",
)  # fmt: skip
@click.option("--clusters", type=click.IntRange(FEWEST, MOST), help="How many. Default: the best number.")
@click.option("--leave-out", multiple=True, metavar="NAME", help="A feature not to be used; repeatable.")
@click.option("--seed", default=1, show_default=True, help="Of everything random.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(".footfall/segments"), show_default=True,
    help="Folder for the version and its report.",
)  # fmt: skip
@click.option(
    "--models", "registry", type=click.Path(path_type=Path), default=Path("model_artifacts"),
    show_default=True, help="The registry: clusters are named after those of its live version.",
)  # fmt: skip
@click.option(
    "--publish", "publishes", is_flag=True, help="Add the version to the registry if the gate passes it."
)
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
def fit(
    file: Path, adapter: str, algorithms: tuple[str, ...], clusters: int | None, leave_out: tuple[str, ...],
    seed: int, out: Path, registry: Path, publishes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find clusters of visitors, and judge them.

    Exit status: 0 the gate lets them pass, 1 it refuses (the report says why), 2 the input or an option is
    invalid, or there are too few visitors.
    """
    from jobs.offline.segments import runs, visitors

    console = new_console()
    with reported_failures(), console.status("reading events") as status:
        wish = runs.Wish(algorithms or ALGORITHMS, clusters, leave_out, seed, VERSION)
        found = visitors.visitors_of(read_events(file, adapter))
        outcome = runs.fit(found, wish, out, Registry(registry), status.update)
        if publishes and not outcome.objections:
            runs.publish(outcome, out, Registry(registry))
    for line in runs.summary(outcome):
        console.print(line)
    for text in outcome.objections:
        console.print(f"refused: {text}", style="red")
    console.print(f"report: {outcome.page}")
    answer = orjson.dumps(outcome.to_document()).decode() if as_json else outcome.version.manifest.version
    click.echo(answer)
    sys.exit(1 if outcome.objections else 0)
