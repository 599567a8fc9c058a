"""`scripts/erase`: a visitor is forgotten; ends with a receipt. `--check` proves it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError

from cli.options import CONTEXT, embedded_settings, reported_failures, settings_options
from connectors.contracts.pseudonyms import pseudonym
from connectors.errors import IndexUnavailable
from connectors.keys import KeySource
from connectors.wording import plainly
from jobs import ends
from jobs.offline.erasing import Receipt, erase, remains
from jobs.offline.times import utc
from jobs.settings import Settings, load


@click.command(context_settings=CONTEXT)
@click.argument("visitors", metavar="VISITOR...", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Erase nothing: say what there is to find of these ids.")
@click.option("--json", "as_json", is_flag=True, help="Receipt or finding as one JSON document a line.")
@settings_options
def main(
    visitors: tuple[str, ...],
    check: bool,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Erase visitors: user ids, or anonymous ids of one user each, with all ids that are linked to them.

    Their later events are held back until they consent again. The receipt says what was removed where, and
    what ends when by itself. Give the settings of the running jobs: they say how long something may be
    pending.

    Exit status: 0 erased, or --check finds nothing; 1 --check finds something, or Kafka or Elasticsearch does
    not answer; 2 an id or a setting is invalid.
    """
    with reported_failures(), _reported_index_failures():
        settings = load(settings_file, assignments, embedded_settings())
        client = ends.elasticsearch(settings).client()
        properties = ends.kafka("erase", settings).client_properties()
        ids = [_stored(visitor, settings) for visitor in visitors]
        if check:
            finding = remains(client, properties, ids)
            _print_json(finding) if as_json else _print_finding(finding)
            sys.exit(0 if finding["clean"] else 1)
        for visitor in ids:
            receipt = erase(client, properties, visitor, settings)
            _print_json(receipt.to_document()) if as_json else _print_receipt(receipt)


def _stored(visitor: str, settings: Settings) -> str:
    """The id as documents carry it."""
    if not settings.pseudonymise:
        return visitor
    return pseudonym(visitor, KeySource(settings.pseudonym_key_file).read())


@contextmanager
def _reported_index_failures() -> Iterator[None]:
    try:
        yield
    except (ApiError, TransportError) as error:
        raise IndexUnavailable(
            f"Elasticsearch does not do it: {plainly(error)}",
            "check elasticsearch_url and the key's rights, erase again: twice does no harm",
        ) from error


def _print_json(document: dict[str, Any]) -> None:
    click.echo(orjson.dumps(document).decode())


def _print_receipt(receipt: Receipt) -> None:
    click.echo(f"erased {receipt.visitor} at {utc(receipt.erased_at_ms)} UTC")
    click.echo(f"  ids        {', '.join(receipt.ids)}")
    if receipt.shared_ids:
        click.echo(
            f"  shared     {', '.join(receipt.shared_ids)} (devices of other users too: not held back)"
        )
    for alias, count in receipt.removed.items():
        click.echo(f"  removed    {count} documents of {alias}")
    for topic, count in receipt.tombstones.items():
        click.echo(f"  tombstones {count} in {topic}")
    click.echo(f"  refused    every document of theirs up to {utc(receipt.quiet_until_ms)}")
    for row in receipt.expires:
        by = utc(row["by_ms"]) if row["by_ms"] is not None else "see there"
        click.echo(f"  until {by}  {row['where']}: {row['what']}")
    click.echo(f"prove it with: scripts/erase --check {' '.join(receipt.ids + receipt.shared_ids)}")


def _print_finding(finding: dict[str, Any]) -> None:
    for alias, count in finding["documents"].items():
        click.echo(f"{count} documents in {alias}")
    click.echo(f"{finding['aliases']} living records in the topic of aliases")
    for visitor in finding["unregistered"]:
        click.echo(f"{visitor} is not in the register of erasures")
    click.echo("nothing is left" if finding["clean"] else "something is left: erase again")


if __name__ == "__main__":
    main(prog_name="scripts/erase")
