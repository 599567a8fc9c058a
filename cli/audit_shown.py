"""What `scripts/audit` prints, and the repair that it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson
from elasticsearch import Elasticsearch
from rich.table import Table

from jobs.offline.audit import books as audit_books
from jobs.offline.audit.books import SignalBooks
from jobs.offline.audit.sums import Document
from jobs.offline.times import utc
from stack.console import new_console

_AUDITS = {
    "ingest": ("partition", "read", "valid", "duplicate", "late", "rejected"),
    "signals": ("kind", "in_topic", "in_index"),
}
_HINTS = {"ingest": "job audit writes them", "signals": "there are no signals in the topic"}
_SHOWN = 20


def repair(
    properties: dict[str, str], client: Elasticsearch, books: SignalBooks, dry_run: bool
) -> SignalBooks:
    """Writes the signals that the index lacks, or says which; returns the books after it."""
    if dry_run:
        for key in books.missing:
            click.echo(orjson.dumps(books.topic[key]).decode())
        click.echo(f"{len(books.missing)} signals would be written", err=True)
        return books
    refused = audit_books.repair(client, books)
    for key, reason in refused.items():
        click.echo(f"signal {key} is refused: {reason}", err=True)
    after = audit_books.read_signals(properties, client)
    click.echo(f"{len(books.missing) - len(after.missing)} signals written", err=True)
    if set(after.missing) - set(refused):
        click.echo(
            f"{len(after.missing)} are still missing: Elasticsearch remembers a deletion for a minute "
            "(index.gc_deletes) and until then takes it for newer; run this again",
            err=True,
        )
    return after


def show_differences(bad: list[Document], books: SignalBooks, lists: bool) -> bool:
    """Says what does not balance, the oldest first; returns whether everything does."""
    if bad:
        click.echo(
            f"ingest: {len(bad)} windows do not balance; the first began {_time(bad[0])}, "
            f"partition {bad[0]['partition']}, difference {bad[0]['difference']}"
        )
    if books.missing:
        click.echo(f"signals: {len(books.missing)} are missing or old in the index; --repair writes them")
    for key in books.missing if lists else ():
        click.echo(key)
    if not bad and not books.missing:
        click.echo("everything balances")
    return not bad and not books.missing


def hold_against(
    lake: Path, properties: dict[str, str], ingest: list[Document], bad: list[Document], lists: bool
) -> bool:
    """The lake's events against the valid ones of each settled window."""
    held = audit_books.lake_windows(lake)
    differ = [
        row
        for row in audit_books.settled(ingest)
        if held.get((row["window_start_ms"], row["partition"]), (0, 0))
        != (row["valid"], row["valid_checksum"])
    ]
    for row in differ[:_SHOWN]:
        count = held.get((row["window_start_ms"], row["partition"]), (0, 0))[0]
        click.echo(
            f"lake: {_time(row)} partition {row['partition']}: {count} events, {row['valid']} are valid"
        )
    if not differ:
        click.echo(f"lake: {sum(count for count, _ in held.values())} events, as the ledger has them")
    first = next(iter([*bad, *differ]), None)
    if lists and first:
        window = first["window_start_ms"], first["partition"]
        for offset, event_id in audit_books.missing_events(properties, lake, *window):
            click.echo(f"missing: partition {window[1]} offset {offset} event_id {event_id}")
    return not differ


def show_windows(found: dict[str, list[Document]], last: int) -> None:
    """The newest windows of both audits, as tables."""
    out = new_console(stderr=False)
    for audit, columns in _AUDITS.items():
        rows = found[audit]
        if not rows:
            out.print(f"{audit}: no windows; {_HINTS[audit]}")
            continue
        table = Table(audit, "window (UTC)", *columns, "difference", "checksum", box=None, pad_edge=False)
        for row in rows[-last:]:
            cells = [str(_cell(row.get(column))) for column in columns]
            same = "same" if not row["checksum_difference"] else "differs"
            table.add_row("", _time(row), *cells, str(row["difference"]), same)
        out.print(table)


def _cell(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return ", ".join(f"{name} {count}" for name, count in value.items() if count) or 0


def _time(row: Document) -> str:
    return utc(row["window_start_ms"], "%Y-%m-%d %H:%M")
