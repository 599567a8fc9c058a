"""Foreign messages -> canonical events and dead letters, a batch a call; see connectors/adapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pandas as pd
from pyflink.table import DataTypes, ScalarFunction
from pyflink.table.udf import udf

from connectors.adapters import AUTO, UNFORESEEN, Adapted, Refusal, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.adapters.reading import EARLIEST_MS, time_text_ms
from connectors.contracts.rejected import Rejected

SEPARATOR = "\x1f"  # JSON has no control characters, so the document never holds it
UNKNOWN = "unknown"


def record_of(
    topic: str, partition: int, offset: int, timestamp: str, received: str | None
) -> RecordMetadata:
    """The metadata of a message.

    Args:
        topic: of the record.
        partition: of the record.
        offset: of the record.
        timestamp: of the record, as SQL writes a time in UTC.
        received: the header `received_at_ms`: epoch milliseconds, UNKNOWN, or None for the record's own time.

    >>> record_of("t", 0, 7, "2023-11-14 22:13:20.000", None).received_ms
    1700000000000
    >>> record_of("t", 0, 7, "2023-11-14 22:13:20.000", "unknown").received_ms is None
    True
    """
    timestamp_ms = max(0, time_text_ms(timestamp, "timestamp"))
    received_ms: int | None = timestamp_ms
    if received == UNKNOWN:
        received_ms = None
    elif received and received.isascii() and received.isdigit() and len(received) < 16:
        received_ms = int(received) if int(received) >= EARLIEST_MS else timestamp_ms
    return RecordMetadata(topic, int(partition), int(offset), timestamp_ms, received_ms)


def texts(payload: bytes | None, adapter: str, record: RecordMetadata, job_version: str) -> Iterator[str]:
    """kind, event time, record key and document of everything that became of a message.

    >>> record = RecordMetadata("t", 0, 7, 1_700_000_000_000, None)
    >>> [text.split(SEPARATOR)[:3] for text in texts(b"{", AUTO, record, "1")]
    [['rejected', '0', 't:0:7']]
    """
    for one in adapt(payload, adapter, record):
        if isinstance(one, Adapted):
            key = one.visitor_id.replace(SEPARATOR, " ")
            yield SEPARATOR.join(("event", str(one.event_time_ms), key, one.document.decode()))
        else:
            letter_id, letter = letter_of(one, record, job_version)
            yield SEPARATOR.join(("rejected", "0", letter_id, letter))


def letter_of(refusal: Refusal, record: RecordMetadata, job_version: str) -> tuple[str, str]:
    """(letter_id, document as JSON text) of a refusal."""
    letter = Rejected.of(
        refusal.verdict,
        refusal.payload,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        adapter=refusal.adapter,
        job_version=job_version,
        index=refusal.index,
    )
    part = "" if refusal.index is None else f":{refusal.index}"
    letter_id = f"{record.topic}:{record.partition}:{record.offset}{part}"
    return letter_id, orjson.dumps(letter.to_document()).decode()


class AdaptMessages(ScalarFunction):  # type: ignore[misc]
    """(payload, headers adapter and received_at_ms, position, timestamp) -> the texts of the message."""

    def __init__(self, adapters: Mapping[str, str], job_version: str) -> None:
        self._adapters = dict(adapters)
        self._job_version = job_version

    def open(self, function_context: Any) -> None:
        """Opens the counters that on-call reads."""
        group = function_context.get_metric_group().add_group("adapt")
        self._counters = {name: group.counter(name) for name in ("events", "rejected", "unforeseen")}

    def eval(
        self,
        payloads: pd.Series,
        adapters: pd.Series,
        received: pd.Series,
        topics: pd.Series,
        partitions: pd.Series,
        offsets: pd.Series,
        timestamps: pd.Series,
    ) -> pd.Series:
        """The texts of every message of a batch."""
        rows = zip(payloads, adapters, received, topics, partitions, offsets, timestamps, strict=True)
        return pd.Series([self._message(*row) for row in rows], index=payloads.index, dtype=object)

    def _message(
        self, payload: bytes | None, adapter: str | None, received: str | None, topic: str, *record: Any
    ) -> list[str]:
        name = adapter or self._adapters.get(topic, AUTO)
        partition, offset, timestamp = record
        where = record_of(topic, partition, offset, timestamp, received)
        answer = list(texts(payload, name, where, self._job_version))
        for text in answer:
            self._counters["events" if text.startswith("event") else "rejected"].inc()
            if UNFORESEEN in text[:2_000]:
                self._counters["unforeseen"].inc()
        return answer


def adapt_message(adapters: Mapping[str, str], job_version: str) -> Any:
    """The function as Flink registers it; `adapters` is the default of each topic."""
    text = DataTypes.STRING()
    return udf(
        AdaptMessages(adapters, job_version),
        input_types=[DataTypes.BYTES(), text, text, text, DataTypes.INT(), DataTypes.BIGINT(), text],
        result_type=DataTypes.ARRAY(DataTypes.STRING()),
        func_type="pandas",
    )
