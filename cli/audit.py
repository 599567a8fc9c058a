"""`scripts/audit`: does everything add up, what is missing where, and repair of the index from its topic."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from cli.audit_shown import hold_against, repair, show_differences, show_windows
from cli.options import CONTEXT, embedded_settings, reported_failures, settings_options
from jobs import ends
from jobs.offline import prometheus
from jobs.offline.audit import books as audit_books
from jobs.offline.audit.books import reachable
from jobs.offline.audit.sums import metrics
from jobs.settings import Settings, load


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
    repair, if there was one), 1 something does not or an end does not answer, 2 an option is invalid.
    """
    if dry_run and not mends:
        raise click.UsageError("--dry-run goes with --repair")
    with reported_failures():
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
    with reachable(elasticsearch) as client:
        books = audit_books.read_signals(properties, client)
        if mends and books.missing:
            books = repair(properties, client, books, dry_run)
        audit_books.record(client, books.windows, int(time.time() * 1000))
        client.indices.refresh(index="footfall-audit")
        ingest = audit_books.windows(client, "ingest")
    judged = audit_books.settled(ingest)
    bad = [row for row in judged if row["difference"]]
    signals = [window.to_document(0) for window in books.windows]
    show_windows({"ingest": ingest, "signals": signals}, last)
    balanced = show_differences(bad, books, lists)
    if lake:
        balanced &= hold_against(lake, properties, ingest, bad, lists)
    if metrics_file:
        prometheus.write(metrics_file, metrics(judged, books.windows))
    return balanced


if __name__ == "__main__":
    main(prog_name="scripts/audit")
