"""`scripts/recommend`: related items out of the lake: what they are worth, a version, its publishing."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.options import CONTEXT, reported_failures
from cli.recommend_run import input_options, run, show
from connectors.models.registry import Registry
from jobs.offline import models
from jobs.wiring import VERSION

_PATH = click.Path(path_type=Path)
_MODELS = click.option(
    "--models",
    "registry",
    type=_PATH,
    default=Path("model_artifacts"),
    show_default=True,
    help="The registry.",
)


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Fit, judge and publish related items (docs/recommendations.md)."""


@main.command()
@input_options
def evaluate(file: Path, adapter: str, test_days: float | None, seed: int, out: Path, as_json: bool) -> None:
    """Say what the live table, every nightly method and popularity are worth on the last days.

    Exit status: 0, 2 the input is invalid or too little.
    """
    with reported_failures():
        found = run(file, adapter, test_days, seed)
        show(found, None, out, as_json)


@main.command()
@input_options
@_MODELS
def fit(
    file: Path, adapter: str, test_days: float | None, seed: int, out: Path, as_json: bool, registry: Path
) -> None:
    """Choose a method, judge it, and fit it to all events.

    Exit status: 0 the gate lets the version pass, 1 it refuses, 2 the input is invalid or too little.
    """
    from jobs.offline.recommend import gate, runs

    with reported_failures():
        found = run(file, adapter, test_days, seed)
        objections = gate.objections(found.judged, runs.live_algorithm(Registry(registry)))
        manifest = runs.write_version(found, objections, out, VERSION)
        show(found, objections, out, as_json)
        click.echo(f"version: {out / manifest.version}", err=True)
    for text in objections:
        click.echo(f"refused: {text}", err=True)
    sys.exit(1 if objections else 0)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_MODELS
@click.option("--live", is_flag=True, help="Make it live, too.")
def publish(folder: Path, registry: Path, live: bool) -> None:
    """Add the version in FOLDER, as `fit` wrote it, to the registry.

    Exit status: 0, 2 the gate refused the version, or it is not sound.
    """
    with reported_failures():
        manifest = models.publish(Registry(registry), folder)
        click.echo(f"{manifest.name} {manifest.version}")
        if live:
            models.promote(Registry(registry), manifest.name, manifest.version)


if __name__ == "__main__":
    main(prog_name="scripts/recommend")
