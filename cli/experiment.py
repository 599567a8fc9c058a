"""`scripts/experiment`: which experiments there are, what came of one, how many units one needs."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from cli.options import CONTEXT, embedded_settings, reported_failures, settings_options
from connectors.errors import BadInput
from connectors.files.experiments import load
from jobs import ends
from jobs.offline.experiments import exposures
from jobs.offline.experiments.definitions import definitions
from jobs.offline.memberships import moves_of_path
from jobs.settings import load as settings_of
from stack.console import new_console

_PATH = click.Path(path_type=Path)
_FOLDER = click.option("--experiments", "folder", type=_PATH, required=True, help="Folder of *.yaml.")
_JSON = click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Show, plan and analyse experiments (docs/experiments.md)."""


@main.command("list")
@_FOLDER
def show_all(folder: Path) -> None:
    """List the experiments with weights and plan. Exit status: 0, 2 a file is wrong."""
    with reported_failures():
        found = load(folder)
    if found.holdout:
        click.echo(f"holdout {found.holdout.version}  {found.holdout.share:.1%} of all units")
    for one in found.experiments:
        arms = " ".join(f"{arm}:{weight}" for arm, weight in one.arms.items())
        layer = f"  {one.layer.name} {one.layer.begin:g}-{one.layer.end:g}" if one.layer else ""
        click.echo(f"{one.name} {one.version}  {arms}  ramp {one.ramp:.0%}{layer}  plan {one.plan}")


@main.command()
@click.argument("name")
@click.option("--experiments", "folder", type=_PATH, help="Default: as the lake kept it.")
@click.option("--version", type=click.IntRange(1), help="Default: the one in force, or the newest kept.")
@click.option("--events", "events_path", type=_PATH, required=True,
              help="The lake's folder, or JSON lines of events, plain or .gz.")  # fmt: skip
@click.option("--exposures", "files", type=_PATH, multiple=True,
              help="JSON lines of exposures or triggers; repeatable. Default: their topics.")  # fmt: skip
@click.option("--planned", type=click.IntRange(100), default=10_000, show_default=True,
              help="Units that you plan for; fix it before the first look.")  # fmt: skip
@click.option("--before-days", type=click.FloatRange(0), default=14.0, show_default=True,
              help="Span before the exposure whose orders are covariates.")  # fmt: skip
@click.option("--currency", help="Of revenue. Default: the commonest.")
@click.option("--by", type=click.Choice(["segment"]), help="Each segment by itself, as of the exposure, too.")
@click.option("--segments", "lifecycle", type=_PATH, help="Folder or file of segments. Default: the shipped.")
@click.option("--out", type=_PATH, help="Folder for report.html and report.json.")
@_JSON
@settings_options
def analyse(
    name: str, folder: Path | None, version: int | None, events_path: Path, files: tuple[Path, ...],
    planned: int, before_days: float, currency: str | None, by: str | None, lifecycle: Path | None,
    out: Path | None, as_json: bool, settings_file: Path | None, assignments: tuple[str, ...],
) -> None:  # fmt: skip
    """Say what came of the experiment NAME; `holdout` is the global holdout.

    Exit status: 0, 1 units are not split by their weights: trust no figure, 2 the input is invalid.
    """
    from jobs.offline.experiments import analysis, report, visitors

    with reported_failures():
        settings = settings_of(settings_file, assignments, embedded_settings())
        running = definitions(name, folder, events_path, version)
        broker = ends.kafka("experiment", settings)
        values = exposures.lines(files) if files else exposures.messages(broker.client_properties())
        one, exposed = exposures.of_experiment(exposures.exposures(values), running, name)
        found = analysis.analysed(
            one, exposed, visitors.events(events_path),
            planned=planned, before_ms=int(before_days * 86_400_000), currency=currency,
            moves=moves_of_path(events_path, settings, lifecycle) if by else None,
        )  # fmt: skip
        if out:
            click.echo(f"report: {report.write(found, out)}", err=True)
    if as_json:
        click.echo(orjson.dumps(found.to_document()).decode())
    else:
        new_console(stderr=False).print(*report.shown(found), sep="\n")
    sys.exit(1 if found.mismatch else 0)


@main.command()
@click.option(
    "--mean", type=click.FloatRange(0, min_open=True), required=True, help="A visitor's in control."
)
@click.option("--deviation", type=click.FloatRange(0, min_open=True), help="Default: that of a share.")
@click.option("--uplift", type=float, required=True, help="Relative: 0.05 is 5 %.")
@click.option("--power", "chance", type=click.FloatRange(0.01, 0.999), default=0.8, show_default=True)
@_JSON
def power(mean: float, deviation: float | None, uplift: float, chance: float, as_json: bool) -> None:
    """Say how many units of two equal arms together find an uplift. Exit status: 0, 2 invalid."""
    from jobs.offline.experiments import estimates

    with reported_failures():
        if uplift == 0 or (deviation is None and mean >= 1):
            raise BadInput("an uplift other than 0, and --deviation for a mean of 1 or more, are required")
        found = estimates.power(mean, deviation or (mean * (1 - mean)) ** 0.5, uplift, chance)
    told = {"units": found.units, "units_any_look": found.always}
    click.echo(orjson.dumps(told).decode() if as_json else
               f"{found.units:,} units for one look, at most {found.always:,} for any look")  # fmt: skip


if __name__ == "__main__":
    main(prog_name="scripts/experiment")
