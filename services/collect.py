"""`scripts/collect`: runs the collector."""

from __future__ import annotations

from pathlib import Path

import click

from services.reporting import CONTEXT, reported_failures


@click.command(context_settings=CONTEXT)
@click.option("--settings", "file", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="One setting; repeatable.")
def main(file: Path | None, assignments: tuple[str, ...]) -> None:
    """Take events from pages and write them to Kafka, until SIGTERM or Ctrl-C.

    POST /c takes batches of Footfall's own tracker and answers 204 once Kafka has acknowledged them.
    Settings: docs/services.md. Exit status: 0 ended by a signal, 2 a setting is invalid.
    """
    from services.starting import run_collector

    with reported_failures():
        run_collector(file, assignments)


if __name__ == "__main__":
    main(prog_name="scripts/collect")
