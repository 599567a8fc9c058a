"""`scripts/audit`: does everything add up, what is missing where, and repair of the index from its topic."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from rich.table import Table

from cli.options import CONTEXT, embedded_settings, failures_told, settings_options
from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.errors import IndexUnavailable
from connectors.wording import plainly
from jobs import ends
from jobs.offline.audit import books as audit_books
from jobs.offline.audit.books import SignalBooks
from jobs.offline.audit.sums import Document, metrics
from jobs.offline.times import utc
from jobs.settings import Settings, load
from stack.console import new_console

_AUDITS = {
    "ingest": ("partition", "read", "valid", "duplicate", "late", "rejected"),
    "signals": ("kind", "in_topic", "in_index"),
}
_SHOWN = 20


@click.command(context_settings=CONTEXT)
@click.option(
    "--last", type=click.IntRange(1, 1_000), default=12, show_default=True, help="Show so many windows."
)
@click.option("--missing", "lists", is_flag=True, help="List the ids that are missing.")
@click.option(
    "--lake",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also hold the lake against the ledger; with --missing, find the events of the first bad window.",
)
@click.option(
    "--repair", "mends", is_flag=True, help="Write the signals that the index lacks, from the topic."
)
@click.option("--dry-run", is_flag=True, help="With --repair: only print what would be written.")
@click.option(
    "--metrics",
    "metrics_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the counts for Prometheus, as a text file that its node exporter collects.",
)
@settings_options
def main(
    last: int,
    lists: bool,
    lake: Path | None,
    mends: bool,
    dry_run: bool,
    metrics_file: Path | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Audit what was read and what became of it, and the signals of the topic against the index.

    Job `audit` must run for the first; the signals are compared here and now, and written to the audit's
    index. Windows that are still being counted are not judged. Exit status: 0 everything balances (after the
    repair, if there was one), 1 something does not or an end does not answer, 2 an option is no good.
    """
    if dry_run and not mends:
        raise click.UsageError("--dry-run goes with --repair")
    with failures_told():
        settings = load(settings_file, assignments, embedded_settings())
        balanced = _audit(settings, last, lists, lake, mends, dry_run, metrics_file)
    sys.exit(0 if balanced else 1)


def _audit(
    settings: Settings,
    last: int,
    lists: bool,
    lake: Path | None,
    mends: bool,
    dry_run: bool,
    metrics_file: Path | None,
) -> bool:
    elasticsearch = ends.elasticsearch(settings)
    properties = ends.kafka("audit", settings).client_properties()
    with _reachable(elasticsearch) as client:
        books = audit_books.read_signals(properties, client)
        if mends and books.missing:
            books = _repair(properties, client, books, dry_run)
        audit_books.record(client, books.windows, int(time.time() * 1000))
        client.indices.refresh(index="footfall-audit")
        ingest = audit_books.windows(client, "ingest")
    judged = audit_books.settled(ingest)
    bad = [row for row in judged if row["difference"]]
    signals = [window.to_document(0) for window in books.windows]
    _show({"ingest": ingest, "signals": signals}, last)
    balanced = _tell(bad, books, lists)
    if lake:
        balanced &= _hold_against(lake, properties, ingest, bad, lists)
    if metrics_file:
        metrics_file.write_text(metrics(judged, books.windows), encoding="utf-8")
    return balanced


def _repair(
    properties: dict[str, str], client: Elasticsearch, books: SignalBooks, dry_run: bool
) -> SignalBooks:
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


def _tell(bad: list[Document], books: SignalBooks, lists: bool) -> bool:
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


def _hold_against(
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
        place = first["window_start_ms"], first["partition"]
        for offset, event_id in audit_books.missing_events(properties, lake, *place):
            click.echo(f"missing: partition {place[1]} offset {offset} event_id {event_id}")
    return not differ


def _show(found: dict[str, list[Document]], last: int) -> None:
    out = new_console(stderr=False)
    for audit, columns in _AUDITS.items():
        rows = found[audit]
        if not rows:
            out.print(f"{audit}: no windows; {_hint(audit)}")
            continue
        table = Table(audit, "window (UTC)", *columns, "difference", "checksum", box=None, pad_edge=False)
        for row in rows[-last:]:
            cells = [str(_cell(row.get(column))) for column in columns]
            same = "same" if not row["checksum_difference"] else "differs"
            table.add_row("", _time(row), *cells, str(row["difference"]), same)
        out.print(table)


def _hint(audit: str) -> str:
    return {
        "ingest": "job audit writes them",
        "signals": "there are no signals in the topic",
    }[audit]


def _cell(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return ", ".join(f"{name} {count}" for name, count in value.items() if count) or 0


def _time(row: Document) -> str:
    return utc(row["window_start_ms"], "%Y-%m-%d %H:%M")


class _reachable:  # noqa: N801 - reads as a word
    """A client whose failures are told as Footfall's."""

    def __init__(self, ends_: ElasticsearchEnds) -> None:
        self._url, self._client = ends_.url, ends_.client()

    def __enter__(self) -> Elasticsearch:
        return self._client

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._client.close()
        if isinstance(error, (ApiError, TransportError)):
            raise IndexUnavailable(
                f"Elasticsearch at {self._url} does not answer or refuses: {plainly(error)}",
                "check elasticsearch_url, and that scripts/submit --prepare made the indices",
            ) from error


if __name__ == "__main__":
    main(prog_name="scripts/audit")
