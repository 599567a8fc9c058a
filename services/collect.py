"""`scripts/collect`: runs the collector."""

from __future__ import annotations

import sys
from pathlib import Path

import click

CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.command(context_settings=CONTEXT)
@click.option("--settings", "file", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="One setting; repeatable.")
def main(file: Path | None, assignments: tuple[str, ...]) -> None:
    """Take events from pages and write them to Kafka, until SIGTERM or Ctrl-C.

    POST /c takes batches of Footfall's own tracker and answers 204 once Kafka has acknowledged them.
    Settings: docs/services.md. Exit status: 0 ended by a signal, 2 a setting is no good.
    """
    from connectors.errors import SettingError
    from services.starting import run_collector

    try:
        run_collector(file, assignments)
    except SettingError as error:
        click.echo(f"scripts/collect: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main(prog_name="scripts/collect")
