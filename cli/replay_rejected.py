"""`scripts/replay-rejected`: dead letters back into ingest, after a look and perhaps a fix."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from cli.options import CONTEXT, embedded_settings, reported_failures, settings_options
from connectors.adapters import ADAPTERS, AUTO
from connectors.contracts.rejected import REASONS
from jobs import ends
from jobs.offline.fixing import Fix, load_fix
from jobs.offline.letters import Choice, Report, Sender, letters, mend, replayed
from jobs.offline.times import since_ms
from jobs.settings import load


@click.command(context_settings=CONTEXT)
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice(REASONS),
    metavar="REASON",
    help="Only these (docs/contracts.md#rejected); repeatable.",
)
@click.option("--field", "fields", multiple=True, help="Only with this field at fault; repeatable.")
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    type=click.Choice([*ADAPTERS, AUTO]),
    help="Only these; repeatable.",
)
@click.option(
    "--since", metavar="SPAN|TIME", help="Refused since: 90s, 2h, 7d ago, or an ISO 8601 time (UTC)."
)
@click.option("--until", metavar="SPAN|TIME", help="Before it.")
@click.option("--fix", "fix_file", type=click.Path(path_type=Path), help="TOML file: rename, cast, default.")
@click.option("--send", is_flag=True, help="Send them. Without it nothing is written: the dry run.")
@settings_options
def main(
    reasons: tuple[str, ...],
    fields: tuple[str, ...],
    adapters: tuple[str, ...],
    since: str | None,
    until: str | None,
    fix_file: Path | None,
    send: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Send dead letters to ingest again, those that it would now take.

    Says what would happen, as JSON; --send does it. Only what is in the topic at the start is looked at.
    Events go to footfall.events.reentry, never to the topic they came from. A letter is sent once: running
    this twice changes nothing. Exit status: 0 also when there is nothing to send, 1 Kafka does not answer,
    2 an option or a file is invalid.
    """
    with reported_failures():
        settings = load(settings_file, assignments, embedded_settings())
        properties = ends.kafka("replay-rejected", settings).client_properties()
        fix = load_fix(fix_file) if fix_file else Fix()
        choice = Choice(frozenset(reasons), frozenset(fields), frozenset(adapters), *_times(since, until))
        report = run(properties, choice, fix, send, settings.out_of_orderness_ms)
    click.echo(orjson.dumps(report.to_document(), option=orjson.OPT_INDENT_2).decode())


def run(properties: dict[str, str], choice: Choice, fix: Fix, send: bool, out_of_orderness_ms: int) -> Report:
    """One run, with `send` or dry; what it found and did.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    report, sender = Report(sent=send), Sender(properties) if send else None
    late_ms = int(time.time() * 1000) - out_of_orderness_ms
    mended = mend(letters(properties), replayed(properties), choice, fix, report, late_ms)
    if sender is None:
        for _ in mended:
            pass
    else:
        with closing(sender):
            sender.send(mended)
    return report


def _times(since: str | None, until: str | None) -> tuple[int, int]:
    now = datetime.now(UTC)
    return since_ms(since, now) if since else 0, since_ms(until, now) if until else 2**63


if __name__ == "__main__":
    main(prog_name="scripts/replay-rejected")
