"""`scripts/prepare`: what jobs and services need before they start: topics, indices, models."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import CONTEXT, embedded_settings, reported_failures, settings_options
from jobs.settings import load
from stack.runs.deploy import create_ends, fill_registry


@click.command(context_settings=CONTEXT)
@click.option(
    "--copies", type=click.IntRange(1, 9), default=1, show_default=True,
    help="Copies of the data of each topic and index that is created.",
)  # fmt: skip
@click.option(
    "--models", type=click.Path(path_type=Path, file_okay=False),
    help="Also put the shipped models into this folder, if it is empty.",
)  # fmt: skip
@settings_options
def main(copies: int, models: Path | None, settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Create the topics and indices that are missing, and change nothing that is there.

    Exit status: 0 all are there, 1 Kafka or Elasticsearch does not answer or refuses, 2 an option or a
    setting is invalid.
    """
    with reported_failures():
        create_ends(load(settings_file, assignments, embedded_settings()), copies)
        click.echo("topics and indices are there")
        if models:
            click.echo(f"{models}: {'shipped models copied' if fill_registry(models) else 'left as it is'}")


if __name__ == "__main__":
    main(prog_name="scripts/prepare")
