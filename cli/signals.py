"""`scripts/signals`: what the signals index holds, as a table or as JSON lines."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from rich.table import Table

from cli.options import CONTEXT, embedded_settings, failures_told, settings_options
from connectors.contracts.signals import SIGNAL_STATUSES
from connectors.elasticsearch import indices
from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.errors import IndexUnavailable, SettingError
from connectors.wording import plainly
from jobs.offline.times import utc
from jobs.settings import load
from stack.console import new_console

Document = dict[str, Any]
_SPAN = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIMEOUT_MS = 10_000


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
    setting is no good.
    """
    with failures_told():
        terms = {"visitor_id": visitor, "kind": kind, "status": status}
        query = query_of(terms, since_ms(since, datetime.now(UTC)) if since else None)
        signals = search(elasticsearch_ends(url, settings_file, assignments), query, limit)
    _print_lines(signals) if as_json else _print_table(signals)


def query_of(terms: dict[str, str | None], occurred_since_ms: int | None) -> Document:
    """The query; what is None does not restrict.

    >>> query_of({"kind": "cart_abandoned", "status": None}, None)
    {'bool': {'filter': [{'term': {'kind': 'cart_abandoned'}}]}}
    """
    filters: list[Document] = [{"term": {name: value}} for name, value in terms.items() if value is not None]
    if occurred_since_ms is not None:
        filters.append({"range": {"occurred_at_ms": {"gte": occurred_since_ms}}})
    return {"bool": {"filter": filters}}


def since_ms(text: str, now: datetime) -> int:
    """Epoch milliseconds of a span before now, or of a time; a time without a zone is UTC.

    >>> since_ms("2h", datetime(2024, 1, 1, 2, tzinfo=UTC)) == since_ms("2024-01-01", datetime.now(UTC))
    True

    Raises:
        SettingError: the text is neither.
    """
    if span := _SPAN.fullmatch(text):
        return int((now - timedelta(**{_UNITS[span[2]]: int(span[1])})).timestamp() * 1000)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingError(
            f"--since takes 90s, 15m, 2h, 7d or an ISO 8601 time like 2024-01-31T12:00; got {text!r}"
        ) from error
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def search(ends: ElasticsearchEnds, query: Document, limit: int) -> list[Document]:
    """The newest signals that match.

    Raises:
        IndexUnavailable: Elasticsearch does not answer or refuses.
        SettingError: the address is none.
    """
    try:
        return _search(ends.client(), query, limit)
    except ApiError as error:
        raise _refusal(ends.url, error) from error
    except ValueError as error:
        raise SettingError(f"elasticsearch_url {ends.url!r} is no address: {plainly(error)}") from error
    except TransportError as error:
        raise IndexUnavailable(
            f"no Elasticsearch at {ends.url}: {plainly(error)}",
            "start one (scripts/run has one) or correct --url",
        ) from error


def _search(client: Elasticsearch, query: Document, limit: int) -> list[Document]:
    answer = client.search(
        index=indices.SIGNALS.alias, query=query, size=limit, sort=[{"occurred_at_ms": "desc"}]
    )
    return [hit["_source"] for hit in answer["hits"]["hits"]]


def _refusal(url: str, error: ApiError) -> IndexUnavailable:
    refuses = f"Elasticsearch at {url} refuses"
    if error.meta.status == 404:
        return IndexUnavailable(
            f"{refuses}: there is no {indices.SIGNALS.alias}", "set up a job on it: scripts/submit --prepare"
        )
    if error.meta.status in (401, 403):
        return IndexUnavailable(
            f"{refuses}: {plainly(error)}", "check elasticsearch_api_key_file and the key's rights"
        )
    return IndexUnavailable(f"{refuses}: {plainly(error)}")


def elasticsearch_ends(
    url: str | None, settings_file: Path | None, assignments: tuple[str, ...]
) -> ElasticsearchEnds:
    """Elasticsearch as the command line says, or that of a running scripts/run, or the setting's."""
    settings = load(settings_file, assignments, embedded_settings())
    return ElasticsearchEnds(
        url=url or settings.elasticsearch_url,
        api_key_file=settings.elasticsearch_api_key_file,
        ca_file=settings.elasticsearch_ca_file,
        timeout_ms=min(settings.elasticsearch_timeout_ms, _TIMEOUT_MS),
    )


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
    said = {"score": signal["score"], **signal["evidence"]} if "model" in signal else dict(signal["evidence"])
    if "model" in signal and "reasons" in said:
        said["reasons"] = " ".join(reason["feature"] for reason in said["reasons"])
    return ", ".join(f"{name}={value}" for name, value in said.items())


if __name__ == "__main__":
    main(prog_name="scripts/signals")
