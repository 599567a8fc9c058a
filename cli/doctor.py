"""`scripts/doctor`: what is wrong with a running installation, the most harmful first."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from cli.options import CONTEXT, embedded_addresses, embedded_settings, reported_failures, settings_options
from jobs.offline.doctor.causes import Finding
from jobs.offline.doctor.examination import examine
from jobs.settings import load


@click.command(context_settings=CONTEXT)
@click.option(
    "--rest-url", metavar="URL", help="Flink's REST interface; default: that of a running scripts/run."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@settings_options
def main(
    rest_url: str | None, as_json: bool, settings_file: Path | None, assignments: tuple[str, ...]
) -> None:
    """Look at Flink, Kafka and Elasticsearch, and say what is wrong, the most harmful first.

    Takes some seconds; changes nothing. Each finding has what was seen, what it means, what to do, and the
    page about it. Exit status: 0 nothing is wrong, 1 something is, 2 an option or setting is invalid.
    """
    with reported_failures():
        settings = load(settings_file, assignments, embedded_settings())
        found = examine(rest_url or embedded_addresses().get("flink", "http://127.0.0.1:8081"), settings)
    if as_json:
        click.echo(
            json.dumps({"healthy": not found, "findings": [one.to_document() for one in found]}, indent=2)
        )
    else:
        _show(found)
    sys.exit(1 if found else 0)


def _show(found: list[Finding]) -> None:
    if not found:
        click.echo("nothing is wrong")
    for number, one in enumerate(found, 1):
        document = one.to_document()
        click.echo(f"{number}. {one.cause}: {document['meaning']}")
        click.echo(f"   where:      {one.where}\n   seen:       {one.seen}")
        click.echo(f"   what to do: {document['action']} ({document['page']})")


if __name__ == "__main__":
    main(prog_name="scripts/doctor")
