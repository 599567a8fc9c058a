"""`scripts/rules test` and `try`: rules on timelines and on files of events."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import click

from cli.options import reported_failures, settings_options
from cli.rules_options import (
    chosen,
    rules_option,
)
from connectors.files.arrivals import lines_of
from jobs.offline.rules import trial as rules_try
from jobs.offline.rules.scenarios import read as read_scenarios


@click.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@rules_option
@settings_options
def test(
    scenarios: tuple[Path, ...], folder: Path | None, settings_file: Path | None, assignments: tuple[str, ...]
) -> None:
    """Try rules on timelines: YAML files of events, expected signals and signals that must not come.

    Each runs as written, shuffled within the bound of lateness, and with every event twice, through the
    engine that the jobs run. Exit status: 0 all came true, 1 not all, 2 a rule or a scenario is invalid.
    """
    with reported_failures():
        read = [scenario for path in scenarios for scenario in read_scenarios(path)]
        number, complaints = rules_try.judge(read, chosen(folder, settings_file, assignments))
    for one, complaint in complaints:
        click.echo(f"{one.scenario.scenario} ({one.variant}): {complaint}")
    click.echo(f"{len(read)} scenarios, {number} runs, {len(complaints)} complaints", err=True)
    sys.exit(1 if complaints else 0)


@click.command("try")
@click.argument("events", type=click.Path(path_type=Path))
@rules_option
@click.option("--rule", "name", help="Only signals of this rule.")
@settings_options
def try_(
    events: Path,
    folder: Path | None,
    name: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Print the signals that rules find in EVENTS: JSON lines of events, plain or .gz, in any order.

    One signal a line on standard output, counts by rule on standard error. Nothing is written anywhere.
    """
    with reported_failures():
        settings = chosen(folder, settings_file, assignments)
        values = [line for _, line in lines_of(events)]
        found = rules_try.signals_of_values(values, settings)
    counts = Counter((one["rule"]["name"], one["status"]) for one in found)
    for signal in found:
        if name in (None, signal["rule"]["name"]):
            click.echo(json.dumps(signal))
    for (rule, status), count in sorted(counts.items()):
        click.echo(f"{rule} {status}: {count}", err=True)
    click.echo(f"{len(values)} events, {len(found)} changes of signals", err=True)
