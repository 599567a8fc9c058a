"""`scripts/signals`: what the signals index holds, as a table or as JSON lines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
from rich.table import Table

from cli.options import CONTEXT, elasticsearch_ends, reported_failures, settings_options
from connectors.contracts.signals import SIGNAL_STATUSES
from jobs.offline.signals import Document, query_of, search
from jobs.offline.times import since_ms, utc
from stack.console import new_console


@click.command(context_settings=CONTEXT)
@click.option("--visitor", help="Only this visitor's.")
@click.option("--kind", help="Only this kind, e.g. cart_abandoned.")
@click.option("--status", type=click.Choice(SIGNAL_STATUSES), help="Only in this state.")
@click.option(
    "--since", metavar="SPAN|TIME", help="Occurred since: 90s, 15m, 2h, 7d ago, or an ISO 8601 time."
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Newest so many."
)
@click.option("--json", "as_json", is_flag=True, help="Whole documents, one a line, instead of a table.")
@click.option("--url", help="Elasticsearch. Default: that of a running scripts/run, else the setting.")
@settings_options
def main(
    visitor: str | None,
    kind: str | None,
    status: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
    url: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Show signals from Elasticsearch, the newest first.

    Exit status: 0 also when none matches, 1 Elasticsearch does not answer or refuses, 2 an option or a
    setting is invalid.
    """
    with reported_failures():
        terms = {"visitor_id": visitor, "kind": kind, "status": status}
        query = query_of(terms, since_ms(since, datetime.now(UTC)) if since else None)
        signals = search(elasticsearch_ends(url, settings_file, assignments), query, limit)
    _print_lines(signals) if as_json else _print_table(signals)


def _print_lines(signals: list[Document]) -> None:
    for signal in signals:
        click.echo(orjson.dumps(signal).decode())


def _print_table(signals: list[Document]) -> None:
    table = Table("occurred (UTC)", "kind", "status", "visitor", "evidence", box=None, pad_edge=False)
    for signal in signals:
        table.add_row(
            utc(signal["occurred_at_ms"]),
            signal["kind"],
            signal["status"],
            signal["visitor_id"],
            _why(signal),
        )
    new_console(stderr=False).print(table if signals else "no signal matches")


def _why(signal: Document) -> str:
    """Evidence in a line; of a model its score, and only the names of what spoke for it.

    >>> _why({"model": {}, "score": 0.7, "evidence": {"reasons": [{"feature": "events", "value": 9.0}]}})
    'score=0.7, reasons=events'
    """
    shown = (
        {"score": signal["score"], **signal["evidence"]} if "model" in signal else dict(signal["evidence"])
    )
    if "model" in signal and "reasons" in shown:
        shown["reasons"] = " ".join(reason["feature"] for reason in shown["reasons"])
    return ", ".join(f"{name}={value}" for name, value in shown.items())


if __name__ == "__main__":
    main(prog_name="scripts/signals")
