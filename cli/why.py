"""`scripts/why`: why a rule fired for a visitor, or why it did not."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click
import orjson

from cli.options import CONTEXT, embedded_addresses, embedded_settings, reported_failures, settings_options
from cli.submit import DEFAULT_URL
from jobs.active_rules import active_rules
from jobs.offline.times import since_ms
from jobs.offline.why.answers import explain, others
from jobs.offline.why.reading import gather, running
from jobs.offline.why.report import chosen_rules, document, headlines, lines
from jobs.settings import Settings, load


@click.command(context_settings=CONTEXT)
@click.argument("visitor", required=False)
@click.argument("rule", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines for people.")
@click.option(
    "--since",
    metavar="SPAN|TIME",
    help="Read of the topics only what came in since: 90s, 15m, 2h, 7d ago, or an ISO 8601 time. "
    "Default: all that they hold.",
)
@click.option(
    "--rest-url", help=f"Flink's REST address. Default: that of a running scripts/run, else {DEFAULT_URL}."
)
@click.option(
    "--slice",
    "position",
    metavar="TOPIC:PARTITION:OFFSET",
    help="Instead of a visitor: replay what a running job could not take, the event that its failure names.",
)
@settings_options
def main(
    visitor: str | None,
    rule: str | None,
    position: str | None,
    as_json: bool,
    since: str | None,
    rest_url: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Explain why RULE, or each active rule, fired for VISITOR and on what evidence; or why it did not.

    Reads the visitor's events, late and rejected ones too, from the topics up to their present ends, signals
    from Elasticsearch, decisions about triggers, and how far event time has come from Flink. Numbers like the
    session gap are those that the running job says it works with, unless a setting says otherwise.

    Exit status: 0 with an answer, whatever it is; 1 Kafka or Elasticsearch does not answer; 2 the rule, an
    option or a setting is invalid; 3 with --slice: the engine fails here, too.
    """
    if (visitor is None) == (position is None):
        raise click.UsageError("give a VISITOR, or --slice and the position that a failing job names")
    with reported_failures():
        began_ms = since_ms(since, datetime.now(UTC)) if since else 0
        job, parameters = running(rest_url or embedded_addresses().get("flink", DEFAULT_URL))
        settings = settings_of(settings_file, assignments, parameters)
        if position is not None:
            _replay(position, settings, began_ms)
        assert visitor is not None  # noqa: S101 - for the type checker
        pack = active_rules(settings)
        chosen = chosen_rules(pack, rule)
        facts = gather(settings, visitor, began_ms, job)
        answers = [answer for one in chosen for answer in explain(one, facts)]
        answers += others(pack, facts) if rule is None else []
    if as_json:
        click.echo(orjson.dumps(document(pack, facts, answers)).decode())
    else:
        click.echo("\n".join([*headlines(pack, facts), "", *lines(answers)]))


def _replay(position: str, settings: Settings, since_ms: int) -> NoReturn:
    from jobs.offline.why.slice import replay

    replayed = replay(position, settings, since_ms)
    click.echo("\n".join(replayed.lines()))
    sys.exit(3 if replayed.defect else 0)


def settings_of(file: Path | None, assignments: tuple[str, ...], parameters: dict[str, str]) -> Settings:
    """The settings; where nothing else is said, numbers are those of the running job."""
    numbers = Settings().numbers()
    job = {name: value for name, value in parameters.items() if name in numbers}
    return load(file, assignments, {**job, **embedded_settings()})


if __name__ == "__main__":
    main(prog_name="scripts/why")
