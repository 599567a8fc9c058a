"""Dead letters: reads refused messages again by their place, and makes the contract's documents of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pyflink.table import DataTypes, TableFunction
from pyflink.table.udf import udtf

from connectors.events import check_document, validate_event
from connectors.messages import parse_object
from connectors.rejected import Reject, Rejected
from connectors.reread import Record, Rereaders
from connectors.topics import MAX_RAW_MESSAGE_BYTES

_PARSE_REASONS = ("oversized", "not_utf8", "not_json", "not_an_object")
_BEYOND_THE_READER = (
    "the job's JSON reader could not read it: nesting, a number or a string beyond its limits"
)
_TOO_LARGE_TO_KEEP = (
    f"the bytes are not kept here: letters hold up to {MAX_RAW_MESSAGE_BYTES}, the raw topic has the message "
    "at this place"
)


def verdict_of(refusal: str, record: Record) -> Reject:
    """Why the message was refused; `refusal` is the job's own word, `reason:field` or `unparsable`.

    >>> verdict_of("missing_field:event_id", Record("t", 0, 7, 0, b"{}")).reason
    'missing_field'
    >>> verdict_of("unparsable", Record("t", 0, 7, 0, b"[1]")).reason
    'not_an_object'
    """
    parsed = parse_object(record.value)
    reference = parsed if isinstance(parsed, Reject) else check_document(parsed, record.timestamp_ms)
    if refusal == "unparsable":
        if isinstance(reference, Reject) and reference.reason in _PARSE_REASONS:
            return reference
        return Reject("not_json", None, _BEYOND_THE_READER)
    reason, _, field = refusal.partition(":")
    if isinstance(reference, Reject):
        return reference
    return Reject(reason, field or None, f"{field} does not fit the event contract")  # type: ignore[arg-type]


def letter(refusal: str, record: Record, job_version: str, payloads: bool = True) -> tuple[str, str]:
    """(letter_id, document as JSON text) of a refused message; the id is its place topic:partition:offset.

    Without payloads the letter says why and where, and holds no bytes: neither as they came nor in its words.
    A message that the raw topic should never have taken (its limit was raised) is too large for a letter too.
    """
    verdict, payload = verdict_of(refusal, record), record.value
    if not payloads:
        verdict = Reject(verdict.reason, verdict.field, "the message is not kept: rejected_payloads is off")
        payload = None
    elif payload is not None and len(payload) > MAX_RAW_MESSAGE_BYTES:
        verdict = Reject(verdict.reason, verdict.field, f"{verdict.detail}; {_TOO_LARGE_TO_KEEP}")
        payload = None
    document = Rejected.of(
        verdict,
        payload,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        adapter="canonical",
        job_version=job_version,
    )
    letter_id = f"{record.topic}:{record.partition}:{record.offset}"
    return letter_id, orjson.dumps(document.to_document()).decode()


class FetchRejected(TableFunction):  # type: ignore[misc]
    """(topic, partition, first offset, last offset, refusal) -> (letter_id, letter) per message there."""

    def __init__(self, properties: Mapping[str, str], job_version: str, payloads: bool = True) -> None:
        self._properties = dict(properties)
        self._job_version = job_version
        self._payloads = payloads

    def open(self, function_context: Any) -> None:
        """Opens the consumers and the counter that on-call reads."""
        self._readers = Rereaders(self._properties)
        self._rejected = function_context.get_metric_group().add_group("ingest").counter("rejected")

    def close(self) -> None:
        """Closes the consumers."""
        self._readers.close()

    def eval(
        self, topic: str, partition: int, first: int, last: int, refusal: str
    ) -> Iterator[tuple[str, str]]:
        """Yields one letter at a time, so that a long run of garbage needs no memory."""
        # Gaps come in order and refused events come in order, but not both together.
        lane = "gaps" if refusal == "unparsable" else "events"
        for record in self._readers.read(lane, topic, partition, first, last):
            if (
                first == 0
                and refusal == "unparsable"
                and not isinstance(validate_event(record.value), Reject)
            ):
                continue  # see `message_gaps`: after a long silence a partition's past looks like a gap
            self._rejected.inc()
            yield letter(refusal, record, self._job_version, self._payloads)


def fetch_rejected(properties: Mapping[str, str], job_version: str, payloads: bool = True) -> Any:
    """The function as Flink registers it."""
    return udtf(
        FetchRejected(properties, job_version, payloads),
        input_types=[
            DataTypes.STRING(), DataTypes.INT(), DataTypes.BIGINT(), DataTypes.BIGINT(), DataTypes.STRING(),
        ],
        result_types=[DataTypes.STRING(), DataTypes.STRING()],
    )  # fmt: skip
