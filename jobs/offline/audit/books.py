"""The audit's sides, read back: signals from topic and index, events from topic and lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import polars as pl
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.helpers import scan

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.elasticsearch.bulk import BulkWriter, Write
from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.elasticsearch.erasures import Register
from connectors.errors import IndexUnavailable
from connectors.kafka.topic_reader import read_topic
from connectors.lake.reading import scan_events
from connectors.wording import plainly
from jobs.offline.audit.sums import (
    WINDOW_MS,
    Document,
    SignalWindow,
    hash_code,
    newest,
    signal_windows,
)

_RETRY_MS = 30_000
_BATCH = 1_000


@dataclass
class SignalBooks:
    """Signals on both sides."""

    topic: dict[str, Document]
    windows: list[SignalWindow]

    @property
    def missing(self) -> list[str]:
        """Ids that the index lacks or holds in an older version, in the order of time."""
        return [signal_id for window in self.windows for signal_id in window.missing]


def read_signals(properties: Mapping[str, str], client: Elasticsearch) -> SignalBooks:
    """Compares the whole signals topic, but for erased visitors, with the index.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        elasticsearch.ApiError: Elasticsearch refuses.
    """
    messages = read_topic(properties, topics.SIGNALS.name)
    found = _not_erased(client, newest(message.value for message in messages if message.value))
    client.indices.refresh(index=indices.SIGNALS.alias)
    hits = scan(client, index=indices.SIGNALS.alias, query={"_source": ["version"]}, size=5_000)
    held = {hit["_id"]: int(hit["_source"]["version"]) for hit in hits}
    return SignalBooks(found, signal_windows(found, held))


def _not_erased(client: Elasticsearch, signals: dict[str, Document]) -> dict[str, Document]:
    """Without those of erased visitors: the topic holds them until its retention, the index must not."""
    writes = [_write_of(document) for document in signals.values()]
    erased = Register(client).refused(writes)
    return {
        write.document_id: signals[write.document_id]
        for index, write in enumerate(writes)
        if index not in erased
    }


def _write_of(signal: Document) -> Write:
    text = orjson.dumps(signal).decode()
    return Write(indices.SIGNALS.alias, signal["signal_id"], int(signal["version"]), text)


def record(client: Elasticsearch, windows: Iterable[SignalWindow], version: int) -> None:
    """Writes the windows to the audit's index.

    Raises:
        IndexUnavailable: they cannot be written.
    """
    documents = [window.to_document(version) for window in windows]
    _write(
        client,
        [
            Write(indices.AUDIT.alias, document["audit_id"], version, orjson.dumps(document).decode())
            for document in documents
        ],
    )


def repair(client: Elasticsearch, books: SignalBooks) -> dict[str, str]:
    """Writes what the index lacks, as it lies in the topic; the refused ones with the server's reason.

    External versions make it harmless: what is newer in the index stays, and a second run changes nothing.

    Raises:
        IndexUnavailable: Elasticsearch does not answer.
    """
    writes = [_write_of(books.topic[key]) for key in books.missing]
    return _write(client, writes)


def _write(client: Elasticsearch, writes: list[Write]) -> dict[str, str]:
    writer, refused = BulkWriter(client, _RETRY_MS), {}
    for start in range(0, len(writes), _BATCH):
        batch = writes[start : start + _BATCH]
        outcome = writer.write(batch)
        refused.update({batch[index].document_id: reason for index, reason in outcome.failures.items()})
    return refused


def windows(client: Elasticsearch, audit: str, last: int | None = None) -> list[Document]:
    """Windows of the audit's index, the oldest first; `last` takes only so many of the newest."""
    if last is None:
        query = {"query": {"term": {"audit": audit}}}
        rows = [hit["_source"] for hit in scan(client, index=indices.AUDIT.alias, query=query)]
    else:
        order = [{"window_start_ms": "desc"}, {"audit_id": "asc"}]
        answer = client.search(
            index=indices.AUDIT.alias, query={"term": {"audit": audit}}, sort=order, size=last
        )
        rows = [hit["_source"] for hit in answer["hits"]["hits"]]
    return sorted(rows, key=lambda row: (row["window_start_ms"], row["audit_id"]))


def settled(rows: list[Document]) -> list[Document]:
    """Without the newest window and the one before it, whose events are still under way.

    >>> [row["window_start_ms"] for row in settled([{"window_start_ms": n * 300_000} for n in range(4)])]
    [0, 300000]
    """
    newest_ms = max((row["window_start_ms"] for row in rows), default=0)
    return [row for row in rows if row["window_start_ms"] < newest_ms - WINDOW_MS]


def missing_events(
    properties: Mapping[str, str], lake: Path, window_start_ms: int, partition: int
) -> list[tuple[int, str | None]]:
    """(offset, event id) of the window's messages that are neither in the lake nor late nor rejected.

    A duplicate is not missing: its id is in the lake. A message without a readable id has None.

    Raises:
        BadInput: the folder is no lake.
        BrokerUnavailable: Kafka does not answer.
    """
    elsewhere = _offsets_of(properties, topics.EVENTS_REJECTED.name) | _offsets_of(
        properties, topics.EVENTS_LATE.name, "source"
    )
    read = {
        message.offset: _event_id(message.value)
        for message in read_topic(properties, topics.EVENTS_RAW.name)
        if message.partition == partition
        and message.timestamp // WINDOW_MS * WINDOW_MS == window_start_ms
        and (partition, message.offset) not in elsewhere
        and b'"heartbeat"' not in (message.value or b"")
    }
    wanted = [event_id for event_id in read.values() if event_id is not None]
    frame = scan_events(lake).filter(pl.col("event_id").is_in(wanted)).select("event_id").collect()
    held = set(frame["event_id"])
    return [(offset, event_id) for offset, event_id in sorted(read.items()) if event_id not in held]


def lake_windows(lake: Path) -> dict[tuple[int, int], tuple[int, int]]:
    """(count, checksum) of the lake's events by window of arrival and partition, as the ledger has them.

    Raises:
        BadInput: the folder is no lake.
    """
    columns = scan_events(lake).select(
        (pl.col("source_timestamp_ms") // WINDOW_MS * WINDOW_MS).alias("window"),
        "source_partition",
        pl.col("event_id").map_elements(hash_code, return_dtype=pl.Int64).alias("hash"),
    )
    sums = columns.group_by("window", "source_partition").agg(pl.len(), pl.col("hash").sum()).collect()
    return {(window, partition): (count, total) for window, partition, count, total in sums.iter_rows()}


def _offsets_of(properties: Mapping[str, str], topic: str, within: str | None = None) -> set[tuple[int, int]]:
    documents = (orjson.loads(message.value) for message in read_topic(properties, topic))
    positions = (document[within] if within else document for document in documents)
    return {(one["partition"], one["offset"]) for one in positions}


def _event_id(value: bytes | None) -> str | None:
    try:
        document = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    found = document.get("event_id") if isinstance(document, dict) else None
    return None if found is None else str(found)


class reachable:  # noqa: N801 - reads as a word
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
